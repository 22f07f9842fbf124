"""Temperature and thresholds of a model with new labels are fitted on what is served."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from riskclf.decide import windows_read
from riskclf.encoder import Outputs
from riskclf.finetuning.base import Base
from riskclf.finetuning.computed import Computed
from riskclf.finetuning.data import LabelledPosts
from riskclf.finetuning.folds import HeldOut
from riskclf.finetuning.job import FALLBACK, Job
from riskclf.finetuning.manifest import manifest_for
from riskclf.tokens import Tokenizer
from tests.models import outputs_of

LABELS = ("storm", "sun")
POSTS = 20
RISKY = [n % 2 == 0 for n in range(POSTS)]


def _job(texts: list[str], risk_labels: tuple[str, ...] = ("storm",)) -> Job:
    targets: list[tuple[float, ...]] = [(1.0, 0.0) if risky else (0.0, 1.0) for risky in RISKY]
    numbers = np.arange(POSTS)
    return Job(
        base=Base(Path("base"), None),
        labels=LABELS,
        risk_labels=risk_labels,
        posts=LabelledPosts(texts, targets, numbers, numbers, [], 0, 0),
        replay=[],
        old=[],
        natural=[],
        seed=0,
        work=Path("work"),
        device="cpu",
        batch_size=8,
    )


def _held_out(job: Job, directory: Path) -> HeldOut:
    """Every post begins harmlessly; the last window of the risky ones and of post 1 is risky."""
    encodings = Tokenizer.load(directory).encode_batch(job.posts.texts)
    read = windows_read(encodings, job.manifest)
    rows = []
    for number, (windows, risky) in enumerate(zip(read, RISKY, strict=True)):
        for place in range(len(windows)):
            is_last = place == len(windows) - 1 and (risky or number == 1)
            strength = 4.35 if number == 1 else 4.0 + number / 10
            rows.append((strength, 0.0) if is_last else (0.0, 6.0))
    outputs: Outputs = outputs_of(np.array(rows, dtype=np.float32))
    return HeldOut(list(range(POSTS)), Computed(encodings, outputs))


def test_thresholds_are_fitted_on_the_window_that_decides(model_directory: Path) -> None:
    texts = [f"{n}番の電車が遅れています。" * 12 for n in range(POSTS)]
    job = _job(texts)
    held_out = _held_out(job, model_directory)
    assert len(held_out.computed.encodings[0].windows) > 1
    manifest = manifest_for(job, held_out)
    assert manifest.operating_points["standard"] != FALLBACK
    assert manifest.prevalence == pytest.approx(0.5)
    predictions = held_out.computed.predictions(manifest)
    # A harmless post is riskier than posts 0 and 2: what is flagged lies above it.
    decisions = [x.decision for x in predictions]
    assert [n for n, x in enumerate(decisions) if x == "flag"] == [*range(4, POSTS, 2)]
    assert [n for n, x in enumerate(decisions) if x == "review"] == [0, 1, 2]


def test_without_risk_labels_there_are_no_thresholds(model_directory: Path) -> None:
    job = _job([f"{n}番の電車" for n in range(POSTS)], risk_labels=())
    manifest = manifest_for(job, _held_out(job, model_directory))
    assert (manifest.operating_points, manifest.prevalence) == ({}, 0.0)
    assert manifest.temperature != 1.0
