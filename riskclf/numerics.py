"""Log-odds and softmax for the path of a post.

The same as `scipy.special` has. To import that takes a fifth of a second, which a single post from
the shell would wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["expit", "log_expit", "log_softmax", "logit", "logsumexp", "softmax"]


def expit(log_odds: ArrayLike) -> Floats:
    """The probability of log-odds, of the same shape."""
    values = np.asarray(log_odds, dtype=np.float64)
    small = np.exp(-np.abs(values))  # so that nothing overflows
    result: Floats = np.where(values < 0, small, 1) / (1 + small)
    return result


def log_expit(log_odds: ArrayLike) -> Floats:
    """The logarithm of `expit`, exact where that is 0."""
    result: Floats = -np.logaddexp(0, -np.asarray(log_odds, dtype=np.float64))
    return result


def logit(probability: ArrayLike) -> Floats:
    """Log-odds of a probability, of the same shape; infinite for 0 and 1."""
    values = np.asarray(probability, dtype=np.float64)
    with np.errstate(divide="ignore"):
        result: Floats = np.log(values) - np.log1p(-values)
    return result


def logsumexp(values: ArrayLike, axis: int) -> Floats:
    """The logarithm of the sum of what `values` are logarithms of, along an axis."""
    with np.errstate(invalid="ignore"):  # not a number stays what it is
        result: Floats = np.logaddexp.reduce(np.asarray(values, dtype=np.float64), axis=axis)
    return result


def log_softmax(logits: ArrayLike, axis: int) -> Floats:
    """Logarithms of probabilities that add up to 1 along an axis."""
    values = np.asarray(logits, dtype=np.float64)
    return values - np.expand_dims(logsumexp(values, axis), axis)


def softmax(logits: ArrayLike, axis: int) -> Floats:
    """Probabilities that add up to 1 along an axis."""
    result: Floats = np.exp(log_softmax(logits, axis))
    return result
