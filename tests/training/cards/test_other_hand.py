"""The posts by other hands are measured like any, with each expert and TF-IDF beside the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskclf import RiskClassifier
from tests.experts import BREAD, RAIN, SNOW, with_experts
from tests.training.cards.fakes import ADULT, BENIGN, MINOR, post
from training.cards.other_hand import measure_other_hand
from training.posts.other_hand import OtherHandPost

KINDS = {MINOR: RAIN, ADULT: SNOW, BENIGN: BREAD}
"""What the small model has learned to tell apart: weather and bread, in place of risks."""


def test_the_model_each_expert_and_tfidf_are_measured_on_the_same_posts(
    model_directory: Path, tmp_path: Path
) -> None:
    loaded = with_experts(model_directory, tmp_path / "model")
    others = [
        OtherHandPost(f"w1-{label}-{n}", "ja", {label: 1.0}, False, text)
        for label, texts in KINDS.items()
        for n, text in enumerate(texts)
    ]
    unclear = OtherHandPost("w1-x", "en", {ADULT: 0.5, BENIGN: 0.5}, False, SNOW[0] + "。")
    known = [
        post(f"{text}ね", label, f"{label}{n}")
        for label, texts in KINDS.items()
        for n, text in enumerate(texts)
    ]
    found = measure_other_hand(loaded, [*others, unclear], known)
    counts = found["counts"]
    assert (counts["risky"], counts["benign"], counts["unclear"]) == (12, 6, 1)
    assert counts["families"] is None
    ranked = found["ranked"]
    assert list(ranked) == ["all experts", "transformer", "ngrams", "neighbours", "TF-IDF"]
    # What was fitted on these sentences knows them; weights that are random do not.
    for name in ("ngrams", "neighbours", "TF-IDF"):
        assert ranked[name] == pytest.approx(
            {"average precision": 1.0, "macro-F1": 1.0, "side": 1.0}
        )
    assert ranked["transformer"]["macro-F1"] < 1
    right = [x.side for x in RiskClassifier(loaded).predict_many(RAIN)].count(MINOR)
    assert found["side"]["hits"] >= right
