"""The learning curve trains on whole families and measures on unseen ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from riskclf.labels import Label
from training.experiments.learning_curve import curve, subset, vectors
from training.posts.post import Post, load_posts


def test_a_subset_holds_whole_families_and_every_benign_one() -> None:
    train = [post for post in load_posts() if post.split == "train"]
    chosen = subset(train, 100, 0)
    families = {post.family for post in chosen}
    assert {post.id for post in train if post.family in families} == {post.id for post in chosen}
    assert {post.family for post in train} - {
        post.family for post in train if post.risky
    } <= families
    # Within one family of the number asked for.
    assert 92 < sum(post.risky for post in chosen) <= 100
    assert {post.id for post in subset(train, 100, 1)} != {post.id for post in chosen}


class _Known:
    """Knows the texts it was trained on, and calls every other one risky."""

    seen: Sequence[str]

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> _Known:
        self.seen, self.labels = texts, labels
        return self

    def predict(self, texts: Sequence[str]) -> Any:
        assert not set(texts) & set(self.seen)
        return np.array([str(Label.ADULT_SOLICITATION)] * len(texts))


def test_the_curve_measures_on_families_that_were_not_trained_on() -> None:
    def texts(posts: Sequence[Post]) -> list[str]:
        return [post.text for post in posts]

    posts = [post for post in load_posts() if len(post.target) == 1]
    rows = list(curve(posts, _Known, texts))
    total = sum(post.risky for post in posts if post.split == "train")
    assert [count for count, *_ in rows] == [*range(50, total, 50), total]
    assert {recall for _, recall, _, _ in rows} == {1.0}
    assert {false for *_, false in rows} == {1.0}


def test_vectors_stand_in_the_order_of_the_texts(model_directory: Path) -> None:
    texts = ["今日は雨", "パンを買った、とてもおいしい店のパンを", "雨"]
    both = vectors(model_directory, texts)
    assert both.shape == (3, 64)
    for row, text in zip(both, texts, strict=True):
        np.testing.assert_allclose(row, vectors(model_directory, [text])[0], atol=1e-5)
