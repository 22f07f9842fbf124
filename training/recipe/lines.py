"""Choose the lines that an encoder is adapted on, in fixed shares of languages."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from riskclf.text import normalise
from training.posts.corpora import ADAPTING, Corpora

__all__ = [
    "MAX_CHARACTERS",
    "MIX",
    "choose_lines",
    "seeded",
]

MIX: Mapping[str, float] = {"ja": 0.6, "en": 0.2, "ko": 0.1, "zh": 0.1}
"""Share of each language among the lines. Within one, sources take part as equally as they can."""

MAX_CHARACTERS = 80
"""Longer lines are left out: posts are short, and time grows with the length."""


def choose_lines(corpora: Corpora, count: int, seed: int) -> list[str]:
    """Short, distinct, normalised lines of the open corpora in the proportions of `MIX`.

    Args:
        corpora: where from; only `ADAPTING` uses are read.
        count: how many. Where a language has fewer than its share, the others do not fill in.
        seed: choice and order follow from it.
    """
    chosen: list[str] = []
    for language, share in MIX.items():
        pools: list[list[str]] = []
        known: set[str] = set()
        for source in corpora.of(*ADAPTING, language=language):
            lines = {normalise(line).text for line in source.lines()}
            pool = sorted(line for line in lines - known if 1 < len(line) <= MAX_CHARACTERS)
            known.update(pool)
            seeded(seed, source.path.name).shuffle(pool)
            pools.append(pool)
        wanted = round(count * share)
        # The smallest source first: what it cannot give, the larger ones share.
        for rank, pool in enumerate(sorted(pools, key=len)):
            part = pool[: math.ceil(wanted / (len(pools) - rank))]
            chosen += part
            wanted -= len(part)
    seeded(seed, "order").shuffle(chosen)
    return chosen


def seeded(seed: int, name: str) -> random.Random:
    """A random generator of its own for each named purpose under one seed."""
    return random.Random(f"{seed} {name}")
