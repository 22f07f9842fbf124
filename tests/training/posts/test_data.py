"""Our posts keep the rules, and a broken rule is found."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from riskclf import Label
from riskclf.errors import FormatError
from training.posts.data import TEST_HASHES
from training.posts.post import FAMILIES, POSTS, SPLITS, Post, digest, load_posts
from training.posts.rules import near_duplicates, problems


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    return load_posts()


def test_our_posts_break_no_rule(posts: list[Post]) -> None:
    assert problems(posts) == []


def test_the_test_split_is_the_frozen_one(posts: list[Post]) -> None:
    frozen = TEST_HASHES.read_text(encoding="utf-8").strip()
    assert digest(post for post in posts if post.split in ("test", "transfer")) == frozen


def test_a_family_lies_in_one_split_and_every_split_is_used(posts: list[Post]) -> None:
    splits: dict[str, set[str]] = {}
    for post in posts:
        splits.setdefault(post.family, set()).add(post.split)
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == set(SPLITS)


def test_the_test_split_is_large_enough_to_mean_something(posts: list[Post]) -> None:
    test = [post for post in posts if post.split == "test"]
    counts = Counter(post.kind for post in test)
    assert counts[Label.MINOR_SOLICITATION] >= 60
    assert counts[Label.ADULT_SOLICITATION] >= 60
    assert counts[Label.BENIGN] >= 400
    assert sum(len(post.target) > 1 for post in test) >= 40


def test_benign_posts_are_the_larger_part_and_the_languages_as_planned(posts: list[Post]) -> None:
    main = [post for post in posts if post.split in SPLITS[:4]]
    counts = Counter(post.kind for post in main)
    assert counts[Label.BENIGN] >= 1600
    assert all(counts[label] <= 250 for label in Label if label is not Label.BENIGN)
    soft = {kind: count for kind, count in counts.items() if "+" in kind}
    assert len(soft) == 3
    assert sum(soft.values()) >= 120
    assert min(soft.values()) >= 30
    english = sum(post.lang == "en" for post in main) / len(main)
    assert 0.2 < english < 0.3


def test_each_slang_term_has_posts_to_learn_from_and_to_test_on(posts: list[Post]) -> None:
    counts = Counter((post.term, post.split, post.risky) for post in posts if post.term)
    for term in ("t1", "t2", "t3", "t4", "t5", "t6"):
        assert counts[term, "slang_learn", True] == counts[term, "slang_learn", False] == 16
        assert counts[term, "slang_test", True] == counts[term, "slang_test", False] == 10


def _broken(posts: list[Post], **changes: object) -> list[str]:
    risky = next(post for post in posts if post.risky and post.split == "train")
    return problems([replace(post, **changes) if post is risky else post for post in posts])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see www.example.org", "a link or a handle"),
        ("write to @somebody", "a link or a handle"),
        ("call 0120-000-000 today", "digits like a phone number"),
        ("x" * 300, "characters"),
    ],
)
def test_a_post_against_the_content_rules_is_named(posts: list[Post], text: str, what: str) -> None:
    assert any(what in problem for problem in _broken(posts, text=text))


def test_a_near_duplicate_in_another_family_is_named(posts: list[Post]) -> None:
    copied = next(post for post in posts if post.split == "test" and len(post.text) > 30)
    assert any(
        copied.id in problem and "two families" in problem
        for problem in _broken(posts, text=copied.text + "！")
    )


def test_a_risky_post_without_a_twin_is_named(posts: list[Post]) -> None:
    risky = next(post for post in posts if post.risky and post.term is None)
    without = [post for post in posts if post.twin_of != risky.id]
    assert f"{risky.id}: a risky post without a benign twin" in problems(without)


def test_near_duplicates_ignore_digits_emoji_and_blanks() -> None:
    texts = {
        "a": "今日の図書館は10時から20時まで開いています",
        "b": "今日の図書館は 9時から18時まで開いています📚",
        "c": "あしたは遠足なので早く寝ます",
    }
    assert [(one, other) for one, other, _ in near_duplicates(texts)] == [("a", "b")]
    assert [one for one, _, _ in near_duplicates(texts, {"x": texts["c"]})] == ["c"]


def test_a_line_that_is_no_post_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('\n{"id": "x"}\n', encoding="utf-8")
    with pytest.raises(FormatError, match=r"bad\.jsonl line 2"):
        load_posts(tmp_path, FAMILIES)
    assert load_posts(POSTS, FAMILIES)
