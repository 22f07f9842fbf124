"""A classifier that needs no model, and rows for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from riskclf.aspects import Heads, Question
from riskclf.classifier import RiskClassifier
from riskclf.labels import LABELS, Aspect, Decision, Explanation, Prediction, ReasonCode, Span

__all__ = ["fake", "rows"]


class _Fake:
    """The risk is the number behind the sign % in a post; one with ? could not be read."""

    labels = LABELS
    risk_labels = LABELS[:2]
    fingerprint = "f" * 64

    def __init__(self, directory: Path, roles: dict[str, str]) -> None:
        self.scored: list[str] = []
        self._directory, self._roles = directory, roles

    def info(self) -> dict[str, Any]:
        return {"model": str(self._directory), "saved_as": {"roles": self._roles}}

    def predict_many(self, posts: Iterable[str]) -> list[Prediction]:
        return [found for found, _ in self.stream_with_vectors(posts)]

    def stream_with_vectors(self, posts: Iterable[str]) -> Iterator[tuple[Prediction, Any]]:
        for post in posts:
            self.scored.append(post)
            yield self._one(post), np.array([1.0 if "助けて" in post else -1.0], dtype=np.float32)

    def explain_many(self, posts: Iterable[str]) -> list[Explanation]:
        """The first letter counts; a risky post is about company."""
        found = []
        for post in posts:
            told = self._one(post)
            aspects = () if told.decision == "clear" else (Aspect("matter", ("company",), {}),)
            spans = (Span(0, 1, 2.5, "strong"),)
            found.append(Explanation(told, aspects, spans, (0, len(post)), False))
        return found

    def _one(self, post: str) -> Prediction:
        risk = int(post.partition("%")[2][:2] or 0) / 100
        codes: tuple[ReasonCode, ...] = ("unreadable",) if "?" in post else ()
        decision: Decision = "flag" if risk >= 0.8 else "review" if risk >= 0.5 else "clear"
        label = LABELS[1] if "adult" in post else LABELS[0]
        return Prediction(
            label if risk >= 0.5 else LABELS[2],
            dict(zip(LABELS, (risk, 0.0, 1 - risk), strict=True)),
            risk,
            "review" if codes and decision == "clear" else decision,
            False,
            label,
            codes,
        )


def fake(directory: Path, *, support: bool = False) -> RiskClassifier:
    """The classifier; with a support head that finds 助けて, if asked for."""
    roles = {}
    if support:
        head = Heads(
            (Question("support", ("yes",), several=True),),
            np.array([[4.0]], dtype=np.float32),
            np.zeros(1, dtype=np.float32),
            threshold=0.3,
        )
        head.save(directory / "support.safetensors")
        roles["support.safetensors"] = "support"
    return cast(RiskClassifier, _Fake(directory, roles))


def rows(*texts: str, **columns: list[Any]) -> list[dict[str, Any]]:
    """Rows with references r1, r2 and so on."""
    return [
        {"text": text, "reference": f"r{n}", **{name: x[n - 1] for name, x in columns.items()}}
        for n, text in enumerate(texts, start=1)
    ]
