"""Posts of ours that are mixed in keep what the model knew."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from riskclf import FineTuning, RiskClassifier, artifact, finetune
from riskclf.errors import RegressionWarning
from riskclf.evaluation.figures import Proportion
from riskclf.finetuning import Example
from riskclf.finetuning.base import locate_base
from riskclf.finetuning.known import Known
from riskclf.finetuning.replay import OurPost, load_our_posts, training_mix
from tests.conftest import MakeModel
from tests.finetuning.lessons import BREAD, OLD, PLACES, SNOW, rows, shorten, spy_on_training
from tests.models import torch_model


def test_replayed_posts_keep_the_old(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch)
    base = tmp_path / "base"
    finetune(rows(texts=SNOW), base=make_model(seed=5), output=base, accept_regression=True)
    against = [f"雪だるまと雪合戦、雪の{place}がやんで静か{n}" for n, place in enumerate(PLACES)]
    posts = tmp_path / "posts.jsonl"
    given = rows(others=[*against, *BREAD])
    posts.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")

    def recall(result: FineTuning) -> float:
        part = result.report.parts["old"]
        assert part is not None
        after = part.alarms["flag_or_review"].recall.after
        assert isinstance(after, Proportion) and after.value is not None
        return after.value

    replayed = [
        OurPost(f"雪が{place}をおおう朝", {"minor_solicitation": 1.0}, "white", "replay")
        for place in PLACES * 3
    ]
    shorten(monkeypatch, ours=[*OLD, *replayed])
    with_them = recall(finetune(posts, base=base, output=tmp_path / "with"))
    shorten(monkeypatch, ours=OLD)
    without = recall(finetune(posts, base=base, output=tmp_path / "without"))
    assert with_them > without


def test_targets_of_the_replay_set_are_the_answers_of_the_base_or_without_one_the_labels(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [OurPost(f"雪が{place}をおおう朝", {"benign": 1.0}, place, "replay") for place in PLACES]
    shorten(monkeypatch, ours=old)
    seen: dict[str, tuple[float, ...]] = {}
    spy_on_training(
        monkeypatch, lambda _, examples: seen.update({x.text: x.target for x in examples})
    )
    base = make_model(seed=5, temperature=1.0)
    finetune(rows(), base=base, output=tmp_path / "model")
    for post, before in zip(
        old, RiskClassifier.load(base).predict_many(x.text for x in old), strict=True
    ):
        assert seen[post.text] == pytest.approx(list(before.scores.values()), abs=1e-3)
    plain = shutil.copytree(base, tmp_path / "plain")
    (plain / "riskclf.json").unlink()
    finetune(rows(), base=plain, output=tmp_path / "from-plain")
    assert {seen[post.text] for post in old} == {(0.0, 0.0, 1.0)}


def test_new_posts_are_repeated_while_the_replay_set_outnumbers_them() -> None:
    def mixed(new: int, replay: int) -> int:
        one, other = Example("new", (1.0,)), Example("old", (1.0,))
        return training_mix([one] * new, [other] * replay).count(one)

    assert [mixed(10, x) for x in (0, 10, 19, 20, 30, 400)] == [10, 10, 10, 20, 30, 30]


def test_the_packaged_posts_are_of_both_parts_and_no_family_is_in_both() -> None:
    families = {
        part: {post.family for post in load_our_posts() if post.part == part}
        for part in ("replay", "old")
    }
    assert families["replay"] and families["old"]
    assert families["replay"].isdisjoint(families["old"])


def test_a_base_that_was_not_accepted_is_warned_of(make_model: MakeModel, tmp_path: Path) -> None:
    loaded = artifact.load(make_model(seed=5), device="cpu", batch_size=8)
    artifact.save(
        tmp_path / "worse",
        model=torch_model(loaded),
        tokenizer_directory=loaded.directory,
        manifest=replace(loaded.manifest, accepted=False),
    )
    with pytest.warns(RegressionWarning, match="was not accepted"):
        Known.of(locate_base(tmp_path / "worse"), device="cpu", batch_size=8)
