"""Variation of training texts, in memory: spelling, width, spacing, emoji, surrounding lines.

People who post do not spell alike, and some split words to escape a keyword search. Each text that
is trained on is spelled a little differently every time, whatever its label. No word is added,
replaced or reordered: numbers (ages, sums, times), places and the opening stay as they are.
Nothing is written anywhere.

Our posts are short and natural text may be long, so a model would learn that long text is benign.
Therefore ordinary lines are sometimes added before or after a text, whatever its label.
"""

from __future__ import annotations

import functools
import random
import re
import unicodedata
from collections.abc import Callable, Iterable

import fugashi
import unidic_lite

from riskclf.mecab import mecab_options

__all__ = ["Surroundings", "vary"]

_HALF_WIDTH = {
    unicodedata.normalize("NFKC", half): half for half in map(chr, range(0xFF66, 0xFF9E))
} | {
    unicodedata.normalize("NFKC", half + mark): half + mark
    for half in map(chr, range(0xFF66, 0xFF9E))
    for mark in "ﾞﾟ"
    if len(unicodedata.normalize("NFKC", half + mark)) == 1
}
_FULL_WIDTH = {chr(code): chr(code + 0xFEE0) for code in range(0x41, 0x7B)}
_EMOJI = "😂🥺✨🌸🙏💦😭🎵☀🍀💤📚🐈🎈"
_SEPARATORS = ".・-_* /"
_NUMBER = re.compile(
    r"[0-9０-９一二三四五六七八九十百千万億半]"
    r"|^(one|two|three|five|six|seven|eight|ten|eleven|twelve|hundred|thousand)$"
    r"|^(\w{2,5}teen|twenty|thirty|fou?rty|fifty|sixty|seventy|eighty|ninety|\w{4,7}th)$",
    re.IGNORECASE,
)
_KATAKANA_WORD = re.compile("[ァ-ヴー]{2,}")
_HIRAGANA_WORD = re.compile("[ぁ-ん]{2,}")
_KANJI = re.compile("[一-龥]")
_SCRIPTS = {
    "hangul": re.compile("[가-힣]"),
    "kana": re.compile("[ぁ-んァ-ヴｦ-ﾟ]"),
    "han": re.compile("[一-龥]"),
    "latin": re.compile("[A-Za-z]"),
}
_LONGEST_LINE = 60
_LATIN_WORD = re.compile("[A-Za-z]{2,}")


def vary(text: str, seed: int) -> str:
    """Spell a text a little differently; the same seed always gives the same spelling.

    Args:
        text: a post.
        seed: chooses the variation; about one text in four is left as it is.
    """
    rng = random.Random(seed)
    if rng.random() < 0.25:
        return text
    words = _words(text)
    opening = _opening([surface for _, surface, _, _ in words])
    varied = []
    for number, (blank, surface, reading, fixed) in enumerate(words):
        if number >= opening and not fixed:
            surface = _respell(surface, reading, rng)
        varied.append(blank + surface)
    return _finish("".join(varied), rng)


class Surroundings:
    """Puts ordinary lines of the same script around a text."""

    def __init__(self, lines: Iterable[str]) -> None:
        """
        Args:
            lines: ordinary lines of any language; those of more than 60 characters are not used.
        """
        self._lines: dict[str, list[str]] = {}
        for line in lines:
            if len(line) <= _LONGEST_LINE:
                self._lines.setdefault(_script(line), []).append(line)

    def add(self, text: str, seed: int, count: int) -> str:
        """The text with `count` lines around it."""
        rng = random.Random(seed)
        lines = self._lines.get(_script(text))
        if not lines:
            return text
        chosen = rng.choices(lines, k=count)
        chosen.insert(rng.randint(0, len(chosen)), text)
        return rng.choice((" ", "\n", "　")).join(chosen)


def _script(text: str) -> str:
    for name, pattern in _SCRIPTS.items():
        if pattern.search(text):
            return name
    return "other"


def _opening(words: list[str]) -> int:
    """How many words open the post: those before the first mark, three at most."""
    marks = (number for number, word in enumerate(words[:3]) if not word[0].isalnum())
    return next(marks, min(3, len(words)))


def _respell(word: str, reading: str, rng: random.Random) -> str:
    changes: list[Callable[[], str]] = []
    if _KATAKANA_WORD.fullmatch(word):
        changes += [
            lambda: "".join(_HALF_WIDTH.get(character, character) for character in word),
            lambda: _to_hiragana(word),
        ]
    if _HIRAGANA_WORD.fullmatch(word):
        changes.append(lambda: "".join(chr(ord(character) + 0x60) for character in word))
    if _KANJI.search(word) and reading:
        changes.append(lambda: _to_hiragana(reading))
    if _LATIN_WORD.fullmatch(word):
        changes += [
            lambda: "".join(_FULL_WIDTH[character] for character in word),
            lambda: word.lower(),
            lambda: _swap(word, rng),
        ]
    if 2 <= len(word) <= 6 and word.isalpha():
        changes.append(lambda: rng.choice(_SEPARATORS).join(word))
    return rng.choice(changes)() if changes and rng.random() < 0.08 else word


def _finish(text: str, rng: random.Random) -> str:
    if rng.random() < 0.1:
        text = re.sub("[、。,.]", " ", text)
    if rng.random() < 0.1:
        text = text.replace("。", "\n").replace(". ", ".\n")
    if rng.random() < 0.1 and text and text[-1].isalpha():
        text += rng.choice(("ー", "〜", "…", "！", "!!", "w", text[-1] * 2))
    if rng.random() < 0.15:
        text += rng.choice(_EMOJI) * rng.randint(1, 2)
    if rng.random() < 0.1:
        text = "".join(c for c in text if unicodedata.category(c) != "So") or text
    return text


def _swap(word: str, rng: random.Random) -> str:
    if len(word) < 5:
        return word
    at = rng.randrange(1, len(word) - 2)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _to_hiragana(katakana: str) -> str:
    return "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヴ" else c for c in katakana)


@functools.cache
def _tagger() -> fugashi.GenericTagger:
    return fugashi.GenericTagger(mecab_options(unidic_lite.DICDIR), fugashi.UnidicFeatures26)


@functools.lru_cache(maxsize=16384)
def _words(text: str) -> tuple[tuple[str, str, str, bool], ...]:
    """(blanks before it, word, reading in katakana, whether it must stay) for each word."""
    words = []
    after_number = False
    for word in _tagger()(text):
        number = bool(_NUMBER.search(word.surface))
        place = word.feature.pos3 == "地名" or word.surface in ("駅", "県", "市")
        # The unit behind a number belongs to it.
        fixed = number or place or after_number
        reading = word.feature.kana if not word.is_unk and word.feature.kana else ""
        words.append((word.white_space, word.surface, reading, fixed))
        after_number = number
    return tuple(words)
