"""What the packaged model's probabilities and thresholds rest on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from riskclf.tokens import Tokenizer
from training.posts.data import load_posts
from training.recipe import calibrate as calibration
from training.recipe.calibrate import LABELS, calibrate, target_of

POSTS = load_posts()
CHOSEN = [post for post in POSTS if post.split == "calibration"]


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were scored; the logits sense a risk in each that is not there."""
    texts_seen: list[str] = []
    target = {post.text: target_of(post) for post in POSTS}

    def logits(model: Any, tokenizer: Tokenizer, texts: Sequence[str]) -> Any:
        texts_seen.extend(texts)
        found = 4 * np.array([target[text] for text in texts], dtype=np.float32)
        noise = np.random.default_rng(0).normal(0, 1, found.shape).astype(np.float32)
        return found + noise + np.array([2, 2, 0], dtype=np.float32)

    monkeypatch.setattr(calibration, "score", logits)
    return texts_seen


def test_thresholds_come_from_the_calibration_split(
    scored: list[str], model_directory: Path
) -> None:
    card = calibrate(None, Tokenizer.load(model_directory), POSTS)
    assert scored == [post.text for post in CHOSEN]
    assert list(card.operating_points) == ["standard", "sensitive", "sparing"]
    share = sum(1 - post.target.get("benign", 0.0) for post in CHOSEN)
    assert card.prevalence == pytest.approx(share / len(scored))
    assert sum(card.provenance["calibration"]["posts"].values()) == len(scored)


def test_the_bias_brings_the_mean_risk_to_the_share_of_risky_posts(
    scored: list[str], model_directory: Path
) -> None:
    tokenizer = Tokenizer.load(model_directory)
    card = calibrate(None, tokenizer, POSTS)
    logits = calibration.score(None, tokenizer, [post.text for post in CHOSEN])
    shift = card.bias * np.array([label != "benign" for label in LABELS])
    found = softmax(logits.astype(float) / card.temperature + shift, axis=1)
    assert card.bias < 0
    assert (1 - found[:, 2]).mean() == pytest.approx(card.prevalence, abs=1e-4)
    assert calibrate(None, tokenizer, POSTS, biased=False).bias == 0
