"""Five folds: near copies stay together, the folds are alike, and what lies outside stays there."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from riskclf import Label
from training.posts.folds import RESERVED, deal, family_groups, fold_of_line, with_folds
from training.posts.post import FAMILIES, FOLDS, GATE, OUTSIDE, Post, load_posts


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    return load_posts()


def test_the_folds_on_file_are_those_that_the_posts_are_dealt_into(posts: list[Post]) -> None:
    text = FAMILIES.read_text(encoding="utf-8")
    assert with_folds(text, deal(posts)) == text


def test_folds_are_written_beside_what_a_family_has_already() -> None:
    text = '# Families.\na = { what = "x" }\nb = { fold = "2", split = "support", what = "y" }\n'
    found = with_folds(text, {"a": "1", "b": "gate"})
    assert found == (
        '# Families.\na = { fold = "1", what = "x" }\n'
        'b = { fold = "gate", split = "support", what = "y" }\n'
    )
    assert with_folds(found, {"b": "2"}) == text


def test_families_with_near_duplicates_lie_in_one_fold(posts: list[Post]) -> None:
    fold = {post.family: post.fold for post in posts}
    groups = family_groups([post for post in posts if post.fold])
    assert all(len({fold[family] for family in group}) == 1 for group in groups)
    assert any(len(group) > 1 for group in groups)


def test_a_copied_post_joins_two_families() -> None:
    one, two, three = load_posts()[:3]
    a, b, c = (replace(x, family=name) for x, name in ((one, "a"), (two, "b"), (three, "c")))
    assert [sorted(x) for x in family_groups([a, b, c])] == [["a"], ["b"], ["c"]]
    copied = replace(b, text=a.text + "!!")
    assert [sorted(x) for x in family_groups([a, copied, c])] == [["a", "b"], ["c"]]


def test_the_folds_are_alike_in_language_and_label(posts: list[Post]) -> None:
    for language in ("ja", "en", "ko", "zh"):
        for risky in (True, False):
            counts = Counter(
                post.fold for post in posts if post.lang == language and post.risky == risky
            )
            sizes = [counts[fold] for fold in FOLDS]
            assert max(sizes) - min(sizes) <= max(4, 0.12 * max(sizes)), (language, risky, sizes)


def test_every_fold_has_each_label_and_posts_that_seek_help(posts: list[Post]) -> None:
    for fold in FOLDS:
        held = [post for post in posts if post.fold == fold]
        assert set(Label) <= {post.kind for post in held}
        assert sum(post.aspects is not None and post.aspects.support for post in held) >= 15


def test_the_gate_has_families_of_its_own_and_enough_risky_posts(posts: list[Post]) -> None:
    gate = [post for post in posts if post.fold == GATE]
    assert len({post.family for post in gate}) >= 26
    assert sum(post.risky for post in gate) >= 60
    assert not {post.family for post in gate} & {p.family for p in posts if p.fold in FOLDS}


def test_slang_and_transfer_posts_are_in_no_fold(posts: list[Post]) -> None:
    assert all((post.fold == "") == (post.split in OUTSIDE) for post in posts)


def test_equal_letters_put_a_natural_line_into_the_same_fold() -> None:
    lines = [f"line number {chr(97 + i)}{chr(97 + j)}" for i in range(26) for j in range(26)]
    counts = Counter(map(fold_of_line, lines))
    assert set(counts) == {*FOLDS, RESERVED}
    assert min(counts.values()) >= 0.7 * len(lines) / 8
    assert fold_of_line("きょうは雨。") == fold_of_line("きょうは 雨!!")


def test_a_close_twin_counts_less_than_other_posts(posts: list[Post]) -> None:
    assert {post.weight for post in posts if post.slice.startswith("close_")} == {0.25}
    assert {post.weight for post in posts if not post.slice.startswith("close_")} == {1.0}
