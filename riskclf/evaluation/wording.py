"""What a report is made of, and how it puts a figure into words.

The words are those of the current language, see `riskclf.language`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from riskclf.evaluation.figures import Counts, Estimate, Proportion, Size
from riskclf.language import gettext as _
from riskclf.language import pgettext

__all__ = [
    "Section",
    "Table",
    "alarm_name",
    "as_count",
    "as_counts",
    "as_points",
    "as_range",
    "as_share",
    "counted",
    "one_in",
    "percent",
    "unit_of_time",
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
        return _("no posts")
    return _("{value} % ({low}–{high}), {hits:,} of {of:,}").format(
        value=percent(proportion.value),
        low=percent(proportion.low),
        high=percent(proportion.high),
        hits=proportion.hits,
        of=proportion.of,
    )


def as_range(figure: Estimate | Proportion) -> str:
    """A figure with its interval, in per cent."""
    if figure.low is None or figure.high is None:
        return _("unknown")
    low, high = percent(figure.low), percent(figure.high)
    if figure.value is None:
        return _("unknown ({low}–{high} %)").format(low=low, high=high)
    value = percent(figure.value)
    return _("{value} % ({low}–{high})").format(value=value, low=low, high=high)


def as_counts(figure: Estimate) -> str:
    """A number of posts with its interval."""
    if figure.low is None or figure.high is None:
        return _("unknown")
    value = _("unknown") if figure.value is None else as_count(figure.value)
    low, high = as_count(figure.low), as_count(figure.high)
    return _("{value} ({low}–{high})").format(value=value, low=low, high=high)


def as_count(number: float) -> str:
    """A number of posts, with a decimal below 20."""
    return f"{number:,.0f}" if number >= 20 else f"{number:.1f}"


def as_points(difference: Estimate) -> str:
    """A difference of two shares with its interval, in points."""
    if difference.value is None or difference.low is None or difference.high is None:
        return _("unknown")
    value, low, high = (
        f"{100 * x:+.1f}" for x in (difference.value, difference.low, difference.high)
    )
    return _("{value} ({low} to {high})").format(value=value, low=low, high=high)


def one_in(prevalence: float) -> str:
    """A share of risky posts, in words."""
    if prevalence > 0.1:
        return _("{share} % risky posts").format(share=percent(prevalence))
    return _("one risky post in {number:,.0f}").format(number=1 / prevalence)


def counted(counts: Counts | Size) -> str:
    """How many posts there are, and of which kind."""
    return _("{risky:,} risky, {benign:,} benign, {unclear:,} unclear").format(
        risky=counts.risky, benign=counts.benign, unclear=counts.unclear
    )


def alarm_name(alarm: str) -> str:
    """What counts as an alarm: a key of `RowFigures.operating_points`."""
    return _("flag or review") if alarm == "flag_or_review" else alarm.replace("_", " ")


def unit_of_time(unit: str) -> str:
    """A unit of `riskclf.evaluation.thresholds.Rate`."""
    return {
        "minute": pgettext("a rate per", "minute"),
        "hour": pgettext("a rate per", "hour"),
        "day": pgettext("a rate per", "day"),
        "week": pgettext("a rate per", "week"),
        "month": pgettext("a rate per", "month"),
        "year": pgettext("a rate per", "year"),
    }[unit]
