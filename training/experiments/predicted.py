"""Posts with predictions that were made before, in the columns that `riskclf.evaluate` reads.

The columns are those that `riskclf predict --output` writes (`riskclf.tables.predictions`). A
method that is no riskclf model has no thresholds: what it labels as a risk counts as flagged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskclf import Prediction
from riskclf.labels import LABELS, RISK_LABELS
from riskclf.tables.predictions import free_columns, prediction_columns, prediction_values
from training.posts.post import Post
from training.posts.post import rows as evaluation_rows

__all__ = ["predicted_rows", "scored_rows"]


def predicted_rows(
    posts: Iterable[Post], predictions: Iterable[Prediction]
) -> Iterator[dict[str, Any]]:
    """Rows of posts with their predictions, of a model with our labels."""
    for row, prediction in zip(evaluation_rows(posts), predictions, strict=True):
        columns = free_columns(prediction_columns(LABELS), row)
        yield row | dict(zip(columns, prediction_values(prediction, RISK_LABELS), strict=True))


def scored_rows(posts: Sequence[Post], scores: NDArray[np.float64]) -> Iterator[dict[str, Any]]:
    """Rows of posts with probabilities as predictions.

    Args:
        posts: ours.
        scores: probability of each of our labels, shape (posts, labels).
    """
    return predicted_rows(posts, map(_prediction, scores.tolist()))


def _prediction(scores: list[float]) -> Prediction:
    by_label = dict(zip(LABELS, scores, strict=True))
    label = LABELS[int(np.argmax(scores))]
    return Prediction(
        label=label,
        scores=by_label,
        risk=sum(by_label[name] for name in RISK_LABELS),
        decision="flag" if label in RISK_LABELS else "clear",
        truncated=False,
    )
