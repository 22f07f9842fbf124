"""Logits to calibrated probabilities, and probabilities to a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from riskclf.errors import OperatingPointError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.labels import Decision

__all__ = ["UNREADABLE_SHARE", "OperatingPoint", "decide", "probabilities"]

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


def probabilities(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Calibrated probabilities by temperature scaling (Guo et al. 2017).

    Args:
        logits: shape (posts, labels).
        temperature: above 0; 1 leaves the model's own probabilities.

    Returns:
        Same shape, float64; each row adds up to 1.
    """
    result: NDArray[np.float64] = softmax(logits.astype(np.float64) / temperature, axis=1)
    return result


def decide(risk: float, unknown_share: float, point: OperatingPoint) -> Decision:
    """What to do with a post: `flag`, `review` or `clear`."""
    if risk >= point.flag:
        return "flag"
    if risk >= point.review or unknown_share >= UNREADABLE_SHARE:
        return "review"
    return "clear"
