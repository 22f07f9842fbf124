"""Thresholds on purpose: one that fills a team's hours, or that reaches a precision or a recall.

A threshold is chosen on one part of the rows and measured on the other. The parts are halves that
share no family (without families: no text), because a threshold that was chosen on the rows that
judge it looks better than it is.

What a stream brings follows from three numbers: its volume, its base rate of risky posts, and the
two rates that the rows tell, recall and false positive rate::

    alarms = volume * (base rate * recall + (1 - base rate) * false positive rate)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import roc_curve

from riskclf.errors import EvaluationError, InputError
from riskclf.evaluation.figures import (
    AlarmFigures,
    Estimate,
    Expected,
    FirstPosts,
    Size,
    Threshold,
)
from riskclf.evaluation.metrics import alarm_figures, intervals_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.evaluation.scored import ScoredRows

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = ["FIRST", "Rate", "Stream", "check_share", "choose_thresholds", "first_posts", "halves"]

FIRST = 20
"""As many posts as an officer looks at before anything else."""

_STREAMS = (1_000, 10_000, 100_000)
_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0, "week": 168.0, "month": 730.0, "year": 8760.0}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many posts per unit of time, such as 20/hour."""

    count: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read ``20/hour``.

        Raises:
            InputError: it is not a number above 0, a slash and minute, hour, day, week, month or
                year.
        """
        found = re.fullmatch(r"\s*([\d_,]*\.?\d+)\s*/\s*([a-z]+?)s?\s*", text)
        unit = found[2] if found else ""
        if not found or unit not in _HOURS or not float(re.sub("[_,]", "", found[1])) > 0:
            raise InputError(
                f"'{text}' is not a rate: write a number, a slash and one of {', '.join(_HOURS)}, "
                "such as 20/hour"
            )
        return cls(float(re.sub("[_,]", "", found[1])), unit)

    def per(self, unit: str) -> float:
        """The same rate for another unit of time."""
        return self.count * _HOURS[unit] / _HOURS[self.unit]


@dataclass(frozen=True, slots=True)
class Stream:
    """What the user knows of their own stream; what is None is not known.

    Raises:
        InputError: a capacity without a volume, or a prevalence that does not lie between 0 and 1.
    """

    prevalence: float | None = None
    """Share of risky posts, between 0 and 1; without it that of the rows is taken."""
    volume: Rate | None = None
    capacity: Rate | None = None
    """How many posts the team can look at."""

    def __post_init__(self) -> None:
        check_share("the prevalence", self.prevalence)
        if self.capacity is not None and self.volume is None:
            raise InputError("a capacity needs the volume of the stream too, such as 5000/hour")


def check_share(name: str, value: float | None) -> None:
    """Refuse what does not lie strictly between 0 and 1.

    Raises:
        InputError: it does not.
    """
    if value is not None and not 0 < value < 1:
        raise InputError(f"{name} {value!r} must lie between 0 and 1, such as 0.001")


def choose_thresholds(
    rows: ScoredRows,
    stream: Stream,
    *,
    min_precision: float | None = None,
    min_recall: float | None = None,
    same_rows: bool = False,
) -> list[Threshold]:
    """The threshold for each constraint, and what it does on rows that it was not chosen on.

    Args:
        rows: scored rows; unclear ones take no part.
        stream: its capacity is a constraint.
        min_precision: of the alarms, at the stream's base rate where that is given.
        min_recall: of the risky posts.
        same_rows: choose and measure on the same rows (optimistic).

    Raises:
        EvaluationError: there are too few risky or benign posts to choose on one half and to
            measure on the other.
    """
    constraints: list[tuple[str, str, Callable[[_Levels], Flags]]] = []
    if stream.capacity is not None and stream.volume is not None:
        share = stream.capacity.per(stream.volume.unit) / stream.volume.count
        asked = f"{stream.capacity.count:g}/{stream.capacity.unit} of "
        asked += f"{stream.volume.count:g}/{stream.volume.unit}"
        constraints.append(("capacity", asked, lambda levels: levels.alarms <= share))
    if min_precision is not None:
        wanted = min_precision
        constraints.append(("precision", f"{wanted:g}", lambda levels: levels.precision >= wanted))
    if min_recall is not None:
        least = min_recall
        constraints.append(("recall", f"{least:g}", lambda levels: levels.recall >= least))
    if not constraints:
        return []
    hard = rows.only(rows.clearly)
    chosen_on, measured_on = (hard, hard) if same_rows else halves(hard)
    levels = _Levels.of(chosen_on, stream.prevalence)
    results = []
    for name, asked, reaches in constraints:
        # A recall is first reached by a high threshold; the others are still kept by a low one.
        usable = np.flatnonzero(reaches(levels))
        place = None if not len(usable) else int(usable[0] if name == "recall" else usable[-1])
        measured, expected = None, None
        if place is not None:
            alarm = measured_on.risk >= levels.threshold[place]
            measured = alarm_figures(
                measured_on, alarm, intervals_of(measured_on), stream.prevalence
            )
            expected = _expected(measured, stream, levels.prevalence)
        results.append(
            Threshold(
                constraint=name,
                asked=asked,
                threshold=None if place is None else float(levels.threshold[place]),
                same_rows=same_rows,
                chosen_on=_size(chosen_on),
                measured_on=_size(measured_on),
                measured=measured,
                expected=expected,
            )
        )
    return results


def halves(rows: ScoredRows) -> tuple[ScoredRows, ScoredRows]:
    """Two parts of about the same size that share no family (without families: no text).

    Families with risky posts are dealt out first, so that both parts get their share of them. The
    same rows always give the same parts.

    Raises:
        EvaluationError: a part would have no risky or no benign posts.
    """
    key = rows.text_key if rows.family is None else rows.family.grouped()
    unit = np.unique(key, return_inverse=True)[1]
    risky = rows.risky
    order = np.random.default_rng(0).permutation(unit.max() + 1)
    has_risky = np.zeros(len(order), dtype=bool)
    has_risky[unit[risky]] = True
    dealt = np.concatenate([order[has_risky[order]], order[~has_risky[order]]])
    side = np.empty(len(order), dtype=bool)
    side[dealt] = np.arange(len(order)) % 2 == 0
    parts = rows.only(side[unit]), rows.only(~side[unit])
    for part in parts:
        if not part.risky.any() or part.risky.all():
            raise EvaluationError(
                "there are too few risky or benign posts (or families of them) to choose a "
                "threshold on one half and to measure it on the other: give more, or ask for "
                "--same-rows (same_rows=True), whose figures flatter"
            )
    return parts


def first_posts(rows: ScoredRows, stream: Stream) -> list[FirstPosts]:
    """What the 20 riskiest posts of a stream hold, at its base rate.

    Of a volume (or of 1,000, 10,000 and 100,000 posts, where none is given).

    Returns:
        `resolved` is False where fewer posts would pass than the benign rows can tell; then the
        figures are those of the highest threshold that they do tell.
    """
    hard = rows.only(rows.clearly)
    if stream.prevalence is None or not hard.risky.any() or hard.risky.all():
        return []
    levels = _Levels.of(hard, stream.prevalence)
    intervals = intervals_of(hard)
    sizes = _STREAMS if stream.volume is None else (round(stream.volume.count),)
    results = []
    for size in sizes:
        first = min(FIRST, size)
        usable = np.flatnonzero(levels.alarms <= first / size)
        place = int(usable[-1]) if len(usable) else 0
        alarm = hard.risk >= levels.threshold[place]
        share = alarm_figures(hard, alarm, intervals, stream.prevalence).precision_at_prevalence
        assert share is not None  # the prevalence is given
        most = min(first, stream.prevalence * size)  # there are no more of them
        value, low, high = (
            None if x is None else min(most, first * x)
            for x in (share.value, share.low, share.high)
        )
        results.append(
            FirstPosts(
                first=first,
                of=size,
                threshold=float(levels.threshold[place]),
                risky=Estimate(value, low, high),
                resolved=bool(len(usable)) and bool((alarm & ~hard.risky).any()),
            )
        )
    return results


@dataclass(frozen=True, slots=True)
class _Levels:
    """Every possible threshold, falling, and what it does at a base rate; shape (thresholds,)."""

    threshold: Floats
    recall: Floats
    alarms: Floats
    """Share of the stream."""
    precision: Floats
    prevalence: float

    @classmethod
    def of(cls, rows: ScoredRows, prevalence: float | None) -> _Levels:
        if not rows.risky.any() or rows.risky.all():
            raise EvaluationError(
                "thresholds need both risky and benign posts; only one of the two is there"
            )
        false_rate, recall, threshold = roc_curve(
            rows.risky, rows.risk, sample_weight=rows.weight, drop_intermediate=False
        )
        share = prevalence
        if share is None:
            share = float(np.average(rows.risky, weights=rows.weight))
        alarms = share * recall[1:] + (1 - share) * false_rate[1:]
        return cls(threshold[1:], recall[1:], alarms, share * recall[1:] / alarms, share)


def _size(rows: ScoredRows) -> Size:
    return Size(len(rows), int(rows.risky.sum()), int((~rows.risky).sum()))


def _expected(figures: AlarmFigures, stream: Stream, prevalence: float) -> Expected | None:
    """Alarms, risky posts found and missed in a unit of time; none without a volume."""
    if stream.volume is None:
        return None
    risky = stream.volume.count * prevalence
    benign = stream.volume.count - risky
    recall, false_rate = figures.recall, figures.false_positive_rate
    assert recall.value is not None and false_rate.value is not None  # both kinds are there
    return Expected(
        unit=stream.volume.unit,
        # Both ends at once are rarer than one in twenty: the range of the alarms is on the safe
        # side.
        alarms=Estimate(
            risky * recall.value + benign * false_rate.value,
            risky * recall.low + benign * false_rate.low,
            risky * recall.high + benign * false_rate.high,
        ),
        found=Estimate(risky * recall.value, risky * recall.low, risky * recall.high),
        missed=Estimate(
            risky * (1 - recall.value), risky * (1 - recall.high), risky * (1 - recall.low)
        ),
        prevalence=prevalence,
        prevalence_is_that_of_the_rows=stream.prevalence is None,
    )
