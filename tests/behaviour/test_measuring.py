"""What is counted, on posts of the gate, which no model has learned from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from riskclf import RiskClassifier
from tests.behaviour.disguises import DISGUISES, GROUPS
from tests.behaviour.edits import DIRECTION, INVARIANCE
from tests.behaviour.measuring import Behaviour, Shares, add_disguises, add_edits, functionality
from training.posts.post import ASPECTS, FOLDS, GATE, Post, load_posts

POSTS = load_posts()


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    gate = [post for post in POSTS if post.fold == GATE and post.lang == "ja"]
    risky = [post for post in gate if post.risky]
    return [*risky[:3], *[post for post in gate if post.kind == "benign"][:3]]


@pytest.fixture(scope="module")
def found(posts: list[Post]) -> Behaviour:
    result, packaged = Behaviour(), RiskClassifier.load(device="cpu")
    add_disguises(result, packaged, posts)
    add_edits(result, packaged, posts)
    return result


def test_a_share_counts_the_cases_of_its_name() -> None:
    shares = Shares()
    for family, hit in (("a", True), ("a", True), ("b", False), ("b", True)):
        shares.add("x", family, hit)
    shares.add("y", "a", False)
    figures = shares.figures()
    assert (figures["x"]["hits"], figures["x"]["of"], figures["x"]["value"]) == (3, 4, 0.75)
    assert figures["x"]["low"] < 0.75 < figures["x"]["high"]
    assert (figures["y"]["hits"], figures["y"]["of"]) == (0, 1)


def test_posts_in_disguise_are_counted_by_group(found: Behaviour, posts: list[Post]) -> None:
    figures = found.figures()["disguises"]
    for name in ("every_word", "some_words"):
        by_group = {group: x["of"] for group, x in figures[name].items() if group != "all"}
        assert set(by_group) <= set(GROUPS)
        assert sum(by_group.values()) == figures[name]["all"]["of"] > len(DISGUISES)
        assert figures["side"][name]["of"] == figures[name]["all"]["hits"]
    assert figures["code"]["all"]["of"] == figures["every_word"]["all"]["of"]
    assert 0 < figures["code"]["all"]["hits"] < figures["code"]["all"]["of"]
    assert figures["pairs"]["all"]["of"] % 12 == 0
    assert 0 <= figures["singles_that_reach"] <= figures["singles"] <= len(DISGUISES)


def test_edits_are_counted_by_capability(found: Behaviour) -> None:
    figures = found.figures()
    assert set(figures["invariance"]) <= {"all", *INVARIANCE}
    assert set(figures["direction"]) == set(figures["left"]) <= {"all", *DIRECTION}
    for name in ("invariance", "direction", "left"):
        counts = [x["of"] for capability, x in figures[name].items() if capability != "all"]
        assert figures[name]["all"]["of"] == sum(counts) > 0


def test_no_text_and_no_single_disguise_is_told(found: Behaviour, posts: list[Post]) -> None:
    told = json.dumps(found.figures(), ensure_ascii=False)
    assert not [post.id for post in POSTS if post.id in told or post.text in told]
    assert not [x.name for x in DISGUISES if f'"{x.group} {x.name}"' in told]


def test_answers_that_are_not_given_are_failures() -> None:
    answered = [post for post in POSTS if post.aspects and post.fold in FOLDS][:200]
    right = {
        question: np.array(
            [
                [
                    answer in (x.aspects.matter if question == "matter" else _one(x, question))
                    for answer in possible
                ]
                for x in answered
                if x.aspects
            ],
            dtype=np.float64,
        )
        for question, possible in ASPECTS.items()
    }
    assert {x["value"] for x in functionality(answered, right).values()} == {0.0}
    wrong = {question: 1 - x for question, x in right.items()}
    assert {x["value"] for x in functionality(answered, wrong).values()} == {1.0}


def _one(post: Post, question: str) -> tuple[str, ...]:
    return (getattr(post.aspects, question),)
