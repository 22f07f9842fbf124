"""The student learns, and an interrupted run ends as an unbroken one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import BertModel

from riskclf.progress import Progress
from training.recipe.distillation import Target, Vectors, measure
from training.recipe.student import Settings, fit

QUICK = Settings(sentences=48, epochs=4, batch_size=8, learning_rate=5e-3)


def student(home: Path) -> BertModel:
    return BertModel.from_pretrained(home / "student", dtype=torch.float32)


def test_training_brings_the_student_nearer(
    home: Path, lesson: tuple[list[list[int]], Vectors], tmp_path: Path
) -> None:
    ids, vectors = lesson
    target = Target.of(vectors)
    model = student(home)
    before = measure(model, ids, vectors, target)
    told: list[tuple[str, int, int | None]] = []
    fit(model, ids, vectors, target, QUICK, tmp_path, progress=lambda *x: told.append(x))
    after = measure(model, ids, vectors, target)
    for name in ("pooler_centred", "mean_centred"):
        assert after[name] > before[name] + 0.1
    steps = math.ceil(QUICK.epochs * math.ceil(len(ids) / QUICK.batch_size))
    assert told == [("training", step, steps) for step in range(1, steps + 1)]


def test_a_resumed_run_ends_like_an_unbroken_one(
    home: Path, lesson: tuple[list[list[int]], Vectors], tmp_path: Path
) -> None:
    ids, vectors = lesson
    target = Target.of(vectors)
    often = replace(QUICK, save_steps=5)

    def run(work: Path, progress: Progress = None) -> dict[str, torch.Tensor]:
        model = student(home)
        fit(model, ids, vectors, target, often, work, progress=progress)
        return model.state_dict()

    unbroken = run(tmp_path / "unbroken")
    steps: list[int] = []

    def stop(stage: str, done: int, total: int | None) -> None:
        steps.append(done)
        if done == 13:  # in the second of four epochs
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", stop)
    resumed = run(tmp_path / "broken", lambda stage, done, total: steps.append(done))
    assert steps[13] == 11  # from the checkpoint at step 10
    for name, value in unbroken.items():
        assert torch.equal(value, resumed[name]), name


def test_a_checkpoint_of_other_settings_is_not_resumed(
    home: Path, lesson: tuple[list[list[int]], Vectors], tmp_path: Path
) -> None:
    ids, vectors = lesson
    target = Target.of(vectors)
    steps: list[int] = []
    for settings in (replace(QUICK, save_steps=5), replace(QUICK, save_steps=5, seed=1)):
        steps.clear()
        fit(
            student(home),
            ids,
            vectors,
            target,
            settings,
            tmp_path,
            progress=lambda stage, done, total: steps.append(done),
        )
        assert steps[0] == 1
