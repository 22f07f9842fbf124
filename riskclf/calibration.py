"""Fits what turns a model's outputs into decisions: temperature and bias or stacker, thresholds.

Serving never needs it. Everything is fitted on what is served: the riskiest window of each post.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_expit, log_softmax

from riskclf.decide import OperatingPoint, predictions_from_outputs, served_rows
from riskclf.errors import OperatingPointError
from riskclf.stacker import EXPERTS, Stacker, expert_logits, risk_log_odds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.encoder import Outputs
    from riskclf.manifest import Manifest
    from riskclf.tokens import Encoding

__all__ = [
    "choose_label_threshold",
    "choose_operating_point",
    "fit_calibration",
    "fit_stacker",
    "fit_temperature",
    "fit_temperature_and_bias",
    "served_risk",
]

_ROUNDS = 10

_PRIOR = 1.0
"""Strength of the prior on the stacker's weights: as much as a few posts tell."""

_MOST_WEIGHT, _MOST_BIAS = 10.0, 20.0


def fit_calibration(
    encodings: Sequence[Encoding],
    outputs: Outputs,
    targets: NDArray[np.float64],
    manifest: Manifest,
    *,
    biased: bool,
    weights: NDArray[np.float64] | None = None,
    experts: Sequence[str] | None = None,
) -> Manifest:
    """The manifest with the temperature (and bias), or the stacker, that fit held-out posts best.

    Which window of a post is the riskiest depends on what is fitted a little, so the windows are
    chosen and the values fitted in turn, until the windows stay the same.

    Args:
        encodings: of the held-out posts.
        outputs: one row for each of `riskclf.decide.windows_read(encodings, manifest)`. With the
            logits of further experts, and with some labels that are risks and some that are not, a
            stacker is fitted.
        targets: probability of each label, shape (posts, labels).
        manifest: names labels and risk labels; its temperature and bias are where it starts from,
            and a stacker is drawn towards its own.
        biased: fit a bias of the risk too (`fit_temperature_and_bias`); it needs some hundred
            posts.
        weights: of the posts, for a stacker; None counts each once.
        experts: those that a stacker reads; None reads all that there are.
    """
    if experts is None:
        present = (True, outputs.ngrams is not None, outputs.neighbours is not None)
        experts = [name for name, there in zip(EXPERTS, present, strict=True) if there]
    stacked = tuple(experts) != EXPERTS[:1] and bool(
        manifest.is_risk.any() and not manifest.is_risk.all()
    )
    counts = np.ones(len(targets)) if weights is None else weights
    fitted = manifest
    rows = served_rows(encodings, outputs, fitted)
    for _ in range(_ROUNDS):
        if stacked:
            logits = expert_logits(outputs, experts)[:, rows]
            start = manifest.stacker
            if start is not None and start.experts != tuple(experts):
                start = None
            found = fit_stacker(logits, targets, counts, manifest.is_risk, experts, start=start)
            fitted = replace(manifest, stacker=found)
        else:
            alone = outputs.logits[rows]
            temperature, bias = fit_temperature(alone, targets), 0.0
            if biased:
                temperature, bias = fit_temperature_and_bias(alone, targets, manifest.is_risk)
            fitted = replace(manifest, temperature=temperature, bias=bias)
        before, rows = rows, served_rows(encodings, outputs, fitted)
        if np.array_equal(before, rows):
            break
    return fitted


def served_risk(
    encodings: Sequence[Encoding], outputs: Outputs, manifest: Manifest
) -> NDArray[np.float64]:
    """The risk that each post is served with, shape (posts,); thresholds are fitted on it."""
    predictions = predictions_from_outputs(encodings, outputs, manifest)
    return np.array([prediction.risk for prediction in predictions])


def fit_temperature(logits: NDArray[np.float32], targets: NDArray[np.float64]) -> float:
    """The temperature with the least cross-entropy on held-out posts (Guo et al. 2017).

    Args:
        logits: shape (posts, labels).
        targets: probability of each label, same shape; soft targets are taken as they are.
    """

    def cross_entropy(log_temperature: float) -> float:
        scaled = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        return float(-(targets * scaled).sum(axis=1).mean())

    best = minimize_scalar(cross_entropy, bounds=(np.log(0.1), np.log(10)), method="bounded")
    return float(np.exp(best.x))


