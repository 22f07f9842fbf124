"""A raw post as the rest of the path sees it. MeCab is not needed for this."""

from __future__ import annotations

from typing import NamedTuple

from riskclf.labels import ReasonCode
from riskclf.legibility import text_codes
from riskclf.text import normalise

__all__ = ["Reading", "read"]

_MANY_DISGUISES = 2
"""Of 495,439 natural lines 795 (0.16 %) had one disguise undone, 91 (0.018 %) two or more; 85 of
these 91 are news lines whose foreign titles came out letter by letter."""


class Reading(NamedTuple):
    """All of a raw post that the rest of the path sees."""

    text: str
    """Normalised (`riskclf.text.normalise`)."""
    codes: tuple[ReasonCode, ...]
    """What stands in the way of reading the raw post (`riskclf.legibility`), and whether it was
    disguised."""


def read(post: str) -> Reading:
    """Normalise one raw post, and say what stands in the way of reading it."""
    normalised = normalise(post)
    codes = text_codes(post, normalised.text)
    if normalised.undone >= _MANY_DISGUISES:
        codes += ("disguised",)
    return Reading(normalised.text, codes)
