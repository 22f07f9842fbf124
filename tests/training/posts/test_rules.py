"""Rules on aspects and on plain posts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from training.posts.post import Aspects, Post, load_posts
from training.posts.rules import problems

POSTS = load_posts()
RISKY = next(post for post in POSTS if post.slice == "plain" and post.risky)
BENIGN = next(post for post in POSTS if post.slice == "plain" and post.twin_of == RISKY.id)


def broken(changed: Post) -> list[str]:
    return problems([changed if post.id == changed.id else post for post in POSTS])


@pytest.mark.parametrize(
    ("post", "aspects", "words"),
    [
        (RISKY, None, "has no aspects"),
        (RISKY, Aspects("adult", "child", "asks_or_offers", (), False), "age adult"),
        (RISKY, Aspects("under_18", "other", "asks_or_offers", (), False), "side other"),
    ],
)
def test_answers_that_lack_or_contradict_the_label_are_named(
    post: Post, aspects: Aspects | None, words: str
) -> None:
    (problem,) = broken(replace(post, aspects=aspects))
    assert problem.startswith(f"{post.id}: ") and words in problem


def test_a_risky_post_does_not_count_as_seeking_help() -> None:
    assert RISKY.aspects is not None
    (problem,) = broken(replace(RISKY, aspects=replace(RISKY.aspects, support=True)))
    assert "support" in problem


def test_more_plain_posts_of_a_label_than_allowed_are_named() -> None:
    more = [
        replace(RISKY, id=f"more-{n}", family=f"more_{n}", text=f"{chr(0x4E00 + 7 * n) * 9}")
        for n in range(80)
    ]
    found = problems([*POSTS, *more])
    assert any(x.startswith(f"plain ja, en {RISKY.kind}: ") and "at most 75" in x for x in found)


def test_a_plain_post_without_its_twin_is_named() -> None:
    found = problems([post for post in POSTS if post.id != BENIGN.id])
    assert f"{RISKY.id}: a risky post without a benign twin" in found


def test_a_fold_without_enough_benign_posts_is_named() -> None:
    few = [post for post in POSTS if post.risky or post.fold != "3"]
    assert any(x.startswith("fold 3: 0 benign posts to ") for x in problems(few))


def test_a_post_of_a_fold_and_of_a_split_outside_is_named() -> None:
    (problem,) = broken(replace(BENIGN, split="transfer"))
    assert problem.startswith(f"{BENIGN.id}: fold ") and "'transfer'" in problem
