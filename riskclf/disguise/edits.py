"""Replacements in a text that keep the map back to the raw post."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Edit", "Mapped", "Undone", "apply"]


class Edit(NamedTuple):
    """Put `new` in the place of ``text[start:end]``, which is not empty."""

    start: int
    end: int
    new: str


class Undone(NamedTuple):
    """What a rule found: its edits from left to right, and how many disguises they undo."""

    edits: list[Edit]
    disguises: int


class Mapped(NamedTuple):
    """A text, and for each character the span of the raw post it came from."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def apply(mapped: Mapped, edits: Sequence[Edit]) -> Mapped:
    """The text with the edits made, which must not overlap.

    A replacement of the same length is mapped character by character. Any other is mapped as a
    whole: each of its characters came from all that was replaced.
    """
    text, old_starts, old_ends = mapped
    parts: list[str] = []
    starts, ends = array("q"), array("q")
    position = 0
    for start, end, new in edits:
        parts += (text[position:start], new)
        starts.extend(old_starts[position:start])
        ends.extend(old_ends[position:start])
        if len(new) == end - start:
            starts.extend(old_starts[start:end])
            ends.extend(old_ends[start:end])
        else:
            starts.extend([old_starts[start]] * len(new))
            ends.extend([old_ends[end - 1]] * len(new))
        position = end
    parts.append(text[position:])
    starts.extend(old_starts[position:])
    ends.extend(old_ends[position:])
    return Mapped("".join(parts), starts, ends)
