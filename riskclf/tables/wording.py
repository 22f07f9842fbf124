"""Words for messages, none of which holds the text of a post."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "cause",
    "kind_of",
    "listed",
]


def listed(names: Sequence[str]) -> str:
    """Column names, without those that may be the text of a post."""
    # In a file without a header the "names" are a post: so long ones are not shown.
    shown = [f"'{n}'" if len(n) <= 24 else f"(a name of {len(n)} characters)" for n in names[:30]]
    more = [f"and {len(names) - 30} more"] if len(names) > 30 else []
    return ", ".join(shown + more)


def kind_of(value: Any) -> str:
    """What kind of value it is, as JSON calls it."""
    if value is None:
        return "null"
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value)) or ("a list" if isinstance(value, list) else "an object")


def cause(error: Exception) -> str:
    """Why an operation on a file failed, in the words of the operating system."""
    return getattr(error, "strerror", None) or str(error)
