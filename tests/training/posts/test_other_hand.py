"""The test set by other hands: what it must have, and that it stays as it was frozen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from riskclf.errors import FormatError
from training.posts.other_hand import (
    OTHER_HAND,
    agreement,
    load_other_hand,
    other_hand_problems,
    too_few,
)
from training.posts.post import load_posts


def test_the_set_breaks_no_rule_and_is_the_frozen_one() -> None:
    assert other_hand_problems(load_posts(), load_other_hand()) == []


def test_every_post_has_the_answers_of_two_labellers() -> None:
    for question, (alike, count) in agreement().items():
        assert count == len(load_other_hand()), question
        assert alike <= count


def test_a_changed_post_is_noticed() -> None:
    first, *rest = load_other_hand()
    changed = [replace(first, target={"benign": 0.5, "adult_solicitation": 0.5}), *rest]
    (problem,) = other_hand_problems([], changed)
    assert "frozen" in problem


def test_a_post_that_stands_in_our_posts_too_is_noticed() -> None:
    ours, others = load_posts(), load_other_hand()
    copied = replace(others[0], text=ours[0].text)
    found = other_hand_problems(ours, [copied, *others[1:]])
    assert f"{others[0].id} is a near-duplicate of {ours[0].id} (1.00)" in found


def test_a_set_that_has_become_too_small_is_noticed() -> None:
    posts = [post for post in load_other_hand() if not post.support and post.lang != "ko"]
    found = list(too_few(posts))
    assert any("support" in line for line in found) and any(" ko," in line for line in found)
    assert not any("risky" in line for line in too_few(load_other_hand()))


@pytest.mark.parametrize(
    "change",
    [
        ('"support": false', '"support": "no"'),
        ('"label": "benign"', '"label": "unknown"'),
        ('"text":', '"words":'),
        ("{", "["),
    ],
)
def test_a_line_that_is_no_post_is_named_without_its_text(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    lines = OTHER_HAND.read_text(encoding="utf-8").splitlines()
    number = next(i for i, x in enumerate(lines) if '"support": false' in x and '"benign",' in x)
    text = lines[number]
    lines[number] = text.replace(*change, 1)
    file = tmp_path / "posts.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(FormatError, match=f"line {number + 1} ") as caught:
        load_other_hand(file)
    assert text[-20:-3] not in str(caught.value)
