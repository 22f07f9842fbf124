"""The manifest of a fine-tuned model: temperature, thresholds and provenance."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from riskclf.artifact import Card
from riskclf.decide import (
    OperatingPoint,
    choose_operating_point,
    fit_temperature,
    probabilities,
)
from riskclf.errors import OperatingPointError
from riskclf.finetuning.figures import Report
from riskclf.finetuning.folds import HeldOut
from riskclf.finetuning.job import Job

__all__ = ["FALLBACK", "is_half_precision", "manifest_for", "provenance"]

FALLBACK = OperatingPoint(flag=0.8, review=0.3)
"""The thresholds where the posts are too few to choose any."""

_PRECISION, _RECALL = 0.95, 0.95
"""What `flag` and `review` of a model with new labels are to reach on the held-out posts."""


def manifest_for(job: Job, start: Path, held_out: HeldOut) -> Card:
    """The base's temperature and thresholds, or for new labels those fitted on held-out posts."""
    if job.keeps_labels:
        assert job.base.card is not None
        return job.base.card
    heads = np.array([x[0] for x in held_out.logits])
    targets = np.array([job.posts.targets[row] for row in held_out.rows])
    temperature = fit_temperature(heads.astype(np.float32), targets)
    is_risk = np.isin(job.labels, job.risk_labels)
    if not is_risk.any():
        return Card(job.labels, (), {}, temperature, 0.0)
    risk = probabilities(heads.astype(np.float32), temperature)[:, is_risk].sum(axis=1)
    target_risk = targets[:, is_risk].sum(axis=1)
    try:
        point = choose_operating_point(risk, target_risk, precision=_PRECISION, recall=_RECALL)
    except OperatingPointError:
        point = FALLBACK
    margin = 0.5 / len(targets)
    prevalence = float(np.clip(target_risk.mean(), margin, 1 - margin))
    return Card(job.labels, job.risk_labels, {"standard": point}, temperature, prevalence)


def provenance(job: Job, report: Report) -> dict[str, Any]:
    """Where the model comes from: base, licence, a hash of the posts, and the training config."""
    card = job.base.card
    before = dict(card.provenance) if card is not None else {}
    # With the targets: the same texts with other labels are other data.
    posts = repr(sorted(zip(job.posts.texts, job.posts.targets, strict=True)))
    return {
        **({"licence": before["licence"]} if "licence" in before else {}),
        "base": {"fingerprint": report.model_before, "provenance": before},
        "fine_tuning": {
            "posts": report.data.to_dict(),
            "sha256": hashlib.sha256(posts.encode("utf-8", "backslashreplace")).hexdigest(),
            **report.settings,
        },
    }


def is_half_precision(directory: Path) -> bool:
    """Whether the base's weights are stored as float16: then those of the new model are too."""
    from safetensors import safe_open

    with safe_open(sorted(directory.glob("*.safetensors"))[0], framework="np") as weights:
        names = list(weights.keys())
        return all(weights.get_slice(name).get_dtype() == "F16" for name in names)
