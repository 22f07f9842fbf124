"""How faithful spans are: the measures, and the ways that ours is compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from riskclf.artifact import Artifact
from riskclf.engines.pytorch import open_classifier
from riskclf.explanation.phrases import Phrases
from training.experiments.attributions import (
    attention_rollout,
    gradient_times_input,
    integrated_gradients,
)
from training.experiments.faithfulness import mean, measures

POST = "今日は図書館で本を三冊借りました。"


def risk(members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The second of four phrases makes the risk, the fourth some more."""
    return 0.1 + 0.6 * members[:, 1] + 0.2 * members[:, 3]


def test_the_right_order_is_the_most_faithful() -> None:
    right = measures(np.array([0.0, 0.6, -0.1, 0.2]), risk, risk)
    wrong = measures(np.array([0.3, 0.0, 0.2, 0.1]), risk, risk)
    # Without the first, the first two, the first three phrases 0.6, 0.8 and 0.8 are lost.
    assert right["comprehensiveness"] == pytest.approx((0.6 + 0.8 + 0.8) / 3)
    assert right["sufficiency"] == pytest.approx((0.2 + 0 + 0) / 3)
    assert right["deletion"] < wrong["deletion"]
    assert right["insertion"] > wrong["insertion"]
    assert right["sufficiency"] < wrong["sufficiency"]


def test_a_mean_has_an_interval_over_families() -> None:
    values = np.array([1.0, 1.0, 0.0, 0.0])
    apart = mean(values, ["a", "b", "c", "d"])
    together = mean(values, ["a", "a", "b", "b"])
    assert apart["value"] == together["value"] == 0.5
    assert together["high"] - together["low"] > apart["high"] - apart["low"]


def test_other_ways_weigh_each_phrase(loaded: Artifact, model_directory: Path) -> None:
    (window,) = loaded.tokenizer.encode(POST).windows
    phrases = Phrases.of(POST, window, loaded.tokenizer)
    model = open_classifier(model_directory, attention="eager")[0].eval()
    pad_id = loaded.tokenizer.pad_id
    flow = attention_rollout(model, phrases)
    assert (flow > 0).all()
    assert flow.sum() < 1  # the rest stays with [CLS] and [SEP]
    integrated = integrated_gradients(model, phrases, pad_id)
    # They add up to the log-odds of the window less those of padding (Sundararajan and others).
    ids = np.array(window.ids)
    empty = [ids[0], *[pad_id] * (len(ids) - 2), ids[-1]]
    with torch.inference_mode():
        rows = torch.tensor(np.array([ids, empty]))
        logits = model(rows, attention_mask=torch.ones_like(rows)).logits.numpy()
    odds = np.logaddexp(logits[:, 0], logits[:, 1]) - logits[:, 2]
    assert integrated.sum() == pytest.approx(odds[0] - odds[1], rel=0.1, abs=0.1)
    assert gradient_times_input(model, phrases).shape == (len(phrases),)
