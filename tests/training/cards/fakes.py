"""What the tests of the card share: posts that mean nothing, and a model that reads labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from riskclf import Label, Prediction
from riskclf.labels import LABELS
from training.posts.post import Post

MINOR, ADULT, BENIGN = LABELS


class FakeModel:
    """Says the risky label that the text names; flags at once."""

    labels = LABELS
    risk_labels = LABELS[:2]

    def info(self) -> dict[str, Any]:
        point = {"flag": 0.9, "review": 0.5}
        return {
            "parameters": 1234,
            "max_tokens": 512,
            "saved_as": {
                "risk_labels": list(self.risk_labels),
                "files": {"model.safetensors": "0123"},
                "provenance": {"base": {"adaptation": {"minutes": 43.3}}},
                "stacker": {
                    "experts": ["transformer", "ngrams"],
                    "risk": [0.5, 0.25],
                    "side": [1.0, 0.125],
                    "bias": -0.5,
                },
                "temperature": 1.0,
                "bias": 0.0,
                "label_threshold": 0.4,
                "prevalence": 0.1,
                "operating_points": {"standard": point},
            },
        }

    def predict_many(self, texts: Iterable[str]) -> list[Prediction]:
        return list(self.stream(texts))

    def stream(self, texts: Iterable[str]) -> Iterator[Prediction]:
        return map(self._one, texts)

    def _one(self, text: str) -> Prediction:
        return said(next((x for x in LABELS if text.startswith(x)), BENIGN))


def said(label: str, risk: float | None = None, side: str = MINOR) -> Prediction:
    """A prediction with this label; a benign one has some risk of a side if that is given."""
    if risk is None:
        risk = float(label != BENIGN)
    likelier = side if label == BENIGN else label
    scores = {x: (risk if x == likelier else 0.0) for x in LABELS[:2]} | {BENIGN: 1 - risk}
    return Prediction(label, scores, risk, "flag" if risk > 0.5 else "clear", False)


def post(text: str, label: str, family: str, *, lang: str = "en", **fields: Any) -> Post:
    """A post of the first fold unless said otherwise."""
    target = fields.pop("target", {str(Label(label)): 1.0})
    split = fields.pop("split", "")
    fold = fields.pop("fold", "" if split else "1")
    name = fields.pop("slice", "s")
    return Post(
        f"{family}-{text}", lang, target, family, name, text, None, "", None, split, fold, **fields
    )
