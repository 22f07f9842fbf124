"""The manifest of a fine-tuned model: temperature or stacker, thresholds and provenance."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from riskclf.calibration import choose_label_threshold, choose_operating_point, fit_calibration
from riskclf.decide import OperatingPoint
from riskclf.errors import OperatingPointError
from riskclf.finetuning.figures import Report
from riskclf.finetuning.folds import HeldOut
from riskclf.finetuning.job import FALLBACK, Job
from riskclf.manifest import Manifest

__all__ = ["is_half_precision", "manifest_for", "provenance"]

_PRECISION, _RECALL = 0.95, 0.95
"""What `flag` and `review` of a model with new labels are to reach on the held-out posts."""


def manifest_for(job: Job, held_out: HeldOut) -> Manifest:
    """The base's stacker and thresholds, or for new labels those fitted on held-out posts.

    They are fitted on what is served: the riskiest window of each post. Without further experts
    there is a temperature in place of a stacker. The first stage of a cascade is not kept: its
    threshold belongs to the base's n-grams.
    """
    base = replace(job.manifest, cascade=None)
    if job.keeps_labels:
        return base
    computed = held_out.computed
    targets = np.array([job.posts.targets[row] for row in held_out.rows])
    manifest = fit_calibration(computed.encodings, computed.outputs, targets, base, biased=False)
    if not manifest.risk_labels:
        return manifest
    target_risk = targets[:, manifest.is_risk].sum(axis=1)
    scores = np.array([[*x.scores.values()] for x in computed.predictions(manifest)])
    risk = scores[:, manifest.is_risk].sum(axis=1)
    try:
        point = choose_operating_point(risk, target_risk, precision=_PRECISION, recall=_RECALL)
    except OperatingPointError:
        point = FALLBACK
    label_threshold = None
    # Where the posts are too few for either, the likeliest label is taken.
    if manifest.stacker is not None or (point != FALLBACK and not manifest.is_risk.all()):
        weights = np.ones(len(targets))
        label_threshold = choose_label_threshold(scores, targets, weights, manifest.is_risk, point)
        point = OperatingPoint(flag=max(point.flag, label_threshold), review=point.review)
    # Not exactly 0 or 1, also where all posts are risky or none.
    margin = 0.5 / len(targets)
    prevalence = float(np.clip(target_risk.mean(), margin, 1 - margin))
    return replace(
        manifest,
        operating_points={"standard": point},
        prevalence=prevalence,
        label_threshold=label_threshold,
    )


def provenance(job: Job, report: Report) -> dict[str, Any]:
    """Where the model comes from: base, licence, a hash of the posts, and the training config."""
    base = job.base.manifest
    before = dict(base.provenance) if base is not None else {}
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

    # Heads and experts lie beside the transformer, in files of other names.
    with safe_open(sorted(directory.glob("model*.safetensors"))[0], framework="np") as weights:
        names = list(weights.keys())
        return all(weights.get_slice(name).get_dtype() == "F16" for name in names)
