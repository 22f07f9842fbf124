"""The marks in our posts: where the age, the ask and the matter are said.

`annotation/spans_a.jsonl` has the id of a post and its marks, each a question with its offsets in
the raw post; no text. `annotation/spans_b.jsonl` has those of a second, blind annotator.
`annotation/spans.md` says how to mark.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from riskclf.errors import FormatError
from riskclf.evaluation.figures import Estimate, Proportion
from riskclf.evaluation.intervals import Intervals, ratio
from training.posts.post import Post

__all__ = ["MARKED", "MARKS", "SECOND_MARKS", "Agreement", "Mark", "agreement", "load_marks"]

MARKS = Path(__file__).parent / "annotation" / "spans_a.jsonl"
SECOND_MARKS = MARKS.with_name("spans_b.jsonl")

MARKED = ("age", "ask", "matter")
"""What is marked."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of a post that was marked."""

    question: str
    """One of `MARKED`."""
    start: int
    end: int


def load_marks(file: Path = MARKS) -> dict[str, tuple[Mark, ...]]:
    """The marks by the id of their post.

    Raises:
        FormatError: a line is not the marks of a post; names file and line.
    """
    found: dict[str, tuple[Mark, ...]] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            marks = tuple(Mark(str(name), int(a), int(b)) for name, a, b in row["spans"])
            if row["id"] in found or not all(
                x.question in MARKED and 0 <= x.start < x.end for x in marks
            ):
                raise ValueError("an id comes twice, or a mark is empty or of no known question")
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{file} line {number} is not the marks of a post ({type(error).__name__}: "
                f"{error}): see annotation/spans.md"
            ) from None
        found[row["id"]] = marks
    return found


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two annotators mark the same, for one question; intervals over families."""

    characters: Estimate
    """F1 of the characters that are marked, over all posts together."""
    posts: Proportion
    """Posts in which a mark of one meets a mark of the other, or neither has any."""


def agreement(
    first: Mapping[str, tuple[Mark, ...]],
    second: Mapping[str, tuple[Mark, ...]],
    posts: Iterable[Post],
) -> dict[str, Agreement]:
    """The agreement of two annotators for each of `MARKED`, on the posts that both have marked."""
    both = [post for post in posts if post.id in first and post.id in second]
    _, family = np.unique([post.family for post in both], return_inverse=True)
    found = {}
    for question in MARKED:
        places = [
            tuple(_characters(marks[post.id], question) for marks in (first, second))
            for post in both
        ]
        # Each character that is marked at all, of its post, by both (0), one (1) or the other (2).
        rows = [
            (number, 0 if place in a and place in b else 1 if place in a else 2)
            for number, (a, b) in enumerate(places)
            for place in a | b
        ]
        of, code = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        characters = Intervals(len(rows), family=family[of])
        table = characters.table(np.ones(len(rows), dtype=bool), code, 3)
        met = np.array([bool(a & b) or not (a or b) for a, b in places])
        found[question] = Agreement(
            characters.score(
                table, lambda x: ratio(2 * x[..., 0], 2 * x[..., 0] + x[..., 1] + x[..., 2])
            ),
            Intervals(len(both), family=family).proportion(met, np.ones(len(both), dtype=bool)),
        )
    return found


def _characters(marks: Iterable[Mark], question: str) -> set[int]:
    return {x for mark in marks if mark.question == question for x in range(mark.start, mark.end)}
