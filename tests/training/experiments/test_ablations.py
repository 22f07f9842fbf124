"""The ablation table compares like with like and picks by the stated rule."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.metrics import f1_score

from riskclf import Label, evaluate
from training.experiments.ablations import best, smallest
from training.experiments.baselines import Keywords
from training.experiments.predicted import labelled_rows
from training.posts.post import load_posts, rows
from training.recipe.variants import VARIANTS


def test_a_baseline_is_measured_as_a_model_is() -> None:
    posts = load_posts()
    hard = [post for post in posts if post.split == "train" and len(post.target) == 1]
    dev = [post for post in posts if post.split == "dev"]
    keywords = Keywords(50).fit([x.text for x in hard], [x.kind for x in hard])
    labels = keywords.predict([post.text for post in dev])
    found = evaluate(labelled_rows(dev, labels)).figures.to_dict()
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


def test_no_two_variants_share_a_directory() -> None:
    assert len({variant.directory for variant in VARIANTS}) == len(VARIANTS)
