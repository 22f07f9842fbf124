"""Posts, targets and predictions become scored rows; what limits the figures is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from riskclf.decide import OperatingPoint
from riskclf.finetuning import Example
from riskclf.finetuning.measure import scored_rows
from riskclf.labels import Decision, Prediction
from riskclf.manifest import Manifest

LABELS = ("storm", "rain", "sun")
MANIFEST = Manifest(LABELS, LABELS[:2], {"standard": OperatingPoint(0.8, 0.3)}, 1.0, 0.5)


def _prediction(label: str, decision: Decision, scores: Sequence[float]) -> Prediction:
    by_label = dict(zip(LABELS, scores, strict=True))
    return Prediction(label, by_label, sum(scores[:2]), decision, False, "rain")


def test_posts_with_targets_become_scored_rows() -> None:
    examples = [
        Example("rain all day", (0.0, 1.0, 0.0)),
        Example("clouds over the hills", (0.0, 0.5, 0.5)),
        Example("a bright morning", (0.0, 0.0, 1.0)),
        Example("Rain all  day", (0.0, 1.0, 0.0)),
    ]
    predictions = [
        _prediction("rain", "flag", (0.1, 0.8, 0.1)),
        _prediction("sun", "review", (0.1, 0.3, 0.6)),
        _prediction("sun", "clear", (0.0, 0.1, 0.9)),
        _prediction("storm", "flag", (0.5, 0.4, 0.1)),
    ]
    rows = scored_rows(MANIFEST, examples, predictions, ["a", "b", "b", "a"])
    assert rows.labels == LABELS and rows.risk_labels == LABELS[:2]
    assert rows.gold.tolist() == [1, -1, 2, 1]
    assert rows.kind.names == ("rain+sun",) and rows.kind.codes.tolist() == [-1, 0, -1, -1]
    assert rows.predicted.tolist() == [1, 2, 2, 0]
    assert rows.decision.tolist() == [2, 1, 0, 2]
    assert rows.risk == pytest.approx([0.9, 0.4, 0.1, 0.9])
    assert np.allclose(rows.scores[3], (0.5, 0.4, 0.1))
    assert rows.text_key[0] == rows.text_key[3] != rows.text_key[1]
    assert rows.family is not None and rows.family.codes.tolist() == [0, 1, 1, 0]
    assert rows.text is None


def test_without_families_posts_are_independent() -> None:
    examples = [Example("rain all day", (0.0, 1.0, 0.0))]
    predictions = [_prediction("rain", "flag", (0.1, 0.8, 0.1))]
    assert scored_rows(MANIFEST, examples, predictions).family is None
