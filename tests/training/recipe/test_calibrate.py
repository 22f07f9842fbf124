"""What the packaged model's probabilities and thresholds rest on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskclf.calibration import served_risk
from riskclf.finetuning.computed import Computed
from riskclf.tokens import Tokenizer
from tests.models import outputs_of
from training.posts.post import load_posts
from training.recipe import calibrate as calibration
from training.recipe.calibrate import calibrate, target_of

POSTS = load_posts()
CHOSEN = [post for post in POSTS if post.split == "calibration"]


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were scored; the logits sense a risk in each that is not there."""
    texts_seen: list[str] = []
    target = {post.text: target_of(post) for post in POSTS}

    def compute(model: Any, start: Path, texts: Sequence[str], *_: Any, **__: Any) -> Computed:
        texts_seen.extend(texts)
        encodings = Tokenizer.load(start).encode_batch(texts)
        found = 4 * np.array([target[text] for text in texts], dtype=np.float32)
        found += np.random.default_rng(0).normal(0, 1, found.shape).astype(np.float32)
        found += np.array([2, 2, 0], dtype=np.float32)
        counts = [len(x.windows) for x in encodings]
        return Computed(encodings, outputs_of(np.repeat(found, counts, axis=0)))

    monkeypatch.setattr(calibration, "compute", compute)
    return texts_seen


def test_thresholds_come_from_the_calibration_split(
    scored: list[str], model_directory: Path
) -> None:
    card = calibrate(None, model_directory, POSTS)
    assert scored == [post.text for post in CHOSEN]
    assert list(card.operating_points) == ["standard", "sensitive", "sparing"]
    share = sum(1 - post.target.get("benign", 0.0) for post in CHOSEN)
    assert card.prevalence == pytest.approx(share / len(scored))
    assert sum(card.provenance["calibration"]["posts"].values()) == len(scored)


def test_the_bias_brings_the_mean_risk_to_the_share_of_risky_posts(
    scored: list[str], model_directory: Path
) -> None:
    card = calibrate(None, model_directory, POSTS)
    texts = [post.text for post in CHOSEN]
    found = calibration.compute(  # type: ignore[attr-defined]
        None, model_directory, texts, card, device="cpu", batch_size=64
    )
    assert card.bias < 0
    assert served_risk(found.encodings, found.outputs, card).mean() == pytest.approx(
        card.prevalence, abs=1e-4
    )
    assert calibrate(None, model_directory, POSTS, biased=False).bias == 0
