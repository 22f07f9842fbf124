"""Draws posts for blind decisions; why, and what it costs: `riskclf.casework.blind`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["chance_priority", "drawn_from", "is_drawn", "places_for"]

_Item = TypeVar("_Item")
_URGENT = 2.0
"""The lowest priority of a flagged post; those at `review` begin at 1."""
_CHANCE = random.SystemRandom()


def places_for(priorities: Sequence[float], capacity: int, share: float) -> int:
    """How many places of a full list go to drawn posts.

    Args:
        priorities: of the listed cases, the highest first.
        capacity: how many cases can be read.
        share: of the places that drawn posts may take.
    """
    urgent = sum(priority >= _URGENT for priority in priorities)
    return max(0, min(int(share * capacity), capacity - urgent))


def drawn_from(rest: Sequence[_Item], places: int) -> list[_Item]:
    """That many of the posts that are not listed, each with the same probability."""
    return _CHANCE.sample(rest, min(places, len(rest)))


def is_drawn(share: float) -> bool:
    """Whether a listed case is drawn."""
    return _CHANCE.random() < share


def chance_priority(priority: float) -> float:
    """The priority of a drawn case: after all that are flagged, and before those at `clear`.

    A case at `clear` gets a place at random among those at `review`: at the end it might never be
    read, and its place would give away what the model says.
    """
    return max(priority, 1 + _CHANCE.random())
