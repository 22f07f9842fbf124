"""The training loop: it learns, and an interrupted run ends as an unbroken one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertModel

from riskclf.errors import ArtifactMismatch
from training.recipe import loop
from training.recipe.distillation import Target, Vectors, measure
from training.recipe.loop import Settings, fit

QUICK = Settings(sentences=48, epochs=4, batch_size=8, learning_rate=5e-3)


def student(home: Path) -> BertModel:
    return BertModel.from_pretrained(home / "student", dtype=torch.float32)


def test_each_epoch_sees_every_line_once(lesson: tuple[list[list[int]], Vectors]) -> None:
    ids, _ = lesson
    one, other = (loop._batches(ids, QUICK, epoch) for epoch in (0, 1))
    for batches in (one, other):
        assert sorted(i for batch in batches for i in batch) == list(range(len(ids)))
    assert one != other
    assert one == loop._batches(ids, QUICK, 0)


def test_training_brings_the_student_nearer(
    home: Path, lesson: tuple[list[list[int]], Vectors], tmp_path: Path
) -> None:
    ids, vectors = lesson
    target = Target.of(vectors)
    model = student(home)
    before = measure(model, ids, vectors, target)
    log: list[str] = []
    fit(model, ids, vectors, target, QUICK, tmp_path, log=log.append)
    after = measure(model, ids, vectors, target)
    for name in ("pooler_centred", "mean_centred"):
        assert after[name] > before[name] + 0.1
    assert "loss" in log[-1]
    assert not list(tmp_path.iterdir())  # shorter than the time between two checkpoints


def test_a_resumed_run_ends_like_an_unbroken_one(
    home: Path,
    lesson: tuple[list[list[int]], Vectors],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids, vectors = lesson
    target = Target.of(vectors)

    def run(work: Path, model: BertModel, seconds: float) -> dict[str, torch.Tensor]:
        fit(model, ids, vectors, target, QUICK, work, checkpoint_seconds=seconds)
        return model.state_dict()

    unbroken = run(tmp_path / "unbroken", student(home), 1e9)

    save, steps = loop._save, []

    def save_then_stop(*arguments: Any) -> None:
        save(*arguments)
        steps.append(arguments[-1])
        if len(steps) == 13:  # in the second of four epochs
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_save", save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", student(home), 0)
    monkeypatch.setattr(loop, "_save", save)
    assert [path.name for path in (tmp_path / "broken").iterdir()] == ["step-00000013"]

    resumed = run(tmp_path / "broken", student(home), 1e9)
    for name, value in unbroken.items():
        assert torch.equal(value, resumed[name]), name


def test_a_checkpoint_of_another_run_is_not_taken(
    home: Path, lesson: tuple[list[list[int]], Vectors], tmp_path: Path
) -> None:
    ids, vectors = lesson
    target = Target.of(vectors)
    short = Settings(epochs=1, batch_size=16)
    fit(student(home), ids, vectors, target, short, tmp_path, checkpoint_seconds=0)
    with pytest.raises(ArtifactMismatch, match="other lines, teacher or settings"):
        fit(student(home), ids, vectors, target, QUICK, tmp_path)
