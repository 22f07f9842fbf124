"""Predictions out of fold survive the way through the work directory, without any text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from riskclf import Prediction
from riskclf.errors import FormatError, InputError
from riskclf.labels import LABELS
from training.posts.post import load_posts
from training.recipe.judged import FILE, JudgedPosts, read_judged, write_judged

POSTS = load_posts()
CHOSEN = POSTS[5:0:-1]
FOUND = [
    Prediction(LABELS[0], dict(zip(LABELS, (x, 0.1, 0.9 - x), strict=True)), x + 0.1, "flag", False)
    for x in (0.5, 0.6, 0.7, 0.8, 1 / 3)
]
ASPECTS = {"age": {"value": 0.9, "low": 0.8, "high": 0.95}}


def test_what_is_written_is_read_in_its_order(tmp_path: Path) -> None:
    judged = JudgedPosts(CHOSEN, FOUND, ASPECTS)
    write_judged(tmp_path / "work", judged)
    assert read_judged(tmp_path / "work", POSTS) == judged
    written = (tmp_path / "work" / FILE).read_text(encoding="utf-8")
    assert not [post.id for post in CHOSEN if json.dumps(post.text)[1:-1] in written]


def test_a_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"judged\.json is missing: run `python -m training`"):
        read_judged(tmp_path, POSTS)


@pytest.mark.parametrize("content", ["{", "[]", '{"predictions": {"no such": {}}}'])
def test_a_file_of_other_posts_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(FormatError, match="does not fit our posts"):
        read_judged(tmp_path, POSTS)


def test_a_post_that_is_gone_is_noticed(tmp_path: Path) -> None:
    write_judged(tmp_path, JudgedPosts(CHOSEN, FOUND, ASPECTS))
    with pytest.raises(FormatError, match=CHOSEN[0].id):
        read_judged(tmp_path, [post for post in POSTS if post.id != CHOSEN[0].id])
