"""Every post judged by experts, a stacker and thresholds that have not seen its family.

For each fold, all experts are fitted on the other four (`training.recipe.experts`). Then, for each
fold again, the stacker, the operating points and the label threshold are fitted on the other four
folds' outputs, and applied to it. So each figure about our posts is out of fold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from riskclf.calibration import (
    choose_label_threshold,
    choose_operating_point,
    fit_calibration,
)
from riskclf.decide import OperatingPoint, predictions_from_outputs
from riskclf.encoder import Outputs
from riskclf.errors import OperatingPointError
from riskclf.evaluation.intervals import Intervals
from riskclf.labels import LABELS, RISK_LABELS, Prediction
from riskclf.manifest import Manifest
from riskclf.stacker import EXPERTS
from riskclf.tokens import Encoding
from training.posts.post import FOLDS
from training.recipe.experts import Texts

__all__ = ["STATED", "Judged", "OutOfFold", "fit_manifest", "fit_stacker", "judge", "rank"]

STATED: Mapping[str, Mapping[str, float]] = {
    "standard": {"precision": 0.95, "recall": 0.95},
    "sensitive": {"precision": 0.9, "recall": 0.99},
    "sparing": {"precision": 0.98, "recall": 0.85},
}
"""What `flag` (a lower bound of its precision) and `review` (recall) are to reach on our posts; the
first is the default."""


@dataclass(frozen=True)
class OutOfFold:
    """Posts and natural lines with the outputs of experts that have not seen them."""

    texts: Texts
    number: NDArray[np.int64]
    """Which of the texts, shape (texts,)."""
    outputs: Outputs
    """Of their windows, one after the other."""

    @classmethod
    def of(cls, texts: Texts, by_fold: Mapping[str, Outputs]) -> OutOfFold:
        """From what the experts without each fold give for all texts."""
        numbers = [np.flatnonzero(texts.fold == fold) for fold in by_fold]
        parts = [
            outputs.rows(texts.rows(x))
            for outputs, x in zip(by_fold.values(), numbers, strict=True)
        ]
        return cls(texts, np.concatenate(numbers), Outputs.joined(parts))

    def only(self, chosen: NDArray[np.bool_]) -> OutOfFold:
        """Some of the texts; `chosen` is of shape (texts,)."""
        counts = np.diff(self.texts.starts)[self.number]
        rows = np.flatnonzero(np.repeat(chosen, counts))
        return OutOfFold(self.texts, self.number[chosen], self.outputs.rows(rows))

    @property
    def encodings(self) -> list[Encoding]:
        """Of the texts."""
        return [self.texts.encodings[x] for x in self.number]

    @property
    def is_post(self) -> NDArray[np.bool_]:
        """Whether it is a post whose label is judged, shape (texts,)."""
        posts = self.texts.material.posts
        return np.array([x < len(posts) and posts[x].split != "aspects" for x in self.number])


@dataclass(frozen=True)
class Judged:
    """Texts with predictions that are out of fold in every respect."""

    number: NDArray[np.int64]
    """Which of the texts."""
    predictions: list[Prediction]
    """In their order."""


def judge(found: OutOfFold, experts: Sequence[str] = EXPERTS) -> Judged:
    """Predictions of each fold by what is fitted on the other four.

    Args:
        found: outputs of experts without the fold of each text.
        experts: those that the stacker reads.

    Raises:
        OperatingPointError: see `fit_manifest`.
    """
    return _by_fold(found, lambda others: fit_manifest(others, experts))


def rank(found: OutOfFold, experts: Sequence[str]) -> Judged:
    """The same without thresholds: only scores and sides are of use."""
    return _by_fold(found, lambda others: fit_stacker(others, experts))


def fit_manifest(found: OutOfFold, experts: Sequence[str] = EXPERTS) -> Manifest:
    """Stacker, operating points and label threshold from posts with out-of-fold outputs.

    Raises:
        OperatingPointError: no threshold reaches the precision of the first operating point.
    """
    fitted = fit_stacker(found, experts)
    texts = found.texts
    targets, weights = texts.targets[found.number], texts.weights[found.number]
    predictions = predictions_from_outputs(found.encodings, found.outputs, fitted)
    scores = np.array([[x.scores[label] for label in LABELS] for x in predictions])
    risk, wanted = (x[:, fitted.is_risk].sum(axis=1) for x in (scores, targets))
    family = [texts.material.posts[x].family for x in found.number]
    intervals = Intervals(len(risk), weights, np.unique(family, return_inverse=True)[1])

    def lower(hits: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
        return intervals.proportion(hits, of).low

    points: dict[str, OperatingPoint] = {}
    for name, stated in STATED.items():
        try:
            points[name] = choose_operating_point(
                risk, wanted, weights=weights, bound=lower, **stated
            )
        except OperatingPointError:
            # A model that does not reach what the others state still has to have the standard one.
            if not points:
                raise
    point = points["standard"]
    threshold = choose_label_threshold(scores, targets, weights, fitted.is_risk, point)
    points["standard"] = OperatingPoint(flag=max(point.flag, threshold), review=point.review)
    return replace(fitted, operating_points=points, label_threshold=threshold)


def _by_fold(found: OutOfFold, fit: Callable[[OutOfFold], Manifest]) -> Judged:
    fold = found.texts.fold[found.number]
    numbers, predictions = [], []
    for name in FOLDS:
        part = found.only(fold == name)
        manifest = fit(found.only((fold != name) & found.is_post))
        numbers.append(part.number)
        predictions += predictions_from_outputs(part.encodings, part.outputs, manifest)
    return Judged(np.concatenate(numbers), predictions)


def fit_stacker(found: OutOfFold, experts: Sequence[str]) -> Manifest:
    """A manifest with the stacker of these experts, and thresholds that mean nothing yet."""
    texts = found.texts
    targets, weights = texts.targets[found.number], texts.weights[found.number]
    wanted = targets[:, np.isin(LABELS, RISK_LABELS)].sum(axis=1)
    unfitted = Manifest(
        labels=LABELS,
        risk_labels=RISK_LABELS,
        operating_points={"standard": OperatingPoint(flag=0.8, review=0.3)},
        temperature=1.0,
        prevalence=float(np.average(wanted, weights=weights)),
    )
    return fit_calibration(
        found.encodings,
        found.outputs,
        targets,
        unfitted,
        biased=True,
        weights=weights,
        experts=experts,
    )
