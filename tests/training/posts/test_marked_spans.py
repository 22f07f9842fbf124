"""The marks in our posts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from riskclf.errors import FormatError
from training.posts.marked_spans import MARKED, MARKS, SECOND_MARKS, Mark, agreement, load_marks
from training.posts.post import FOLDS, load_posts


@pytest.mark.parametrize("file", [MARKS, SECOND_MARKS])
def test_every_mark_lies_in_a_post_of_a_fold(file: Path) -> None:
    posts = {post.id: post for post in load_posts()}
    marks = load_marks(file)
    assert len(marks) == 200
    for name, found in marks.items():
        assert posts[name].fold in FOLDS
        assert all(posts[name].text[x.start : x.end].strip() for x in found)
        assert all(x.end <= len(posts[name].text) for x in found)
    assert {x.question for found in marks.values() for x in found} == {*MARKED}


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a"},
        {"id": "a", "spans": [["age", 2, 2]]},
        {"id": "a", "spans": [["weather", 0, 2]]},
        {"id": "a", "spans": [["age", 0]]},
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: dict[str, object]) -> None:
    file = tmp_path / "marks.jsonl"
    good = json.dumps({"id": "b", "spans": [["age", 0, 2]]})
    file.write_text(f"{good}\n{json.dumps(row)}\n", encoding="utf-8")
    with pytest.raises(FormatError, match=r"line 2 .*spans\.md"):
        load_marks(file)


def test_agreement_counts_characters_and_posts() -> None:
    posts = load_posts()[:2]
    first = {posts[0].id: (Mark("age", 0, 4),), posts[1].id: (Mark("ask", 0, 2),)}
    second = {posts[0].id: (Mark("age", 2, 4), Mark("age", 5, 6)), posts[1].id: ()}
    found = agreement(first, second, posts)
    assert found["age"].characters.value == pytest.approx(2 * 2 / (4 + 3))
    assert [found[name].posts.value for name in MARKED] == [1.0, 0.5, 1.0]
    assert found["matter"].characters.value is None
