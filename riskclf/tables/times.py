"""A day or a time that a cell holds, in the forms that people write."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from typing import Any

from riskclf.tables.texts import is_missing

__all__ = ["time_in"]

# What fromisoformat does not read: 2026/4/1, 2026.4.1 9:05, 2026年4月1日.
_DATE = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T\s]+(\d{1,2}):(.+))?", re.DOTALL
)


def time_in(value: Any) -> datetime | date | None:
    """The time in a cell: with or without a zone, as it is given; or only the day.

    Args:
        value: a time, a date, or text: ISO 8601, 2026/4/1 9:05, 2026年4月1日. Full-width digits
            are read too.

    Returns:
        None where the value is missing, or is neither a day nor a time.
    """
    if is_missing(value):
        return None
    if isinstance(value, date):  # a datetime is one too
        return value
    return _parsed(unicodedata.normalize("NFKC", value).strip()) if isinstance(value, str) else None


def _parsed(text: str) -> datetime | date | None:
    found = _DATE.fullmatch(text)
    if found is not None:
        year, month, day, hour, rest = found.groups()
        text = f"{year}-{month:0>2}-{day:0>2}" + (f"T{hour:0>2}:{rest}" if hour else "")
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    return None
