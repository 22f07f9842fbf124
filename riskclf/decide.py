"""Logits to calibrated probabilities, and probabilities to a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax

from riskclf.errors import InputError, OperatingPointError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.labels import Decision

__all__ = [
    "UNREADABLE_SHARE",
    "OperatingPoint",
    "choose_operating_point",
    "decide",
    "fit_temperature",
    "fit_temperature_and_bias",
    "prior_shift",
    "probabilities",
]

UNREADABLE_SHARE = 0.5
"""From this share of unknown tokens on, the model has not read the post: it is never `clear`."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Two thresholds on the risk.

    Raises:
        OperatingPointError: not 0 < `review` < `flag` < 1.
    """

    flag: float
    review: float

    def __post_init__(self) -> None:
        if not 0 < self.review < self.flag < 1:
            raise OperatingPointError(
                f"review {self.review:g} and flag {self.flag:g} are not usable thresholds: "
                "they must satisfy 0 < review < flag < 1"
            )

    def shifted(self, shift: float) -> OperatingPoint:
        """The thresholds that decide alike after `shift` was added to the log-odds of the risk."""
        if shift == 0:
            return self  # exactly
        return OperatingPoint(
            flag=float(expit(logit(self.flag) + shift)),
            review=float(expit(logit(self.review) + shift)),
        )


def prior_shift(calibrated: float, prevalence: float) -> float:
    """What to add to the log-odds of the risk where risky posts are more or less frequent.

    This is the prior correction of Saerens, Latinne and Decaestecker (2002), for one base rate: it
    is right when risky posts, and ordinary ones, look as they did where the model was calibrated.

    Args:
        calibrated: share of risky posts where the model was calibrated.
        prevalence: share of risky posts where it is used.

    Raises:
        InputError: `prevalence` does not lie between 0 and 1.
    """
    if not 0 < prevalence < 1:
        raise InputError(
            f"prevalence {prevalence!r} is not a share of risky posts: give a number between 0 "
            "and 1, such as 0.001 for one in a thousand"
        )
    return float(logit(prevalence) - logit(calibrated))


def probabilities(
    logits: NDArray[np.float32], temperature: float, shift: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """Calibrated probabilities by temperature scaling (Guo et al. 2017).

    Args:
        logits: shape (posts, labels).
        temperature: above 0; 1 leaves the model's own probabilities.
        shift: added to the log-probability of each label, shape (labels,); see `prior_shift`.

    Returns:
        Same shape, float64; each row adds up to 1.
    """
    result: NDArray[np.float64] = softmax(logits.astype(np.float64) / temperature + shift, axis=1)
    return result


def decide(risk: float, unknown_share: float, point: OperatingPoint | None) -> Decision:
    """What to do with a post: `flag`, `review` or `clear`.

    Without an operating point, as for a model that has no risk labels, only whether the post could
    be read decides.
    """
    if point is not None and risk >= point.flag:
        return "flag"
    if (point is not None and risk >= point.review) or unknown_share >= UNREADABLE_SHARE:
        return "review"
    return "clear"


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
