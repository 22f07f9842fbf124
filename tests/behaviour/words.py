"""A text in MeCab's words, with readings."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import fugashi
import unidic_lite

from riskclf.mecab import mecab_options

__all__ = ["Word", "words"]


class Word(NamedTuple):
    """One word."""

    blank: str
    """Blanks before it."""
    surface: str
    reading: str
    """In katakana; empty where it is not known."""


@cache
def _tagger() -> fugashi.GenericTagger:
    return fugashi.GenericTagger(mecab_options(unidic_lite.DICDIR), fugashi.UnidicFeatures26)


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[Word, ...]:
    """The words of a text: joined, with their blanks, they are the text up to its last blanks."""
    return tuple(
        Word(
            word.white_space,
            word.surface,
            "" if word.is_unk else word.feature.kana or "",
        )
        for word in _tagger()(text)
    )
