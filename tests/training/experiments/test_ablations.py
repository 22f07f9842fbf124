"""The ablation table compares like with like and picks by the stated rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import f1_score

from riskclf import Label, Prediction, evaluate
from riskclf.evaluation.scored import ScoredRows
from tests.tiny_base import benign_rows, write_corpus, write_manifest
from training.experiments.ablations import (
    behind,
    best,
    losses,
    measure_buried,
    predicted_rows,
    smallest,
)
from training.experiments.baselines import Keywords
from training.posts.corpora import Corpora
from training.posts.data import load_posts, rows
from training.recipe.variants import VARIANTS


def test_a_baseline_is_measured_as_a_model_is() -> None:
    posts = load_posts()
    hard = [post for post in posts if post.split == "train" and len(post.target) == 1]
    dev = [post for post in posts if post.split == "dev"]
    keywords = Keywords(50).fit([x.text for x in hard], [x.kind for x in hard])
    labels = keywords.predict([post.text for post in dev])
    found = evaluate(None, predicted_rows(dev, labels)).figures.to_dict()
    pairs = [
        (post.kind, label) for post, label in zip(dev, labels, strict=True) if len(post.target) == 1
    ]
    expected = f1_score(*zip(*pairs, strict=True), labels=list(Label), average="macro")
    assert found["macro"]["f1"]["value"] == pytest.approx(expected)
    assert found["counts"]["unclear"] == sum(len(post.target) > 1 for post in dev)
    alarms = sum(label != Label.BENIGN for _, label in pairs)
    precision = found["operating_points"]["flag"]["precision"]
    assert precision["of"] == alarms


def test_rows_for_evaluation_hold_every_post_with_its_family() -> None:
    posts = load_posts()[:50]
    found = list(rows(posts))
    assert [row["id"] for row in found] == [post.id for post in posts]
    assert {row["family"] for row in found} == {post.family for post in posts}


def _table(losses: dict[str, float], error: float = 0.02) -> dict[str, Any]:
    """Variants with their cross-entropy, and one paired standard error for all of them."""
    return {
        name: {
            "cross_entropy": value,
            "against": {
                other: {"cross_entropy": value - theirs, "standard_error": error}
                for other, theirs in losses.items()
                if other != name
            },
        }
        for name, value in losses.items()
    }


def test_the_smallest_within_one_standard_error_of_the_best_is_shipped() -> None:
    close = {"6-layers-seed-1": 0.20, "6-layers": 0.215, "4-layers": 0.24}
    assert smallest(_table(close)) == "6 layers"
    assert smallest(_table(dict.fromkeys(close, 0.2))) == "4 layers"
    apart = {"6-layers-seed-1": 0.20, "6-layers": 0.25, "4-layers": 0.25}
    assert smallest(_table(apart)) == "6 layers, seed 1"


def test_a_variant_that_differs_from_the_recipe_is_never_shipped() -> None:
    lacking = [variant.directory for variant in VARIANTS if not variant.whole]
    assert {"6-layers-from-the-labels", "4-layers-from-the-labels-one-draw"} < set(lacking)
    table = _table({"6-layers": 0.3, **dict.fromkeys(lacking, 0.2)})
    assert smallest(table) == best(table).name == "6 layers"


def test_the_loss_is_that_of_the_posts_with_one_label_and_its_error_that_of_families() -> None:
    def scored(*right: float) -> ScoredRows:
        """Posts of two families, of which a model gives the right label these probabilities."""
        rows = benign_rows(right, "abab")
        soft = {**rows[0], "label": '{"benign": 0.5, "adult_solicitation": 0.5}'}
        return evaluate(None, [*rows, soft]).rows

    one, other = scored(0.5, 0.5, 0.5, 0.5), scored(0.25, 0.5, 0.25, 0.5)
    assert losses(one).tolist() == pytest.approx([math.log(2)] * 4)
    value, error = behind(other, one)
    # The one family loses log 2 on each of its two posts, the other nothing.
    assert value == pytest.approx(math.log(2) / 2)
    assert error == pytest.approx(math.sqrt(2 * math.log(2) ** 2) / 4)


def test_no_two_variants_share_a_directory() -> None:
    assert len({variant.directory for variant in VARIANTS}) == len(VARIANTS)


def test_buried_posts_stand_behind_lines_of_a_japanese_held_out_corpus(tmp_path: Path) -> None:
    lines = [f"今日は{number}番の電車に乗って海を見に行った" for number in range(2_000)]
    entries = [
        write_corpus(tmp_path, name, content, language, ["heldout"])
        for name, content, language in (
            ("en.txt", ["We took the train to the sea"], "en"),
            ("ja.txt", lines, "ja"),
        )
    ]
    write_manifest(tmp_path, entries)
    given: list[str] = []

    class Near:
        """Flags a text that is no longer than a post of ours."""

        labels = tuple(map(str, Label))

        def info(self) -> dict[str, Any]:
            return {"saved_as": {"risk_labels": list(self.labels[:2])}}

        def stream(self, texts: Iterable[str]) -> Iterator[Prediction]:
            for text in texts:
                given.append(text)
                short = len(text) <= longest + 1
                risk = float(short)
                scores = dict(zip(self.labels, (risk, 0.0, 1 - risk), strict=True))
                label = self.labels[0 if short else 2]
                yield Prediction(label, scores, risk, "flag" if short else "clear", False)

    posts = load_posts()
    risky = [p.text for p in posts if p.split == "dev" and p.risky and p.lang == "ja"]
    longest = max(map(len, risky))
    found = measure_buried(Near(), posts, Corpora.load(tmp_path))  # type: ignore[arg-type]
    assert {x["found"]["of"] for x in found.values()} == {len(risky)}
    assert (found["0"]["found"]["hits"], found["800"]["found"]["hits"]) == (len(risky), 0)
    assert found["800"]["alone"]["hits"] == 0
    long = [text for text in given if len(text) >= 400]
    assert all("番の電車" in text and "train" not in text for text in long)
    # Each stretch once with a post behind it, once alone.
    for post, buried, alone in zip(risky * 2, long[::2], long[1::2], strict=True):
        assert buried == f"{alone} {post}"
