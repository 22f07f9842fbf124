"""The month of a post, in a stated time zone."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from riskclf.language import Sentence
from riskclf.tables import is_missing, time_in

__all__ = ["days_of", "months_between", "time_of"]

_NO_TIME = Sentence("it is not a time such as 2026-04-01T09:05:00+09:00")


def time_of(value: Any, zone: ZoneInfo) -> datetime | Sentence:
    """When a post was posted, in `zone`, or what is wrong with the value.

    Args:
        value: of a cell, see `riskclf.tables.time_in`. A time without a zone is one in `zone`.
        zone: see `riskclf.inputs.zone_of`.
    """
    if is_missing(value):
        return Sentence("it is missing")
    found = time_in(value)
    if found is None:
        return _NO_TIME
    if not isinstance(found, datetime):
        found = datetime.combine(found, time())
    try:
        return found.astimezone(zone) if found.tzinfo else found.replace(tzinfo=zone)
    except OverflowError:  # the first or last day of the calendar, in another zone
        return _NO_TIME


def months_between(first: str, last: str) -> list[str]:
    """All months from the first to the last, both such as ``2026-04``."""
    start, end = (12 * int(x[:4]) + int(x[5:]) - 1 for x in (first, last))
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(start, end + 1)]


def days_of(month: str) -> int:
    """How many days a month has."""
    year, number = int(month[:4]), int(month[5:])
    following = date(year + number // 12, number % 12 + 1, 1)
    return (following - date(year, number, 1)).days
