"""The teacher's vectors, and the loss that a student has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny_base import LINES
from training.recipe import distillation
from training.recipe.base import Base
from training.recipe.distillation import Target, teach


def test_teacher_vectors_are_of_length_one_and_those_of_the_model(
    teacher: Base, tmp_path: Path
) -> None:
    lines = [*LINES["ja"][:3], LINES["en"][0]]
    vectors = teach(teacher, lines, tmp_path)
    assert vectors.shape == (4, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    model = teacher.model()
    for line, vector in zip(lines, vectors, strict=True):
        (ids,) = teacher.segment(["query: " + line])
        with torch.inference_mode():
            mean = model(torch.tensor([ids])).last_hidden_state[0].mean(dim=0)
        cosine = float(mean @ torch.from_numpy(vector) / mean.norm())
        assert cosine > 0.999  # bf16 and float16 on the way


def test_the_teacher_is_asked_once_and_the_cache_holds_no_text(
    teacher: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = LINES["en"]
    first = teach(teacher, lines, tmp_path)
    monkeypatch.setattr(distillation, "_teacher_vectors", None)
    assert np.array_equal(teach(teacher, lines, tmp_path), first)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"today" not in content
    with pytest.raises(TypeError):  # other lines, another key
        teach(teacher, lines[::-1], tmp_path)


def test_the_loss_is_least_at_the_target() -> None:
    chance = np.random.default_rng(0)
    vectors = chance.normal(size=(64, 16)).astype(np.float32) + 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    target = Target.of(vectors)
    given = torch.from_numpy(vectors)
    wanted = target.scale * (given - target.mean)
    assert float(wanted.pow(2).mean().sqrt()) == pytest.approx(0.4, rel=1e-3)
    best = float(target.loss(wanted, given, given, 0.5))
    assert best < 0.01  # what clipping to tanh's range leaves
    for pooled, mean in ((wanted * 0.5, given), (wanted.flip(0), given), (wanted, given.flip(0))):
        assert float(target.loss(pooled, mean, given, 0.5)) > best + 0.1
