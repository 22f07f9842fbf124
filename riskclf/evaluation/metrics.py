"""Scored rows to figures: precision, recall, calibration, slices, as plain JSON values.

Unclear posts have no right answer: they are left out of every figure except the workload (how many
posts are flagged or reviewed) and have a section of their own. A proportion is a mapping with hits,
of, value, low, high and effective, see `riskclf.evaluation.intervals`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    roc_auc_score,
    roc_curve,
)

from riskclf.evaluation.intervals import Intervals, precision_at, ratio
from riskclf.labels import DECISIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.evaluation.scored import Coded, ScoredRows

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = [
    "ALARMS",
    "TOO_WIDE",
    "alarm_figures",
    "curve",
    "figures_of",
    "intervals_of",
    "label_figures",
    "macro_f1",
]

TOO_WIDE = 0.3
"""A proportion whose interval is wider than this is too uncertain to be judged."""

ALARMS = {"flag": 2, "flag_or_review": 1}
"""The two operating points, with the lowest decision (see `DECISIONS`) that counts as an alarm."""

_BINS = 10
_CALIBRATION_DRAWS = 1000
_CURVE_POINTS = 400
_MAX_SLICES = 200
_NO_NAME, _OTHER_NAMES = "(none)", "(all others)"


def intervals_of(rows: ScoredRows) -> Intervals:
    """The maker of intervals for these rows: with their weights and families."""
    family = None if rows.family is None else rows.family.grouped()
    return Intervals(len(rows), rows.weight, family)


def figures_of(rows: ScoredRows, prevalence: float | None = None) -> dict[str, Any]:
    """All figures of one model on one set of rows; `prevalence` is the stream's, if it is known.

    Without risk labels nothing is told of alarms: operating_points, other_risk_label and unclear
    are not there, calibration and curve are empty, and a slice has its accuracy only.
    """
    intervals = intervals_of(rows)
    named = {"slices": rows.slice, "languages": rows.language}
    alarms: dict[str, Any] = {}
    if rows.risk_labels:
        alarms = {
            "operating_points": {
                name: alarm_figures(rows, rows.decision >= lowest, intervals, prevalence)
                for name, lowest in ALARMS.items()
            },
            "other_risk_label": intervals.proportion(
                rows.gold != rows.predicted, rows.risky & rows.predicted_risky
            ),
            "unclear": _unclear(rows, intervals),
        }
    return {
        "counts": _counts(rows, intervals),
        **label_figures(rows.labels, rows.gold, rows.predicted, rows.weight, intervals),
        "areas": _areas(rows),
        **alarms,
        "calibration": _calibration(rows, intervals),
        "curve": curve(rows.risky[rows.clearly], rows.risk[rows.clearly], _weight(rows)),
        **{name: _slices(rows, column) for name, column in named.items() if column is not None},
    }


def label_figures(
    labels: tuple[str, ...],
    gold: NDArray[np.int64],
    predicted: NDArray[np.int64],
    weight: Floats | None = None,
    intervals: Intervals | None = None,
) -> dict[str, Any]:
    """Precision, recall and F1 of every label, their plain means, accuracy, and the confusions.

    Args:
        labels: names, in the order of the indices.
        gold: index of the right label, shape (rows,); below 0 the row is left out.
        predicted: index of the label that was given, shape (rows,).
        weight: of each row, shape (rows,).
        intervals: made from these very rows; None makes one without families.

    Returns:
        labels: for each label precision and recall (proportions), f1 (value, low, high) and
        support; macro: likewise without support; accuracy: a proportion; confusion: counts, one
        row for each gold label. F1 is 0 for a label that is never right, as in scikit-learn; a
        value of None has nothing to be counted on.
    """
    intervals = intervals or Intervals(len(gold), weight)
    size = len(labels)
    hard = gold >= 0
    table = intervals.table(hard, np.where(hard, gold, 0) * size + predicted, size * size)
    per_label: dict[str, Any] = {}
    for index, label in enumerate(labels):
        hits = hard & (gold == index) & (predicted == index)
        per_label[label] = {
            "precision": intervals.proportion(hits, hard & (predicted == index)),
            "recall": intervals.proportion(hits, hard & (gold == index)),
            "f1": _f1_of(
                intervals.proportion(hits, hard & ((gold == index) | (predicted == index)))
            ),
            "support": int((gold == index).sum()),
        }
    macro = {}
    for name, function in (("precision", _precision), ("recall", _recall), ("f1", _f1)):
        found = macro[name] = intervals.statistic(table, _mean_of(function, size))
        if found["value"] is not None and found["low"] == found["high"]:
            # All right or all wrong: no draw differs, so the labels' own intervals must serve.
            for end in ("low", "high"):
                found[end] = float(np.mean([own[name][end] for own in per_label.values()]))
    counts = np.zeros((size, size), dtype=int)
    if hard.any():
        counts = confusion_matrix(gold[hard], predicted[hard], labels=range(size))
    return {
        "labels": per_label,
        "macro": macro,
        "accuracy": intervals.proportion(gold == predicted, hard),
        "confusion": {"labels": list(labels), "counts": counts.tolist()},
    }


def macro_f1(size: int) -> Callable[[Floats], Floats]:
    """Mean F1 from sums by (gold, predicted), shape (..., size * size), as `label_figures` does."""
    return _mean_of(_f1, size)


def alarm_figures(
    rows: ScoredRows, alarm: Flags, intervals: Intervals, prevalence: float | None = None
) -> dict[str, Any]:
    """What comes of showing the posts of `alarm`, shape (rows,), to a person.

    Returns:
        precision, recall, recall_of each risk label, false_positive_rate, workload (share of all
        posts, unclear ones included) and unclear (how many of the alarms are unclear posts);
        with a prevalence also precision_at_prevalence.
    """
    hard, risky = rows.clearly, rows.risky
    recall = intervals.proportion(alarm, risky)
    false_positives = intervals.proportion(alarm, hard & ~risky)
    result = {
        "precision": intervals.proportion(risky, alarm & hard),
        "recall": recall,
        "recall_of": {
            label: intervals.proportion(alarm, rows.gold == rows.labels.index(label))
            for label in rows.risk_labels
        },
        "false_positive_rate": false_positives,
        "workload": intervals.proportion(alarm, np.ones(len(rows), dtype=bool)),
        "unclear_alarms": int((alarm & ~hard).sum()),
    }
    if prevalence is not None:
        result["precision_at_prevalence"] = precision_at(prevalence, recall, false_positives)
    return result


def curve(risky: Flags, risk: Floats, weight: Floats | None = None) -> dict[str, list[float]]:
    """Recall, false positive rate and precision at up to 400 thresholds, falling; for plots.

    Empty where there are only risky posts, or none.
    """
    if risky.all() or not risky.any():
        return {"threshold": [], "recall": [], "false_positive_rate": [], "precision": []}
    false_rate, recall, threshold = roc_curve(
        risky, risk, sample_weight=weight, drop_intermediate=False
    )
    share = float(np.average(risky, weights=weight))
    alarms = share * recall[1:] + (1 - share) * false_rate[1:]
    precision = share * recall[1:] / alarms
    # Even steps of recall, for the many thresholds lie where nobody looks.
    steps = np.searchsorted(recall[1:], np.linspace(0, 1, _CURVE_POINTS))
    chosen = np.unique(np.minimum(steps, len(precision) - 1))
    return {
        "threshold": threshold[1:][chosen].tolist(),
        "recall": recall[1:][chosen].tolist(),
        "false_positive_rate": false_rate[1:][chosen].tolist(),
        "precision": precision[chosen].tolist(),
    }


def _f1_of(overlap: dict[str, Any]) -> dict[str, Any]:
    """F1 from the share of rows that are right among those with the label on either side.

    That share is a plain proportion, and F1 rises with it: F1 = 2 share / (1 + share). So its
    interval goes over to F1 (the indirect Wilson interval of Lam, Gopal and Qian 2023).
    """
    return {
        name: None if overlap[name] is None else 2 * overlap[name] / (1 + overlap[name])
        for name in ("value", "low", "high")
    }


def _weight(rows: ScoredRows) -> Floats | None:
    return None if rows.weight is None else rows.weight[rows.clearly]


def _counts(rows: ScoredRows, intervals: Intervals) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "clear_cut": int(rows.clearly.sum()),
        "risky": int(rows.risky.sum()),
        "benign": int((rows.clearly & ~rows.risky).sum()),
        "unclear": int((~rows.clearly).sum()),
        "families": None if rows.family is None else intervals.families,
        "weighted": rows.weight is not None,
    }


def _areas(rows: ScoredRows) -> dict[str, Any]:
    """Areas under the PR curve (average precision) and the ROC curve; None with one class only."""
    hard = rows.clearly
    weight = _weight(rows)
    wanted = {"risk": (rows.risky[hard], rows.risk[hard])} if rows.risk_labels else {}
    for index, label in enumerate(rows.labels):
        wanted[label] = (rows.gold[hard] == index, rows.scores[hard, index])
    areas: dict[str, Any] = {}
    for name, (true, score) in wanted.items():
        if not true.any() or true.all() or not np.isfinite(score).all():
            areas[name] = {"pr": None, "roc": None}
        else:
            areas[name] = {
                "pr": float(average_precision_score(true, score, sample_weight=weight)),
                "roc": float(roc_auc_score(true, score, sample_weight=weight)),
            }
    return areas


def _unclear(rows: ScoredRows, intervals: Intervals) -> dict[str, Any]:
    """How often unclear posts are put before a person, for each kind of them."""

    def shares(chosen: Flags) -> dict[str, Any]:
        return {
            name: intervals.proportion(rows.decision >= lowest, chosen)
            for name, lowest in ALARMS.items()
        }

    kinds = {
        name: shares(rows.kind.codes == code)
        for code, name in sorted(enumerate(rows.kind.names), key=lambda pair: pair[1])
    }
    return {"all": shares(~rows.clearly), "kinds": kinds}


def _calibration(rows: ScoredRows, intervals: Intervals) -> dict[str, Any]:
    """Reliability of the risk in ten bins of equal width (DeGroot and Fienberg 1983).

    `ece` is the expected calibration error (Naeini et al. 2015): the mean distance between risk and
    share of risky posts over the bins, weighted by their rows. It is never 0 in small samples:
    `ece_p_value` tells how often calibrated risks give as large a one (consistency resampling,
    Broecker and Smith 2007; 1,000 draws; within a bin rows count as equally risky).
    """
    hard, risky = rows.clearly, rows.risky
    if not rows.risk_labels or not hard.any():
        return {"bins": [], "ece": None, "ece_p_value": None, "brier": None}
    bin_of = np.minimum((rows.risk * _BINS).astype(int), _BINS - 1)
    weight = np.ones(len(rows)) if rows.weight is None else rows.weight
    bins, masses, error = [], [], 0.0
    for index in range(_BINS):
        inside = hard & (bin_of == index)
        if not inside.any():
            continue
        mean = float(np.average(rows.risk[inside], weights=weight[inside]))
        share = intervals.proportion(risky, inside)
        bins.append({"from": index / _BINS, "to": (index + 1) / _BINS, "risk": mean, **share})
        masses.append(float(weight[inside].sum()))
        error += masses[-1] * abs(mean - share["value"])
    brier = brier_score_loss(
        risky[hard], np.clip(rows.risk[hard], 0, 1), sample_weight=weight[hard], pos_label=1
    )
    ece = error / float(weight[hard].sum())
    return {
        "bins": bins,
        "ece": ece,
        "ece_p_value": _calibrated_share(bins, masses, ece),
        "brier": float(brier),
    }


def _calibrated_share(bins: list[dict[str, Any]], masses: list[float], ece: float) -> float:
    """The share of draws from calibrated risks whose calibration error is `ece` or larger."""
    rng = np.random.default_rng(0)
    errors = np.zeros(_CALIBRATION_DRAWS)
    for found, mass in zip(bins, masses, strict=True):
        # As many independent rows as the bin's rows, with their weights and families, are worth.
        count = max(1, round(found["effective"]))
        drawn = rng.binomial(count, np.clip(found["risk"], 0, 1), size=_CALIBRATION_DRAWS) / count
        errors += mass * np.abs(drawn - found["risk"])
    as_large = int((errors / sum(masses) >= ece - 1e-12).sum())
    return (1 + as_large) / (1 + _CALIBRATION_DRAWS)


def _slices(rows: ScoredRows, column: Coded) -> dict[str, Any]:
    """For each name in a column: what is found, what is raised in vain, what is labelled right.

    `too_small` names the proportions whose interval is too wide to judge. Of more than 200 names
    the rarer ones are put together.
    """
    result: dict[str, Any] = {}
    sizes = np.bincount(column.codes + 1, minlength=len(column.names) + 1)[1:]
    shown = np.argsort(-sizes, kind="stable")[:_MAX_SLICES]
    named = sorted((column.names[code], code) for code in shown)
    groups = [(name, column.codes == code) for name, code in named]
    groups.append((_OTHER_NAMES, ~np.isin(column.codes, [*shown, -1])))
    groups.append((_NO_NAME, column.codes < 0))
    for name, chosen in groups:
        if not chosen.any():
            continue
        part = rows.only(chosen)
        intervals = intervals_of(part)
        alarm = part.decision >= DECISIONS.index("review")
        flag = part.decision >= DECISIONS.index("flag")
        benign = part.clearly & ~part.risky
        shares = {}
        if rows.risk_labels:
            shares = {
                "recall": intervals.proportion(alarm, part.risky),
                "recall_flag": intervals.proportion(flag, part.risky),
                "false_positive_rate": intervals.proportion(alarm, benign),
                "false_positive_rate_flag": intervals.proportion(flag, benign),
            }
        shares["accuracy"] = intervals.proportion(part.gold == part.predicted, part.clearly)
        result[name] = {
            "counts": _counts(part, intervals),
            **shares,
            "too_small": [x for x, y in shares.items() if y["high"] - y["low"] > TOO_WIDE],
        }
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
