"""Figures as text, and tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from training.cards.figures import RISKY_IN_STREAM

__all__ = ["NOT_MEASURED", "hour", "percent", "rate", "statistic", "table"]

NOT_MEASURED = "Not measured yet.\n"
"""What a section says whose figures are not there."""


def percent(figure: Mapping[str, Any]) -> str:
    """A share of rows in percent, with its interval and count."""
    if not figure["of"]:
        return "–"
    bounds = f"{100 * figure['low']:.2f}–{100 * figure['high']:.2f}"
    return f"{100 * figure['value']:.2f} % ({bounds}), {figure['hits']:,} of {figure['of']:,}"


def rate(figure: Mapping[str, Any]) -> str:
    """A share in percent, with its interval."""
    if figure["value"] is None:
        return "–"
    return f"{100 * figure['value']:.1f} % ({100 * figure['low']:.1f}–{100 * figure['high']:.1f})"


def statistic(figure: Mapping[str, Any]) -> str:
    """A figure such as macro-F1, with its interval if there is one."""
    if figure["value"] is None:
        return "–"
    if figure.get("low") is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def hour(figure: Mapping[str, float]) -> str:
    """What `training.cards.figures.officers_hour` gives."""
    bounds = f"{figure['low']:.0f}–{figure['high']:.0f}"
    return f"{figure['mean']:.2f} of {RISKY_IN_STREAM} ({bounds})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; every row has as many cells as the head."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + " --- |" * len(head))
    return "\n".join(lines) + "\n"
