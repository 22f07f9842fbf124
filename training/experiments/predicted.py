"""Posts with the predictions of a method that is no riskclf model, in the columns of ours.

The columns are those that `riskclf predict --output` writes (`riskclf.tables.predictions`). Such a
method has no thresholds: what it labels as a risk counts as flagged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskclf import Prediction
from riskclf.labels import LABELS, RISK_LABELS
from riskclf.tables.predictions import free_columns, prediction_columns, prediction_values
from training.posts.post import Post
from training.posts.post import rows as evaluation_rows

__all__ = ["labelled_rows", "scored_rows"]


def scored_rows(posts: Sequence[Post], scores: NDArray[np.float64]) -> Iterator[dict[str, Any]]:
    """Rows of posts with probabilities as predictions.

    Args:
        posts: ours.
        scores: probability of each of our labels, shape (posts, labels).
    """
    for row, found in zip(evaluation_rows(posts), scores.tolist(), strict=True):
        by_label = dict(zip(LABELS, found, strict=True))
        label = LABELS[int(np.argmax(found))]
        prediction = Prediction(
            label=label,
            scores=by_label,
            risk=sum(by_label[name] for name in RISK_LABELS),
            decision="flag" if label in RISK_LABELS else "clear",
            truncated=False,
        )
        columns = free_columns(prediction_columns(LABELS), row)
        yield row | dict(zip(columns, prediction_values(prediction, RISK_LABELS), strict=True))


def labelled_rows(posts: Sequence[Post], labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows of posts with labels as predictions; each score is 0 or 1."""
    chosen = [LABELS.index(label) for label in labels]
    return scored_rows(posts, np.eye(len(LABELS))[chosen])
