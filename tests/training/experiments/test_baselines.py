"""Baselines are measured on folds that they were not trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from riskclf.labels import LABELS
from training.experiments import baselines
from training.experiments.baselines import Setting, baseline_rows, best, out_of_fold
from training.posts.post import FOLDS, Post, load_posts

POSTS = [post for post in load_posts() if post.fold in FOLDS and post.lang == "ja"][::6]


@pytest.fixture(scope="module")
def settings() -> list[Setting]:
    return out_of_fold(POSTS)


def test_every_setting_says_something_about_every_post(settings: list[Setting]) -> None:
    assert {x.baseline for x in settings} == {"keywords", "TF-IDF"}
    for x in settings:
        assert x.labels.shape == x.risk.shape == (len(POSTS),)
        assert x.risk.min() >= 0 and x.risk.max() <= 1
        assert x.macro_f1.value is not None and x.macro_f1.low is not None
        assert x.macro_f1.low < x.macro_f1.value
    linear = best(settings)
    tried = [x.macro_f1.value or 0 for x in settings if x.baseline == "TF-IDF"]
    assert linear.macro_f1.value == max(tried)
    risky = np.array([post.risky for post in POSTS])
    assert linear.risk[risky].mean() > linear.risk[~risky].mean() + 0.1
    assert best(settings, "keywords").baseline == "keywords"


def test_rows_hold_each_setting_as_text(settings: list[Setting]) -> None:
    rows = baseline_rows(settings)
    assert [row[:2] for row in rows] == [(x.baseline, x.setting) for x in settings]
    assert all(len(row) == len(baselines.COLUMNS) and "–" in row[2] for row in rows)


def test_a_fold_is_not_trained_on_its_own_posts_nor_on_unclear_or_unlabelled_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained: list[tuple[list[str], list[str]]] = []

    def fitted(texts: list[str], labels: list[str]) -> object:
        trained.append((texts, labels))
        benign = LABELS.index("benign")
        yield ("none", ""), lambda x: (np.full(len(x), benign), np.zeros(len(x)))

    monkeypatch.setattr(baselines, "_fitted", fitted)
    silent = next(post for post in load_posts() if post.split == "aspects")
    posts = [*POSTS, silent]
    (found,) = out_of_fold(posts)
    assert found.labels.shape == (len(posts),)
    for fold, (texts, labels) in zip(FOLDS, trained, strict=True):
        expected = [x for x in POSTS if x.fold != fold and x.labelled and len(x.target) == 1]
        assert texts == [post.text for post in expected]
        assert labels == [post.kind for post in expected]


def test_posts_that_are_there_for_their_answers_are_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def perfect(texts: list[str], labels: list[str]) -> object:
        yield ("all", "adult"), lambda x: (np.ones(len(x), np.int64), np.ones(len(x)))

    monkeypatch.setattr(baselines, "_fitted", perfect)

    def figure(posts: list[Post]) -> float | None:
        return out_of_fold(posts)[0].macro_f1.value

    silent = [replace(post, split="aspects") if not post.risky else post for post in POSTS]
    risky = [post for post in POSTS if post.risky]
    assert figure(silent) == figure(risky) != figure(POSTS)
