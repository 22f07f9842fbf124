"""The ablation table compares like with like and picks by the stated rule."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.metrics import f1_score

from riskclf import Label, evaluate
from training.ablations import VARIANTS, baseline_rows, smallest
from training.baselines import Keywords
from training.dataset import load_posts, rows


def test_a_baseline_is_measured_as_a_model_is() -> None:
    posts = load_posts()
    hard = [post for post in posts if post.split == "train" and len(post.target) == 1]
    dev = [post for post in posts if post.split == "dev"]
    keywords = Keywords(50).fit([x.text for x in hard], [x.kind for x in hard])
    labels = keywords.predict([post.text for post in dev])
    found = evaluate(None, baseline_rows(dev, labels)).figures
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


def _table(scores: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Variants with their macro-F1 and the half-width of the paired interval to every other."""
    return {
        name: {
            "macro_f1": {"value": value},
            "against": {
                other: {
                    "value": value - theirs,
                    "low": value - theirs - width,
                    "high": value - theirs + width,
                }
                for other, (theirs, _) in scores.items()
                if other != name
            },
        }
        for name, (value, width) in scores.items()
    }


def test_the_smallest_within_one_standard_error_of_the_best_is_shipped() -> None:
    # A half-width of 0.0392 is a standard error of 0.02.
    close = {"12-layers": (0.90, 0.0392), "6-layers": (0.885, 0.0392), "4-layers": (0.86, 0.0392)}
    assert smallest(_table(close)) == "6 layers"
    alike = {name: (0.9, 0.0392) for name in close}
    assert smallest(_table(alike)) == "4 layers"
    apart = {"12-layers": (0.95, 0.0392), "6-layers": (0.90, 0.0392), "4-layers": (0.9, 0.0392)}
    assert smallest(_table(apart)) == "12 layers"


def test_a_variant_that_lacks_a_part_of_the_recipe_is_never_shipped() -> None:
    scores = {"6-layers": (0.8, 0.01), "6-layers-without-twins": (0.9, 0.01)}
    assert smallest(_table(scores)) == "6 layers"


def test_no_two_variants_share_a_directory() -> None:
    assert len({variant.directory for variant in VARIANTS}) == len(VARIANTS)
