"""All rules together, until none finds anything: so the result is its own normal form."""

from __future__ import annotations

import re
from collections.abc import Callable

from riskclf.disguise.edits import Mapped, Undone, apply
from riskclf.disguise.letters import (
    LIKELY_KANA,
    LIKELY_LATIN,
    kana_for_kanji,
    latin_for_enclosed,
    latin_for_lookalikes,
)
from riskclf.disguise.numerals import LIKELY_NUMERAL, digits_for_ages_and_grades
from riskclf.disguise.repeats import LIKELY_REPEAT, shorten
from riskclf.disguise.separators import LIKELY_RUN, join

__all__ = ["may_be_disguised", "undo"]

# One search for three rules: the regular expression engine skips to the next rare character.
_FIRST, _BEHIND = zip(LIKELY_RUN, LIKELY_NUMERAL, LIKELY_KANA, strict=True)
_rare = re.compile(
    f"[{''.join(first[1:-1] for first in _FIRST)}]"
    f"(?:{'|'.join(f'(?<={one})(?:{two})' for one, two in zip(_FIRST, _BEHIND, strict=True))})"
).search
_repeat = LIKELY_REPEAT.search
_latin = LIKELY_LATIN.search


def may_be_disguised(text: str, common: bool) -> bool:
    """False only where no rule finds anything: quick, for nearly every post ends here.

    Args:
        text: in NFKC.
        common: it holds no letter that looks like a Latin one, and no emoji letter.
    """
    return bool(
        _rare(text) or _repeat(text) or "ーーー" in text or not (common or not _latin(text))
    )


# In this order one round nearly always suffices, and the next one finds nothing.
_RULES: tuple[Callable[[str], Undone], ...] = (
    latin_for_enclosed,
    join,
    latin_for_lookalikes,
    kana_for_kanji,
    shorten,
    digits_for_ages_and_grades,
)

# Of 300,000 random texts of such characters none needed more than five. A bound keeps the time
# linear whatever comes; a text that reaches it stays as it was, which is a normal form too.
_ROUNDS = 8


def undo(mapped: Mapped) -> tuple[Mapped, int]:
    """Undo the disguises in a text that is in NFKC.

    Returns:
        The text that is read, in NFKC too, with its spans; and how many disguises were undone.
    """
    result, count = mapped, 0
    for _ in range(_ROUNDS):
        before = result.text
        for rule in _RULES:
            found = rule(result.text)
            if found.edits:
                result = apply(result, found.edits)
                count += found.disguises
        if result.text == before:
            return result, count
    return mapped, 0
