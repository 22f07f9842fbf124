"""Computes figures from scored rows: precision, recall, calibration, slices.

Unclear posts have no right answer: they are left out of every figure except the workload (how many
posts are flagged or reviewed) and have a section of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    roc_auc_score,
    roc_curve,
)

from riskclf.evaluation.figures import (
    AlarmFigures,
    Areas,
    Confusion,
    Counts,
    Curve,
    Estimate,
    LabelFigures,
    Labelling,
    Macro,
    Proportion,
    RowFigures,
    Slice,
    Unclear,
    UnclearShares,
)
from riskclf.evaluation.intervals import Intervals, precision_at, ratio
from riskclf.evaluation.reliability import calibration_of
from riskclf.labels import DECISIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.evaluation.scored import Coded, LabelledRows, ScoredRows

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = [
    "ALARMS",
    "NO_NAME",
    "OTHER_NAMES",
    "TOO_WIDE",
    "alarm_figures",
    "counts_of",
    "curve",
    "figures_of",
    "intervals_of",
    "label_figures",
    "macro_f1",
    "macro_f1_difference",
    "other_risk_label",
]

TOO_WIDE = 0.3
"""A proportion whose interval is wider than this is too uncertain to be judged."""

ALARMS = {"flag": 2, "flag_or_review": 1}
"""The two operating points, with the lowest decision (see `DECISIONS`) that counts as an alarm."""

_CURVE_POINTS = 400
_MAX_SLICES = 200
NO_NAME, OTHER_NAMES = "(none)", "(all others)"


def intervals_of(rows: ScoredRows) -> Intervals:
    """The maker of intervals for these rows: with their weights and families."""
    family = None if rows.family is None else rows.family.grouped()
    return Intervals(len(rows), rows.weight, family)


def figures_of(rows: ScoredRows, prevalence: float | None = None) -> RowFigures:
    """All figures of one model on one set of rows; `prevalence` is the stream's, if it is known.

    Without risk labels there are no alarms: operating_points, calibration and curve are empty,
    other_risk_label and unclear are None, and a slice has its accuracy only.
    """
    intervals = intervals_of(rows)
    has_risks = bool(rows.risk_labels)
    labelling = label_figures(rows.labels, rows.gold, rows.predicted, rows.weight, intervals)
    return RowFigures(
        counts=counts_of(rows, intervals),
        labels=labelling.labels,
        macro=labelling.macro,
        accuracy=labelling.accuracy,
        confusion=labelling.confusion,
        areas=_areas(rows),
        operating_points={
            name: alarm_figures(rows, rows.decision >= lowest, intervals, prevalence)
            for name, lowest in ALARMS.items()
            if has_risks
        },
        other_risk_label=other_risk_label(rows, intervals) if has_risks else None,
        unclear=_unclear(rows, intervals) if has_risks else None,
        calibration=calibration_of(rows, intervals),
        curve=curve(rows.risky[rows.clearly], rows.risk[rows.clearly], _weight(rows)),
        slices=_slices(rows, rows.slice),
        languages=_slices(rows, rows.language),
    )


def other_risk_label(rows: ScoredRows, intervals: Intervals) -> Proportion:
    """Of the risky posts that got a risk label, those that got the wrong one of them."""
    return intervals.proportion(rows.gold != rows.predicted, rows.risky & rows.predicted_risky)


def label_figures(
    labels: tuple[str, ...],
    gold: NDArray[np.int64],
    predicted: NDArray[np.int64],
    weight: Floats | None = None,
    intervals: Intervals | None = None,
) -> Labelling:
    """Precision, recall and F1 of every label, their plain means, accuracy, and the confusions.

    Args:
        labels: names, in the order of the indices.
        gold: index of the right label, shape (rows,); below 0 the row is left out.
        predicted: index of the label that was given, shape (rows,).
        weight: of each row, shape (rows,).
        intervals: made from these very rows; None makes one without families.

    Returns:
        A value of None has no rows to count on.
    """
    intervals = intervals or Intervals(len(gold), weight)
    size = len(labels)
    hard = gold >= 0
    table = intervals.table(hard, np.where(hard, gold, 0) * size + predicted, size * size)
    per_label: dict[str, LabelFigures] = {}
    for index, label in enumerate(labels):
        hits = hard & (gold == index) & (predicted == index)
        per_label[label] = LabelFigures(
            precision=intervals.proportion(hits, hard & (predicted == index)),
            recall=intervals.proportion(hits, hard & (gold == index)),
            f1=_f1_of(intervals.proportion(hits, hard & ((gold == index) | (predicted == index)))),
            support=int((gold == index).sum()),
        )

    def mean(function: Callable[[Floats], Floats], name: str) -> Estimate:
        found = intervals.score(table, _mean_of(function, size))
        if found.value is None or found.low != found.high:
            return found
        # All right or all wrong: the labels' own intervals must serve.
        own = [getattr(figures, name) for figures in per_label.values()]
        ends = (float(np.mean([getattr(x, end) for x in own])) for end in ("low", "high"))
        return Estimate(found.value, *ends)

    counts = np.zeros((size, size), dtype=int)
    if hard.any():
        counts = confusion_matrix(gold[hard], predicted[hard], labels=range(size))
    return Labelling(
        labels=per_label,
        macro=Macro(mean(_precision, "precision"), mean(_recall, "recall"), mean(_f1, "f1")),
        accuracy=intervals.proportion(gold == predicted, hard),
        confusion=Confusion(labels, counts.tolist()),
    )


def macro_f1(size: int) -> Callable[[Floats], Floats]:
    """Mean F1 from sums by (gold, predicted), shape (..., size * size), as `label_figures` does."""
    return _mean_of(_f1, size)


def macro_f1_difference(
    rows: LabelledRows,
    ours: NDArray[np.int64],
    theirs: NDArray[np.int64],
    intervals: Intervals,
) -> Estimate:
    """Macro-F1 of our labels minus theirs on the same rows; both index `rows.labels`."""
    hard, size = rows.clearly, len(rows.labels)
    gold, cells = np.where(hard, rows.gold, 0) * size, size * size
    table = np.concatenate(
        [intervals.table(hard, gold + given, cells) for given in (ours, theirs)], axis=1
    )
    score = macro_f1(size)
    return intervals.difference(table, lambda x: score(x[..., :cells]) - score(x[..., cells:]))


def alarm_figures(
    rows: ScoredRows, alarm: Flags, intervals: Intervals, prevalence: float | None = None
) -> AlarmFigures:
    """What happens when the posts of `alarm`, shape (rows,), are shown to a person."""
    hard, risky = rows.clearly, rows.risky
    recall = intervals.proportion(alarm, risky)
    false_positives = intervals.proportion(alarm, hard & ~risky)
    at_prevalence = None
    if prevalence is not None:
        at_prevalence = precision_at(prevalence, recall, false_positives)
    return AlarmFigures(
        precision=intervals.proportion(risky, alarm & hard),
        recall=recall,
        recall_of={
            label: intervals.proportion(alarm, rows.gold == rows.labels.index(label))
            for label in rows.risk_labels
        },
        false_positive_rate=false_positives,
        workload=intervals.proportion(alarm, np.ones(len(rows), dtype=bool)),
        unclear_alarms=int((alarm & ~hard).sum()),
        precision_at_prevalence=at_prevalence,
    )


def curve(risky: Flags, risk: Floats, weight: Floats | None = None) -> Curve:
    """Recall, false positive rate and precision at up to 400 thresholds, falling; for plots.

    Empty where there are only risky posts, or none.
    """
    if risky.all() or not risky.any():
        return Curve()
    false_rate, recall, threshold = roc_curve(
        risky, risk, sample_weight=weight, drop_intermediate=False
    )
    share = float(np.average(risky, weights=weight))
    alarms = share * recall[1:] + (1 - share) * false_rate[1:]
    precision = share * recall[1:] / alarms
    # Even steps of recall, for the many thresholds lie where nobody looks.
    steps = np.searchsorted(recall[1:], np.linspace(0, 1, _CURVE_POINTS))
    chosen = np.unique(np.minimum(steps, len(precision) - 1))
    return Curve(
        threshold=threshold[1:][chosen].tolist(),
        recall=recall[1:][chosen].tolist(),
        false_positive_rate=false_rate[1:][chosen].tolist(),
        precision=precision[chosen].tolist(),
    )


def _f1_of(overlap: Proportion) -> Estimate:
    """F1 from the share of rows that are right among those with the label on either side.

    That share is a plain proportion, and F1 rises with it: F1 = 2 share / (1 + share). So its
    interval goes over to F1 (the indirect Wilson interval of Lam, Gopal and Qian 2023).
    """
    value, low, high = (
        None if x is None else 2 * x / (1 + x) for x in (overlap.value, overlap.low, overlap.high)
    )
    return Estimate(value, low, high)


def _weight(rows: ScoredRows) -> Floats | None:
    return None if rows.weight is None else rows.weight[rows.clearly]


def counts_of(rows: ScoredRows, intervals: Intervals) -> Counts:
    """Numbers of rows of each kind; `intervals` is `intervals_of(rows)`."""
    return Counts(
        rows=len(rows),
        clear_cut=int(rows.clearly.sum()),
        risky=int(rows.risky.sum()),
        benign=int((rows.clearly & ~rows.risky).sum()),
        unclear=int((~rows.clearly).sum()),
        families=None if rows.family is None else intervals.families,
        weighted=rows.weight is not None,
    )


def _areas(rows: ScoredRows) -> dict[str, Areas]:
    """Areas under the PR curve (average precision) and the ROC curve; None with one class only."""
    hard = rows.clearly
    weight = _weight(rows)
    wanted = {"risk": (rows.risky[hard], rows.risk[hard])} if rows.risk_labels else {}
    for index, label in enumerate(rows.labels):
        wanted[label] = (rows.gold[hard] == index, rows.scores[hard, index])
    areas: dict[str, Areas] = {}
    for name, (true, score) in wanted.items():
        if not true.any() or true.all() or not np.isfinite(score).all():
            areas[name] = Areas(None, None)
        else:
            areas[name] = Areas(
                float(average_precision_score(true, score, sample_weight=weight)),
                float(roc_auc_score(true, score, sample_weight=weight)),
            )
    return areas


def _unclear(rows: ScoredRows, intervals: Intervals) -> Unclear:
    """How often unclear posts are shown to a person, for each kind of them."""

    def shares(chosen: Flags) -> UnclearShares:
        flag, flag_or_review = (
            intervals.proportion(rows.decision >= lowest, chosen) for lowest in ALARMS.values()
        )
        return UnclearShares(flag, flag_or_review)

    kinds = {
        name: shares(rows.kind.codes == code)
        for code, name in sorted(enumerate(rows.kind.names), key=lambda pair: pair[1])
    }
    return Unclear(shares(~rows.clearly), kinds)


def _slices(rows: ScoredRows, column: Coded | None) -> dict[str, Slice]:
    """The figures of each name in a column; of more than 200 names the rarer ones are joined."""
    if column is None:
        return {}
    result: dict[str, Slice] = {}
    sizes = np.bincount(column.codes + 1, minlength=len(column.names) + 1)[1:]
    shown = np.argsort(-sizes, kind="stable")[:_MAX_SLICES]
    named = sorted((column.names[code], code) for code in shown)
    groups = [(name, column.codes == code) for name, code in named]
    groups.append((OTHER_NAMES, ~np.isin(column.codes, [*shown, -1])))
    groups.append((NO_NAME, column.codes < 0))
    for name, chosen in groups:
        if not chosen.any():
            continue
        part = rows.only(chosen)
        intervals = intervals_of(part)
        alarm = part.decision >= DECISIONS.index("review")
        flag = part.decision >= DECISIONS.index("flag")
        benign = part.clearly & ~part.risky
        shares: dict[str, Proportion] = {}
        if rows.risk_labels:
            shares = {
                "recall": intervals.proportion(alarm, part.risky),
                "recall_flag": intervals.proportion(flag, part.risky),
                "false_positive_rate": intervals.proportion(alarm, benign),
                "false_positive_rate_flag": intervals.proportion(flag, benign),
            }
        shares["accuracy"] = intervals.proportion(part.gold == part.predicted, part.clearly)
        result[name] = Slice(
            counts=counts_of(part, intervals),
            **shares,
            too_small=[x for x, y in shares.items() if y.high - y.low > TOO_WIDE],
        )
    return result


# From sums by (gold, predicted) to figures; the last axis holds size * size sums ------------------


def _mean_of(function: Callable[[Floats], Floats], size: int) -> Callable[[Floats], Floats]:
    """The mean over the labels, those that neither occur nor are given left out."""

    def mean(sums: Floats) -> Floats:
        square = _square(sums, size)
        occurs = (square.sum(axis=-1) + square.sum(axis=-2)) > 0
        values = np.where(occurs, np.nan_to_num(function(square)), 0.0)
        with np.errstate(invalid="ignore"):
            result: Floats = np.asarray(values.sum(axis=-1) / occurs.sum(axis=-1))
        return result

    return mean


def _square(sums: Floats, size: int) -> Floats:
    return sums.reshape(*sums.shape[:-1], size, size)


def _diagonal(square: Floats) -> Floats:
    return np.diagonal(square, axis1=-2, axis2=-1)


def _precision(square: Floats) -> Floats:
    return ratio(_diagonal(square), square.sum(axis=-2))


def _recall(square: Floats) -> Floats:
    return ratio(_diagonal(square), square.sum(axis=-1))


def _f1(square: Floats) -> Floats:
    return ratio(2 * _diagonal(square), square.sum(axis=-1) + square.sum(axis=-2))
