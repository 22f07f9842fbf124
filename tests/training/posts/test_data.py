"""Our posts keep the rules, and a broken rule is found."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from riskclf import Label
from riskclf.errors import FormatError
from training.posts.post import FAMILIES, FOLDS, POSTS, SPLITS, Post, digest, load_posts
from training.posts.rules import near_duplicates, problems


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    return load_posts()


def test_our_posts_break_no_rule(posts: list[Post]) -> None:
    assert problems(posts) == []


def test_a_digest_depends_on_texts_and_targets_and_on_no_order(posts: list[Post]) -> None:
    some = posts[:5]
    assert digest(some) == digest(some[::-1])
    assert digest(some) != digest([replace(some[0], text="Another text."), *some[1:]])
    assert digest(some) != digest([replace(some[0], target={"benign": 0.5}), *some[1:]])


def test_every_split_is_used_and_most_posts_have_none(posts: list[Post]) -> None:
    counts = Counter(post.split for post in posts)
    assert set(counts) == {"", *SPLITS}
    assert counts[""] > len(posts) / 2
    assert all(post.labelled == (post.split != "aspects") for post in posts)


def test_every_fold_is_large_enough_to_mean_something(posts: list[Post]) -> None:
    for fold in FOLDS:
        counts = Counter(post.kind for post in posts if post.fold == fold and post.labelled)
        assert counts[Label.MINOR_SOLICITATION] >= 60
        assert counts[Label.ADULT_SOLICITATION] >= 60
        assert counts[Label.BENIGN] >= 400
        assert sum(count for kind, count in counts.items() if "+" in kind) >= 30


def test_benign_posts_are_the_larger_part_and_the_languages_as_planned(posts: list[Post]) -> None:
    main = [post for post in posts if not post.split and post.slice != "plain"]
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
    risky = next(post for post in posts if post.risky and post.fold == "1")
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
    copied = next(post for post in posts if post.fold == "2" and len(post.text) > 30)
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


def test_a_family_without_a_split_is_read_and_an_unknown_split_is_refused(tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text(
        '{"id": "a", "lang": "en", "label": "benign", "family": "f", "slice": "s", '
        '"text": "Fine.", "twin_of": null, "note": ""}\n',
        encoding="utf-8",
    )
    families = tmp_path / "families.toml"
    families.write_text('f = { fold = "1", what = "x" }\n', "utf-8")
    (post,) = load_posts(tmp_path, families)
    assert (post.split, post.fold) == ("", "1")
    families.write_text('f = { fold = "1", split = "train", what = "x" }\n', "utf-8")
    with pytest.raises(FormatError, match=r"line 1 .* unknown split 'train'"):
        load_posts(tmp_path, families)
