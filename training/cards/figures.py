"""The figures of docs/results.md on one set of labelled posts, as JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.special import logit

from riskclf import Prediction, evaluate
from riskclf.evaluation.figures import Estimate, Proportion
from riskclf.evaluation.intervals import Intervals, precision_at
from riskclf.evaluation.metrics import ALARMS, figures_of, intervals_of
from riskclf.evaluation.reliability import calibration_of
from riskclf.evaluation.scored import ScoredRows
from training.experiments.predicted import predicted_rows
from training.experiments.ranking import average_precision_of
from training.posts.post import Post

__all__ = [
    "RISKY_IN_STREAM",
    "among_first",
    "base_rates",
    "calibration",
    "calibration_slope",
    "described",
    "hours",
    "judged_rows",
    "macro_f1_of_language",
    "officers_hour",
    "proportion",
    "side",
    "weighted",
]

RISKY_IN_STREAM = 10
"""Risky posts among the lines of `officers_hour`."""

_PREVALENCES = (0.01, 0.001, 0.0001)
_STREAM, _DRAWS = 10_000, 1_000
_SURE = 1e-6
"""A risk nearer to 0 or 1 is taken for this near: rows hold six digits of it."""


def judged_rows(posts: Sequence[Post], predictions: Sequence[Prediction]) -> ScoredRows:
    """Posts whose label is judged, with predictions that were made before."""
    pairs = [(x, y) for x, y in zip(posts, predictions, strict=True) if x.labelled]
    return evaluate(predicted_rows((x for x, _ in pairs), (y for _, y in pairs))).rows


def weighted(rows: ScoredRows, posts: Sequence[Post]) -> ScoredRows:
    """The rows with the weights that thresholds and probabilities were fitted with.

    Args:
        rows: of all of `posts` whose label is judged, in their order.
        posts: ours.
    """
    return replace(rows, weight=np.array([post.weight for post in posts if post.labelled]))


def described(rows: ScoredRows) -> dict[str, Any]:
    """All figures that docs/results.md shows of one set of posts."""
    found = figures_of(rows).to_dict()
    kept = ("counts", "labels", "macro", "operating_points", "other_risk_label", "unclear")
    figures = {name: found[name] for name in kept}
    figures["average_precision"] = average_precision_of(rows).to_dict()
    figures["side"] = side(rows).to_dict()
    figures["calibration"] = calibration(rows)
    names = () if rows.language is None else sorted(rows.language.names)
    figures["languages"] = {name: macro_f1_of_language(rows, name).to_dict() for name in names}
    figures["slices"] = {
        name: {x: part[x] for x in ("recall", "false_positive_rate", "false_positive_rate_flag")}
        for name, part in found.get("slices", {}).items()
    }
    return figures


def side(rows: ScoredRows) -> Proportion:
    """Of the risky posts, those whose likelier risky label is the right one, whatever the risk."""
    risky_labels = [rows.labels.index(name) for name in rows.risk_labels]
    likelier = np.array(risky_labels)[rows.scores[:, risky_labels].argmax(axis=1)]
    return intervals_of(rows).proportion(likelier == rows.gold, rows.risky)


def macro_f1_of_language(rows: ScoredRows, language: str) -> Estimate:
    """Macro-F1 of the posts in one language."""
    return figures_of(rows.only(_is(rows, language))).macro.f1


def calibration(rows: ScoredRows) -> dict[str, Any]:
    """Calibration error of the risk, and its slope, on the posts with one clear label."""
    found = calibration_of(rows, intervals_of(rows)).to_dict()
    errors = {name: found[name] for name in ("ece", "ece_p_value", "brier")}
    return errors | {"slope": calibration_slope(rows).to_dict()}


def calibration_slope(rows: ScoredRows) -> Estimate:
    """Slope of a logistic regression of risky or not on the log-odds of the risk (Cox 1958).

    1 if the risk is calibrated; below 1 it is too sure of itself, above 1 not sure enough. The
    interval is that of a variance that is robust against families.

    Returns:
        All None where the risk tells risky from benign without a fault, or all are of one kind.
    """
    hard = rows.clearly
    risky, odds = rows.risky[hard], logit(np.clip(rows.risk[hard], _SURE, 1 - _SURE))
    if not _overlap(risky, odds):
        return Estimate(None, None, None)
    family = np.arange(len(rows)) if rows.family is None else rows.family.grouped()
    fitted = sm.GEE(
        risky.astype(float),
        sm.add_constant(odds),
        groups=np.unique(family[hard], return_inverse=True)[1],
        family=sm.families.Binomial(),
        weights=None if rows.weight is None else rows.weight[hard],
    ).fit()  # posts of a family count as independent for the slope, and not for its variance
    low, high = fitted.conf_int()[1]
    return Estimate(float(fitted.params[1]), float(low), float(high))


def _overlap(risky: NDArray[np.bool_], odds: NDArray[np.float64]) -> bool:
    """Whether some benign post has a higher risk than some risky one, as a finite slope needs."""
    return bool(risky.any() and not risky.all() and odds[~risky].max() > odds[risky].min())


def hours(rows: ScoredRows, natural: Mapping[str, ScoredRows]) -> dict[str, dict[str, Any]]:
    """`officers_hour` with Japanese lines, and with lines of all languages."""
    japanese = np.concatenate([x.risk for file, x in natural.items() if "_ja_" in file])
    every = np.concatenate([x.risk for x in natural.values()])
    return {
        "our posts in Japanese lines": officers_hour(
            japanese, rows.risk[rows.risky & _is(rows, "ja")]
        ),
        "our posts in lines of all languages": officers_hour(every, rows.risk[rows.risky]),
    }


def officers_hour(natural: NDArray[np.float64], risky: NDArray[np.float64]) -> dict[str, Any]:
    """How many of ten risky posts are among the 20 riskiest of 10,000 natural lines and them.

    Args:
        natural: risks of natural lines, shape (lines,).
        risky: risks of risky posts, shape (posts,).

    Returns:
        Mean over 1,000 draws, and the central 95 % of the draws.
    """
    found = among_first(natural, risky, lines=_STREAM, posts=RISKY_IN_STREAM, read=20)
    low, high = np.percentile(found, [2.5, 97.5])
    return {"mean": float(np.mean(found)), "low": float(low), "high": float(high)}


def among_first(
    natural: NDArray[np.float64],
    risky: NDArray[np.float64],
    *,
    lines: int,
    posts: int,
    read: int,
    draws: int = _DRAWS,
) -> NDArray[np.int64]:
    """How many risky posts are among the first ones of a list by risk.

    Args:
        natural: risks of natural lines, shape (lines,).
        risky: risks of risky posts, shape (posts,).
        lines: natural lines in the list; all, if there are fewer.
        posts: risky posts in it.
        read: how many are first.
        draws: how often they are drawn.

    Returns:
        For each draw, shape (draws,).
    """
    rng = np.random.default_rng(0)
    found = []
    for _ in range(draws):
        ordinary = np.sort(rng.choice(natural, min(lines, len(natural)), replace=False))
        drawn = rng.choice(risky, posts, replace=False)
        # Of equal risks the natural lines come first, so that the count is not optimistic.
        place = np.argsort(-np.concatenate([ordinary, drawn]), kind="stable")[:read]
        found.append(int((place >= len(ordinary)).sum()))
    return np.array(found)


def base_rates(
    figures: Mapping[str, Any], natural: Mapping[str, ScoredRows]
) -> list[dict[str, Any]]:
    """Precision of flag and of flag or review where risky posts are rare among natural lines."""
    result = []
    for name, lowest in ALARMS.items():
        false = proportion(np.concatenate([rows.decision >= lowest for rows in natural.values()]))
        recall = Proportion(**figures["operating_points"][name]["recall"])
        result += [
            {"prevalence": share, "alarm": name, **precision_at(share, recall, false).to_dict()}
            for share in _PREVALENCES
        ]
    return result


def proportion(hits: NDArray[np.bool_]) -> Proportion:
    """A share with its interval, of rows that are independent of each other."""
    return Intervals(len(hits)).proportion(hits, np.ones(len(hits), dtype=bool))


def _is(rows: ScoredRows, language: str) -> NDArray[np.bool_]:
    if rows.language is None or language not in rows.language.names:
        return np.zeros(len(rows), dtype=bool)
    found: NDArray[np.bool_] = rows.language.codes == rows.language.names.index(language)
    return found
