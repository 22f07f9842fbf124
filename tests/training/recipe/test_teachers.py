"""Teachers answer as they would serve, once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from riskclf import RiskClassifier
from riskclf.artifact import Artifact, save
from tests.models import torch_model
from training.recipe.teachers import mean_probabilities

TEXTS = ["a quiet day", "部活おわった〜", "明日の試合、チケット余ってる人いませんか"]


def test_the_bias_of_a_teacher_is_part_of_its_answer(
    tmp_path: Path, loaded: Artifact, model_directory: Path
) -> None:
    biased = tmp_path / "biased"
    save(
        biased,
        model=torch_model(loaded),
        tokenizer_directory=model_directory,
        manifest=replace(loaded.manifest, bias=-2.0),
    )
    plain = mean_probabilities([model_directory], TEXTS, tmp_path / "cache")
    both = mean_probabilities([model_directory, biased], TEXTS, tmp_path / "cache")
    alone = mean_probabilities([biased], TEXTS, tmp_path / "cache")
    served = [list(x.scores.values()) for x in RiskClassifier.load(biased).predict_many(TEXTS)]
    np.testing.assert_allclose(alone, served, atol=1e-6)
    np.testing.assert_allclose(both, (plain + alone) / 2)
    risk = [answers[:, :2].sum(axis=1) for answers in (plain, alone)]
    assert (risk[1] < risk[0]).all()  # a bias of -2 lowers the log-odds of every risk


def test_teachers_are_asked_once_and_no_text_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_directory: Path
) -> None:
    texts = ["a quiet day", "部活おわった〜"]
    first = mean_probabilities([model_directory], texts, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    assert not any(text.encode("utf-8") in kept.read_bytes() for text in texts)
    monkeypatch.setattr(RiskClassifier, "predict_many", None)
    assert (mean_probabilities([model_directory], texts, tmp_path / "cache") == first).all()
    with pytest.raises(TypeError):
        mean_probabilities([model_directory], texts[::-1], tmp_path / "cache")
