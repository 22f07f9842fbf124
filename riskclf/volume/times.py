"""The month of a post, in a stated time zone."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from riskclf.language import Sentence
from riskclf.tables import is_missing

__all__ = ["days_of", "months_between", "time_of"]

# What fromisoformat does not read: 2026/4/1 9:05, 2026年4月1日.
_DATE = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?"
)


def time_of(value: Any, zone: ZoneInfo) -> datetime | Sentence:
    """When a post was posted, in `zone`, or what is wrong with the value.

    Args:
        value: of a cell: a time, a date, or text (ISO 8601, 2026/4/1 9:05, 2026年4月1日). A time
            without a zone is one in `zone`.
        zone: see `riskclf.inputs.zone_of`.
    """
    if is_missing(value):
        return Sentence("it is missing")
    try:
        if isinstance(value, str):
            value = _parsed(value.strip())
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if isinstance(value, datetime):
            return value.astimezone(zone) if value.tzinfo else value.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        pass
    return Sentence("it is not a time such as 2026-04-01T09:05:00+09:00")


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        found = _DATE.fullmatch(text)
        if found is None:
            raise
        return datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]


def months_between(first: str, last: str) -> list[str]:
    """All months from the first to the last, both such as ``2026-04``."""
    start, end = (12 * int(x[:4]) + int(x[5:]) - 1 for x in (first, last))
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(start, end + 1)]


def days_of(month: str) -> int:
    """How many days a month has."""
    year, number = int(month[:4]), int(month[5:])
    following = date(year + number // 12, number % 12 + 1, 1)
    return (following - date(year, number, 1)).days
