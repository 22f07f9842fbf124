"""Temperature, bias and thresholds of a model, from the calibration split.

Everything that touches text or logits is the library's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from riskclf.calibration import choose_operating_point, fit_calibration, served_risk
from riskclf.decide import OperatingPoint
from riskclf.errors import OperatingPointError
from riskclf.finetuning.computed import compute
from riskclf.finetuning.replay import OurPost
from riskclf.labels import LABELS, RISK_LABELS
from riskclf.manifest import Manifest
from training.posts.post import Post

__all__ = ["calibrate", "target_of"]

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


def calibrate(model: Any, start: Path, posts: Sequence[Post], *, biased: bool = True) -> Manifest:
    """Temperature and thresholds from the calibration split, which the model has not seen.

    Args:
        model: the classifier.
        start: directory of its tokenizer.
        posts: ours; only those of the calibration split are read.
        biased: fit a bias of the risk, too (`riskclf.calibration.fit_temperature_and_bias`).
    """
    chosen = [post for post in posts if post.split == "calibration"]
    targets = np.array([target_of(post) for post in chosen])
    target_risk = targets[:, np.isin(LABELS, RISK_LABELS)].sum(axis=1)
    # No thresholds yet: nothing here decides.
    unfitted = Manifest(
        labels=LABELS,
        risk_labels=RISK_LABELS,
        operating_points={"standard": OperatingPoint(flag=0.8, review=0.3)},
        temperature=1.0,
        prevalence=float(target_risk.mean()),
    )
    texts = [post.text for post in chosen]
    found = compute(model, start, texts, unfitted, device="cpu", batch_size=64)
    fitted = fit_calibration(found.encodings, found.outputs, targets, unfitted, biased=biased)
    risk = served_risk(found.encodings, found.outputs, fitted)
    points = {}
    for name, stated in _OPERATING_POINTS.items():
        try:
            points[name] = choose_operating_point(risk, target_risk, **stated)
        except OperatingPointError:
            # A model that does not reach what the others state still has to have the standard one.
            if not points:
                raise
    counts = Counter(post.kind for post in chosen)
    return replace(
        fitted,
        operating_points=points,
        provenance={
            "calibration": {
                "posts": dict(sorted(counts.items())),
                "stated": {name: _OPERATING_POINTS[name] for name in points},
            }
        },
    )