def fit_temperature_and_bias(
    logits: NDArray[np.float32], targets: NDArray[np.float64], is_risk: NDArray[np.bool_]
) -> tuple[float, float]:
    """The temperature and the bias of the risk with the least cross-entropy on held-out posts.

    Bias-corrected temperature scaling (Alexandari, Kundaje and Shrikumar 2020) with one bias for
    all risky labels. It brings the mean risk to the share of risky posts among these, which
    `prior_shift` supposes; a temperature alone does not. It needs some hundred posts.

    Args:
        logits: shape (posts, labels).
        targets: probability of each label, same shape; soft targets are taken as they are.
        is_risk: which labels are risky, shape (labels,).

    Returns:
        The temperature, and what to add to the log-odds of the risk.
    """
    scores = logits.astype(np.float64)

    def cross_entropy(at: NDArray[np.float64]) -> tuple[float, list[float]]:
        sharpness, bias = at
        logs = log_softmax(scores * sharpness + bias * is_risk, axis=1)
        excess = np.exp(logs) - targets
        slope = [(excess * scores).sum(axis=1).mean(), excess[:, is_risk].sum(axis=1).mean()]
        return float(-(targets * logs).sum(axis=1).mean()), slope

    # Convex in the inverse of the temperature and in the bias.
    best = minimize(cross_entropy, (1.0, 0.0), jac=True, bounds=((0.1, 10), (-10, 10)))
    return float(1 / best.x[0]), float(best.x[1])


def fit_stacker(
    logits: NDArray[np.float64],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64],
    is_risk: NDArray[np.bool_],
    experts: Sequence[str],
    *,
    start: Stacker | None = None,
) -> Stacker:
    """The stacker with the least cross-entropy on posts that no expert was trained on.

    Two small logistic regressions: one of the risk, and one of the side among what is risky. Both
    are drawn a little towards `start` (a normal prior), so that a few posts cannot change it much.

    Args:
        logits: of the experts, shape (experts, posts, labels).
        targets: probability of each label, shape (posts, labels); soft targets are taken as they
            are.
        weights: of the posts, shape (posts,).
        is_risk: which labels are risky, shape (labels,).
        experts: their names.
        start: None: all experts count alike.
    """
    count = len(experts)
    if start is None:
        start = Stacker(tuple(experts), (1 / count,) * count, (1 / count,) * count, 0.0)
    odds = risk_log_odds(logits, is_risk)
    wanted = targets[:, is_risk].sum(axis=1)
    risk_start = np.array([*start.risk, start.bias])

    def risk_loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total = odds @ at[:-1] + at[-1]
        loss = -(weights * (wanted * log_expit(total) + (1 - wanted) * log_expit(-total))).sum()
        excess = weights * (expit(total) - wanted)
        slope = np.array([*(excess @ odds), excess.sum()])
        change = at - risk_start
        return float(loss + _PRIOR * (change**2).sum()), slope + 2 * _PRIOR * change

    bounds = [(0.0, _MOST_WEIGHT)] * count
    risk = minimize(risk_loss, risk_start, jac=True, bounds=[*bounds, (-_MOST_BIAS, _MOST_BIAS)]).x
    side_start = np.array(start.side)

    def side_loss(at: NDArray[np.float64]) -> float:
        logs = log_softmax(np.einsum("e,epl->pl", at, logits)[:, is_risk], axis=1)
        loss = -(weights[:, None] * targets[:, is_risk] * logs).sum()
        return float(loss + _PRIOR * ((at - side_start) ** 2).sum())

    side = minimize(side_loss, side_start, bounds=bounds).x
    return Stacker(
        tuple(experts), tuple(map(float, risk[:-1])), tuple(map(float, side)), float(risk[-1])
    )


