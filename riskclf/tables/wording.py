"""Words for messages, none of which holds the text of a post."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["cause", "kind_of", "lacks_column", "listed"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_SHOWN = 30


def listed(names: Sequence[str]) -> str:
    """Column names for a message; those that may be the text of a post are only counted.

    In a file without a header the "names" are a post. A short one is shown only if it is one word
    of ASCII letters, digits and signs, which a Japanese post is not.
    """
    shown = [f"'{name}'" for name in names if _NAME.fullmatch(name)][:_SHOWN]
    rest = len(names) - len(shown)
    if not rest:
        return ", ".join(shown) or "none"
    if not shown:
        return "1 that is not shown" if rest == 1 else f"{rest:,} that are not shown"
    return f"{', '.join(shown)} and {rest:,} more"


def lacks_column(name: str, column: str, columns: Sequence[str], hint: str) -> str:
    """Why a table without a column that is needed is refused; for an error.

    Args:
        name: of the table.
        column: that it lacks.
        columns: that it has. A single one may be a post of one word, and is not shown.
        hint: what to do if another column is meant.
    """
    if len(columns) == 1:
        return (
            f"{name} has no column '{column}', and only one column: its first line must name the "
            f"columns; or {hint}"
        )
    return f"{name} has no column '{column}'; its columns are {listed(columns)}; {hint}"


def kind_of(value: Any) -> str:
    """What kind of value it is, as JSON calls it."""
    if value is None:
        return "null"
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value)) or ("a list" if isinstance(value, list) else "an object")


def cause(error: Exception) -> str:
    """Why an operation on a file failed, in the words of the operating system."""
    return getattr(error, "strerror", None) or str(error)
