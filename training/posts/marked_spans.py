"""The marks in our posts: where the age, the ask and the matter are said.

`annotation/spans_a.jsonl` has the id of a post and its marks, each a question with its offsets in
the raw post; no text. `annotation/spans.md` says how to mark.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from riskclf.errors import FormatError

__all__ = ["MARKED", "MARKS", "Mark", "load_marks"]

MARKS = Path(__file__).parent / "annotation" / "spans_a.jsonl"

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
