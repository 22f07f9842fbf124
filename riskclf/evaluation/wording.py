"""What a report is made of, and how it puts a figure into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from riskclf.evaluation.figures import Estimate, Proportion

__all__ = [
    "Section",
    "Table",
    "as_count",
    "as_counts",
    "as_points",
    "as_range",
    "as_share",
    "markdown_cell",
    "one_in",
    "percent",
]


@dataclass(frozen=True)
class Table:
    """A table of words; the first column heads its rows."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A part of the report: sentences, then tables, then plots."""

    title: str
    lines: Sequence[str] = ()
    tables: Sequence[Table] = ()
    plots: Mapping[str, str] = field(default_factory=dict)
    """Name of the plot to what it shows, in words for those who cannot see it."""


def percent(share: float) -> str:
    """A share as a number of per cent, without the sign."""
    percent = 100 * share
    digits = 0 if percent in (0, 100) else 1 if 1 <= percent <= 99 else 2
    return f"{percent:.{digits}f}"


def as_share(proportion: Proportion) -> str:
    """A proportion with its interval and its counts."""
    if proportion.value is None:
        return "no posts"
    low, high = percent(proportion.low), percent(proportion.high)
    counts = f"{proportion.hits:,} of {proportion.of:,}"
    return f"{percent(proportion.value)} % ({low}–{high}), {counts}"


def as_range(figure: Estimate | Proportion) -> str:
    """A figure with its interval, in per cent."""
    if figure.low is None or figure.high is None:
        return "unknown"
    low, high = percent(figure.low), percent(figure.high)
    if figure.value is None:
        return f"unknown ({low}–{high} %)"
    return f"{percent(figure.value)} % ({low}–{high})"


def as_counts(figure: Estimate) -> str:
    """A number of posts with its interval."""
    if figure.low is None or figure.high is None:
        return "unknown"
    low, high = as_count(figure.low), as_count(figure.high)
    value = "unknown" if figure.value is None else as_count(figure.value)
    return f"{value} ({low}–{high})"


def as_count(number: float) -> str:
    """A number of posts, with a decimal below 20."""
    return f"{number:,.0f}" if number >= 20 else f"{number:.1f}"


def as_points(difference: Estimate) -> str:
    """A difference of two shares with its interval, in points."""
    if difference.value is None or difference.low is None or difference.high is None:
        return "unknown"
    value, low, high = (
        f"{100 * x:+.1f}" for x in (difference.value, difference.low, difference.high)
    )
    return f"{value} ({low} to {high})"


def one_in(prevalence: float) -> str:
    """A share of risky posts, in words."""
    if prevalence > 0.1:
        return f"{percent(prevalence)} % risky posts"
    return f"one risky post in {1 / prevalence:,.0f}"


def markdown_cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    text = " ".join(text.split())
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|")):
        text = text.replace(character, escaped)
    return text