def choose_label_threshold(
    scores: NDArray[np.float64],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64],
    is_risk: NDArray[np.bool_],
    point: OperatingPoint,
) -> float:
    """The risk from which on a post gets a risky label: the one with the highest macro-F1.

    Args:
        scores: probability of each label, shape (posts, labels).
        targets: likewise, as they should be; posts without a clear label are not counted.
        weights: of the posts, shape (posts,).
        is_risk: which labels are risky, shape (labels,).
        point: the threshold is not below its `review`. Where it lies above its `flag`, that should
            be raised to it.
    """
    from sklearn.metrics import f1_score

    clear = targets.max(axis=1) > 1 - 1e-9
    scores, gold, weights = scores[clear], targets[clear].argmax(axis=1), weights[clear]
    risk = scores[:, is_risk].sum(axis=1)
    riskiest = np.where(is_risk, scores, -1.0).argmax(axis=1)
    harmless = np.where(is_risk, -1.0, scores).argmax(axis=1)
    above = np.unique(risk[risk >= point.review])
    candidates = np.quantile([point.review, *above], np.linspace(0, 1, 200), method="nearest")
    found = [
        f1_score(
            gold,
            np.where(risk >= at, riskiest, harmless),
            labels=np.arange(scores.shape[1]),
            average="macro",
            sample_weight=weights,
            zero_division=0,
        )
        for at in candidates
    ]
    # Of equally good ones the middle one: the best is often a stretch.
    best = np.flatnonzero(np.array(found) >= max(found) - 1e-9)
    return float(candidates[best[len(best) // 2]])


def choose_operating_point(
    risk: NDArray[np.float64],
    target_risk: NDArray[np.float64],
    *,
    precision: float,
    recall: float,
    weights: NDArray[np.float64] | None = None,
    bound: Callable[[NDArray[np.bool_], NDArray[np.bool_]], float] | None = None,
) -> OperatingPoint:
    """Thresholds from held-out posts that the model was not trained on.

    `flag` is the lowest threshold from which on the precision is reached, with unclear posts
    counted as wrong. `review` is the lower of the threshold that reaches the recall and the 20th
    percentile of the unclear posts' risk, and lies below `flag`. A post whose risk should be below
    a half is not counted as unclear: it is wrong where it is flagged.

    Args:
        risk: the model's risk of each post, shape (posts,).
        target_risk: 1 for risky posts, 0 for benign ones, between for unclear ones; same shape.
        precision: of `flag`, between 0 and 1.
        recall: of `review`, between 0 and 1.
        weights: of the posts, for the precision; None counts each once.
        bound: gives a lower bound of the precision, which then has to reach what is stated; it is
            told which posts are flagged rightly, and which are flagged, both of shape (posts,).

    Raises:
        OperatingPointError: there are no risky posts, no threshold reaches the precision, or
            `review` does not come out below `flag`.
    """
    clearly = target_risk > 1 - 1e-9
    unclear = (target_risk > 0.5 - 1e-9) & ~clearly
    if not clearly.any():
        raise OperatingPointError("there are no risky posts to choose thresholds on")
    weight = np.ones(len(risk)) if weights is None else weights
    order = np.argsort(-risk, kind="stable")
    reached = np.cumsum((weight * clearly)[order]) >= precision * np.cumsum(weight[order]) - 1e-9
    # Posts of one risk are flagged together: only the last of them is a possible threshold.
    last = np.append(np.diff(risk[order]) != 0, True)
    usable = (float(risk[order][index]) for index in np.flatnonzero(reached & last)[::-1])
    if bound is not None:
        usable = (x for x in usable if bound(clearly & (risk >= x), risk >= x) >= precision)
    flag = next(usable, None)
    if flag is None:
        raise OperatingPointError(f"no threshold reaches a precision of {precision:g}")
    review = float(np.quantile(risk[clearly], 1 - recall, method="lower"))
    if unclear.any():
        review = min(review, float(np.quantile(risk[unclear], 0.2, method="lower")))
    if review >= flag and (risk < flag).any():
        # Where nearly all risky posts are flagged already. A lower one finds as many.
        review = float(risk[risk < flag].max())
    return OperatingPoint(flag=flag, review=review)
