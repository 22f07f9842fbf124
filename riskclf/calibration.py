"""Fits what turns a model's outputs into decisions: temperature, bias and thresholds.

Serving never needs it. Everything is fitted on what is served: the riskiest window of each post.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from riskclf.decide import OperatingPoint, predictions_from_outputs, served_rows
from riskclf.errors import OperatingPointError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.encoder import Outputs
    from riskclf.manifest import Manifest
    from riskclf.tokens import Encoding

__all__ = [
    "choose_operating_point",
    "fit_calibration",
    "fit_temperature",
    "fit_temperature_and_bias",
    "served_risk",
]

_ROUNDS = 10


def fit_calibration(
    encodings: Sequence[Encoding],
    outputs: Outputs,
    targets: NDArray[np.float64],
    manifest: Manifest,
    *,
    biased: bool,
) -> Manifest:
    """The manifest with the temperature (and bias) that fit held-out posts best.

    Which window of a post is the riskiest depends on the temperature a little, so the windows are
    chosen and the values fitted in turn, until the windows stay the same.

    Args:
        encodings: of the held-out posts.
        outputs: one row for each of `riskclf.decide.windows_read(encodings, manifest)`.
        targets: probability of each label, shape (posts, labels).
        manifest: names labels and risk labels; its temperature and bias are where it starts from.
        biased: fit a bias of the risk too (`fit_temperature_and_bias`); it needs some hundred
            posts.
    """
    fitted = manifest
    rows = served_rows(encodings, outputs, fitted)
    for _ in range(_ROUNDS):
        logits = outputs.logits[rows]
        if biased:
            temperature, bias = fit_temperature_and_bias(logits, targets, manifest.is_risk)
        else:
            temperature, bias = fit_temperature(logits, targets), 0.0
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


def choose_operating_point(
    risk: NDArray[np.float64],
    target_risk: NDArray[np.float64],
    *,
    precision: float,
    recall: float,
) -> OperatingPoint:
    """Thresholds from held-out posts that the model was not trained on.

    `flag` is the lowest threshold from which on the precision is reached, with unclear posts
    counted as wrong. `review` is the lower of the threshold that reaches the recall and the 20th
    percentile of the unclear posts' risk.

    Args:
        risk: the model's risk of each post, shape (posts,).
        target_risk: 1 for risky posts, 0 for benign ones, between for unclear ones; same shape.
        precision: of `flag`, between 0 and 1.
        recall: of `review`, between 0 and 1.

    Raises:
        OperatingPointError: there are no risky posts, no threshold reaches the precision, or
            `review` does not come out below `flag`.
    """
    clearly = target_risk > 1 - 1e-9
    unclear = (target_risk > 1e-9) & ~clearly
    if not clearly.any():
        raise OperatingPointError("there are no risky posts to choose thresholds on")
    order = np.argsort(-risk, kind="stable")
    reached = np.cumsum(clearly[order]) / np.arange(1, len(order) + 1) >= precision
    # Posts of one risk are flagged together: only the last of them is a possible threshold.
    last = np.append(np.diff(risk[order]) != 0, True)
    usable = np.flatnonzero(reached & last)
    if not len(usable):
        raise OperatingPointError(f"no threshold reaches a precision of {precision:g}")
    flag = float(risk[order][usable[-1]])
    review = float(np.quantile(risk[clearly], 1 - recall, method="lower"))
    if unclear.any():
        review = min(review, float(np.quantile(risk[unclear], 0.2, method="lower")))
    return OperatingPoint(flag=flag, review=review)
