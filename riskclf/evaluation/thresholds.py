"""Chooses thresholds: one that fills a team's hours, or that reaches a precision or a recall.

A threshold is chosen on one part of the rows and measured on the other. The parts are halves that
share no family (without families: no text), because a threshold that was chosen on the rows that
judge it looks better than it is.

What a stream brings follows from its volume, from the shares of risky, benign and unclear posts in
it, and from the rates at which the rows of each kind raise an alarm::

    alarms = volume * (risky * recall + benign * false positive rate + unclear * their rate)

Unclear posts have no right answer, but a person reads them, so they count. Their share of a stream
is hardly ever known. They are assumed to be as frequent among risky posts as in the rows: where
these have 4 unclear posts for 10 risky ones and the prevalence is 0.001, the share is 0.0004.
Without a prevalence, the stream is assumed to be made of the rows' own shares.
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
    Proportion,
    Size,
    Threshold,
)
from riskclf.evaluation.metrics import alarm_figures, intervals_of
from riskclf.evaluation.wording import unit_of_time
from riskclf.language import gettext as _

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

    def words(self) -> str:
        """The rate in the current language."""
        return _("{count}/{unit}").format(count=f"{self.count:,.10g}", unit=unit_of_time(self.unit))

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
        rows: scored rows; unclear ones count as alarms only.
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
        asked = _("{capacity} of {volume}").format(
            capacity=stream.capacity.words(), volume=stream.volume.words()
        )
        constraints.append(("capacity", asked, lambda levels: levels.alarms <= share))
    if min_precision is not None:
        wanted = min_precision
        constraints.append(("precision", f"{wanted:g}", lambda levels: levels.precision >= wanted))
    if min_recall is not None:
        least = min_recall
        constraints.append(("recall", f"{least:g}", lambda levels: levels.recall >= least))
    if not constraints:
        return []
    mix = _Mix.of(rows, stream.prevalence)
    chosen_on, measured_on = (rows, rows) if same_rows else halves(rows)
    levels = _Levels.of(chosen_on, mix, stream.prevalence)
    intervals = intervals_of(measured_on)
    results = []
    for name, asked, reaches in constraints:
        # A recall is first reached by a high threshold; the others are still kept by a low one.
        usable = np.flatnonzero(reaches(levels))
        place = None if not len(usable) else int(usable[0] if name == "recall" else usable[-1])
        measured, expected = None, None
        if place is not None:
            alarm = measured_on.risk >= levels.threshold[place]
            measured = alarm_figures(measured_on, alarm, intervals, stream.prevalence)
            unclear = intervals.proportion(alarm, ~measured_on.clearly)
            expected = _expected(measured, unclear, stream, mix)
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
        if not part.risky.any() or not (part.clearly & ~part.risky).any():
            raise EvaluationError(
                "there are too few risky or benign posts (or families of them) to choose a "
                "threshold on one half and to measure it on the other: give more, or choose and "
                "measure on the same rows (optimistic) with --same-rows (same_rows=True)"
            )
    return parts


def first_posts(rows: ScoredRows, stream: Stream) -> list[FirstPosts]:
    """What the 20 riskiest posts of a stream hold, at its base rate.

    Of a volume (or of 1,000, 10,000 and 100,000 posts, where none is given). Unclear posts take no
    part.

    Returns:
        `resolved` is False where fewer posts would pass than the benign rows can tell; then the
        figures are those of the highest threshold that they do tell.
    """
    hard = rows.only(rows.clearly)
    if stream.prevalence is None or not hard.risky.any() or hard.risky.all():
        return []
    levels = _Levels.of(hard, _Mix.of(hard, stream.prevalence), stream.prevalence)
    intervals = intervals_of(hard)
    sizes = _STREAMS if stream.volume is None else (max(1, round(stream.volume.count)),)
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
class _Mix:
    """Shares of the posts of a stream."""

    risky: float
    benign: float
    unclear: float

    @classmethod
    def of(cls, rows: ScoredRows, prevalence: float | None) -> _Mix:
        """The shares at this prevalence (None: those of the rows), see the module's documentation.

        Raises:
            EvaluationError: there are no risky or no benign rows.
        """
        weight = np.ones(len(rows)) if rows.weight is None else rows.weight
        risky = float(weight[rows.risky].sum())
        benign = float(weight[rows.clearly & ~rows.risky].sum())
        if not risky or not benign:
            raise EvaluationError(
                "thresholds need both risky and benign posts; only one of the two is there"
            )
        unclear = float(weight[~rows.clearly].sum())
        if prevalence is None:
            total = risky + benign + unclear
            return cls(risky / total, benign / total, unclear / total)
        unclear_share = min(1 - prevalence, prevalence * unclear / risky)
        return cls(prevalence, 1 - prevalence - unclear_share, unclear_share)


@dataclass(frozen=True, slots=True)
class _Levels:
    """Every possible threshold, falling, and what it does on a stream; shape (thresholds,)."""

    threshold: Floats
    recall: Floats
    alarms: Floats
    """Share of the stream, unclear posts included."""
    precision: Floats
    """Of the alarms that are not unclear posts."""

    @classmethod
    def of(cls, rows: ScoredRows, mix: _Mix, prevalence: float | None) -> _Levels:
        hard, unclear = rows.only(rows.clearly), rows.only(~rows.clearly)
        false_rate, recall, threshold = (
            x[1:]
            for x in roc_curve(
                hard.risky, hard.risk, sample_weight=hard.weight, drop_intermediate=False
            )
        )
        alarms = mix.risky * recall + mix.benign * false_rate
        alarms += mix.unclear * _share_from(unclear, threshold)
        share = mix.risky / (mix.risky + mix.benign) if prevalence is None else prevalence
        precision = share * recall / (share * recall + (1 - share) * false_rate)
        return cls(threshold, recall, alarms, precision)


def _share_from(rows: ScoredRows, threshold: Floats) -> Floats:
    """The share of the rows with at least this risk, 0 without rows; shape (thresholds,)."""
    if not len(rows):
        return np.zeros(len(threshold))
    order = np.argsort(rows.risk)
    weight = np.ones(len(rows)) if rows.weight is None else rows.weight
    below = np.concatenate([[0.0], np.cumsum(weight[order])])
    share: Floats = 1 - below[np.searchsorted(rows.risk[order], threshold)] / below[-1]
    return share


def _size(rows: ScoredRows) -> Size:
    risky, clear = int(rows.risky.sum()), int(rows.clearly.sum())
    return Size(len(rows), risky, clear - risky, len(rows) - clear)


def _expected(
    figures: AlarmFigures, unclear: Proportion, stream: Stream, mix: _Mix
) -> Expected | None:
    """What alarms hold in a unit of time; None without a volume."""
    if stream.volume is None:
        return None
    recall = _times(figures.recall, stream.volume.count * mix.risky)
    raised = _times(figures.false_positive_rate, stream.volume.count * mix.benign)
    doubtful = _times(unclear, stream.volume.count * mix.unclear)
    every = stream.volume.count * mix.risky
    parts = (recall, raised, doubtful)
    return Expected(
        unit=stream.volume.unit,
        # All ends at once are rarer than one in twenty: the range of the alarms is on the safe
        # side.
        alarms=Estimate(*(sum(ends) for ends in zip(*parts, strict=True))),
        unclear=Estimate(*doubtful),
        found=Estimate(*recall),
        missed=Estimate(every - recall[0], every - recall[2], every - recall[1]),
        prevalence=mix.risky,
        unclear_share=mix.unclear,
        prevalence_is_that_of_the_rows=stream.prevalence is None,
    )


def _times(share: Proportion, posts: float) -> tuple[float, float, float]:
    """Value, low and high of a share of so many posts; all 0 of none."""
    if not posts:
        return 0.0, 0.0, 0.0
    return (share.value or 0.0) * posts, share.low * posts, share.high * posts
