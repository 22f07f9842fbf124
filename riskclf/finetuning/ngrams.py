"""Fits the n-gram expert (`riskclf.ngrams`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax

from riskclf.features import FEATURES, Sparse, counts, weighted
from riskclf.ngrams import Ngrams
from riskclf.tokens import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["fit_ngrams"]

_STRENGTH = 10.0
"""Inverse of the regularisation, as scikit-learn's C; chosen out of fold."""

_MOST_STEPS = 300
_TOLERANCE = 1e-8


def fit_ngrams(
    windows: Sequence[Window],
    targets: Floats,
    weights: Floats,
    *,
    start: Ngrams | None = None,
    strength: float = _STRENGTH,
) -> Ngrams:
    """Multinomial logistic regression with soft targets, by L-BFGS.

    scikit-learn's `LogisticRegression` takes neither soft targets nor weights to be drawn to, so
    its objective is written out here.

    Args:
        windows: one for each post.
        targets: probability of each label, shape (windows, labels).
        weights: of each window, shape (windows,).
        start: an expert to stay near to: its document frequencies are kept, and weights are
            regularised towards its own. None starts from nothing.
        strength: inverse of the regularisation.
    """
    found = counts(windows)
    idf = _inverse_document_frequency(found) if start is None else start.idf
    values, *columns = weighted(found, idf)
    features = sparse.csr_matrix((values, *columns), shape=(len(windows), FEATURES))
    # Only features that occur are fitted: the others would stay as they are.
    used = np.unique(features.indices)
    fitted = features[:, used].astype(np.float64)
    labels = targets.shape[1]
    before = np.zeros((FEATURES, labels)) if start is None else start.weights.astype(np.float64)
    base = fitted @ before[used] + (0.0 if start is None else start.bias)
    transposed = fitted.T.tocsr()
    # The bias is free at first; a few posts must not move it far.
    penalty = np.full((len(used) + 1, 1), 1 / strength)
    penalty[-1] = 0.0 if start is None else 1 / strength

    def objective(flat: Floats) -> tuple[float, Floats]:
        change = flat.reshape(len(used) + 1, labels)
        logs = log_softmax(base + fitted @ change[:-1] + change[-1], axis=1)
        excess = (np.exp(logs) - targets) * weights[:, None]
        loss = -(weights * (targets * logs).sum(axis=1)).sum()
        slope = np.vstack([transposed @ excess, excess.sum(axis=0)]) + change * penalty
        return float(loss + (penalty * change**2).sum() / 2), slope.ravel()

    options: dict[str, Any] = {"maxiter": _MOST_STEPS, "ftol": _TOLERANCE, "gtol": 1e-4}
    best = minimize(
        objective, np.zeros((len(used) + 1) * labels), jac=True, method="L-BFGS-B", options=options
    )
    change = best.x.reshape(len(used) + 1, labels)
    after = before
    after[used] += change[:-1]
    bias = change[-1] + (0.0 if start is None else start.bias)
    return Ngrams(idf, after.astype(np.float32), bias.astype(np.float32))


def _inverse_document_frequency(found: Sparse) -> NDArray[np.float32]:
    documents = np.bincount(found.features, minlength=FEATURES)
    idf: NDArray[np.float32] = np.log((1 + found.windows) / (1 + documents)).astype(np.float32) + 1
    return idf
