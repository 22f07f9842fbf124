"""Letters that are repeated so that a word is not found: "sooooo", "ぱーーーぱ"."""

from __future__ import annotations

import re

from riskclf.disguise.edits import Edit, Undone

__all__ = ["LIKELY_REPEAT", "shorten"]

# Four of a letter stand in honest text ("ええええ", "emmmm"). Not shortened: w and h, which are
# laughter of any length; x and O, which stand for what is left out; digits; signs; Han and Hangul,
# which repeat as words do (哈哈哈哈).
_KEPT_LETTERS = 3
LIKELY_REPEAT = re.compile(r"([a-gi-vyzA-GI-NP-VYZぁ-おァ-オっッんン])\1\1\1\1+")

# One elongation mark says what many say. Two stand in honest text, as a dash.
_MARKS = re.compile("ーー(?:ー)+")


def shorten(text: str) -> Undone:
    """Cut long runs of one letter to three, and of the elongation mark to one."""
    edits = []
    if "ーーー" in text:
        edits += [Edit(run.start() + 1, run.end(), "") for run in _MARKS.finditer(text)]
    edits += [
        Edit(run.start() + _KEPT_LETTERS, run.end(), "") for run in LIKELY_REPEAT.finditer(text)
    ]
    return Undone(sorted(edits), len(edits))
