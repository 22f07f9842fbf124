"""The packaged model labels the package's example posts right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from riskclf import Label, Prediction, RiskClassifier
from training.recipe.checks import labels_examples


def test_the_packaged_model_labels_its_examples_right() -> None:
    assert labels_examples(RiskClassifier.load(device="cpu"))


def test_one_wrong_label_is_noticed() -> None:
    right = RiskClassifier.load(device="cpu")

    class Wrong:
        """Gives the first risky example the other side."""

        def predict_many(self, posts: Iterable[str]) -> list[Prediction]:
            found = right.predict_many(posts)
            first = next(i for i, x in enumerate(found) if x.label == Label.MINOR_SOLICITATION)
            found[first] = replace(found[first], label=str(Label.ADULT_SOLICITATION))
            return found

    wrong: Any = Wrong()
    assert not labels_examples(wrong)
