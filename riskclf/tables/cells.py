"""A value of a row as the text of a field, or as JSON."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping
from typing import Any

from riskclf.errors import FormatError

__all__ = [
    "cell",
    "json_text",
    "number_of",
]


def cell(value: Any) -> str:
    """A value as the text of a CSV field: null is empty, nested values are JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bool | int | float | list | tuple | dict):
        return json_text(value)
    return _plain(value)


def _plain(value: Any) -> str:
    """What Parquet knows and JSON does not, as text."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def json_text(value: Any) -> str:
    """A value as JSON: NaN and infinity become null, bytes hexadecimal, dates ISO 8601.

    Raises:
        FormatError: it is nested too deep.
    """
    try:
        try:
            return json.dumps(value, ensure_ascii=False, default=_plain, allow_nan=False)
        except ValueError:  # NaN and infinity are not JSON
            return json.dumps(_finite(value), ensure_ascii=False, default=_plain)
    except RecursionError:
        raise FormatError("a value is nested too deep to be written as JSON") from None


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def number_of(value: Any) -> float | None:
    """A value as a finite number; None if it is none, such as a boolean."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):  # 10**400 is more than a float holds
        return None
    return number if math.isfinite(number) else None
