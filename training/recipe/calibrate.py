"""Temperature, bias and thresholds of a model, from the calibration split.

Everything that touches text or logits is the library's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from riskclf.artifact import Card
from riskclf.decide import (
    choose_operating_point,
    fit_temperature,
    fit_temperature_and_bias,
    probabilities,
)
from riskclf.encoder import TorchEncoder
from riskclf.errors import OperatingPointError
from riskclf.finetuning.replay import OurPost
from riskclf.labels import Label
from riskclf.tokens import Tokenizer
from training.posts.data import Post

__all__ = ["LABELS", "RISK_LABELS", "calibrate", "score", "target_of"]

LABELS = tuple(map(str, Label))
RISK_LABELS = (str(Label.MINOR_SOLICITATION), str(Label.ADULT_SOLICITATION))

_OPERATING_POINTS: Mapping[str, Mapping[str, float]] = {
    "standard": {"precision": 0.95, "recall": 0.95},
    "sensitive": {"precision": 0.9, "recall": 0.99},
    "sparing": {"precision": 0.98, "recall": 0.85},
}
"""What `flag` (precision) and `review` (recall) are to reach on the calibration split; the first is
the default."""


def target_of(post: Post | OurPost) -> tuple[float, ...]:
    """The probability of each of `LABELS`."""
    return tuple(post.target.get(label, 0.0) for label in LABELS)


def score(model: Any, tokenizer: Tokenizer, texts: Sequence[str]) -> Any:
    """Logits of the head of each text, float32 of shape (texts, labels)."""
    encoder = TorchEncoder(model, pad_id=tokenizer.pad_id, device="cpu", batch_size=64)
    return encoder.logits([item.head for item in tokenizer.encode_batch(texts)])


def calibrate(
    model: Any, tokenizer: Tokenizer, posts: Sequence[Post], *, biased: bool = True
) -> Card:
    """Temperature and thresholds from the calibration split, which the model has not seen.

    Args:
        model: the classifier.
        tokenizer: its own.
        posts: ours; only those of the calibration split are read.
        biased: fit a bias of the risk, too (`riskclf.decide.fit_temperature_and_bias`).
    """
    chosen = [post for post in posts if post.split == "calibration"]
    logits = score(model, tokenizer, [post.text for post in chosen])
    targets = np.array([target_of(post) for post in chosen])
    is_risk = np.isin(LABELS, RISK_LABELS)
    if biased:
        temperature, bias = fit_temperature_and_bias(logits, targets, is_risk)
    else:
        temperature, bias = fit_temperature(logits, targets), 0.0
    shift = bias * is_risk.astype(np.float64)
    risk = probabilities(logits, temperature, shift)[:, is_risk].sum(axis=1)
    target_risk = targets[:, is_risk].sum(axis=1)
    points = {}
    for name, stated in _OPERATING_POINTS.items():
        try:
            points[name] = choose_operating_point(risk, target_risk, **stated)
        except OperatingPointError:
            # A model that does not reach what the others state still has to have the standard one.
            if not points:
                raise
    counts = Counter(post.kind for post in chosen)
    return Card(
        labels=LABELS,
        risk_labels=RISK_LABELS,
        operating_points=points,
        temperature=temperature,
        prevalence=float(target_risk.mean()),
        bias=bias,
        provenance={
            "calibration": {
                "posts": dict(sorted(counts.items())),
                "stated": {name: _OPERATING_POINTS[name] for name in points},
            }
        },
    )
