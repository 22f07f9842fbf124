"""A raw post as the rest of the path sees it. MeCab is not needed for this."""

from __future__ import annotations

from typing import NamedTuple

from riskclf.labels import ReasonCode
from riskclf.legibility import text_codes
from riskclf.text import normalise

__all__ = ["Reading", "read"]


class Reading(NamedTuple):
    """All of a raw post that the rest of the path sees."""

    text: str
    """Normalised (`riskclf.text.normalise`)."""
    codes: tuple[ReasonCode, ...]
    """What stands in the way of reading the raw post (`riskclf.legibility`)."""


def read(post: str) -> Reading:
    """Normalise one raw post, and say what stands in the way of reading it."""
    text = normalise(post).text
    return Reading(text, text_codes(post, text))
