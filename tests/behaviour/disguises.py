"""Ways in which people write so that a word search does not find them, as seeded functions.

Each takes a text and gives it in another spelling; it says nothing about what to write. The same
text, seed and share give the same result. They are grouped, and figures are published by group.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.behaviour.tables import (
    CIRCLED_NUMBERS,
    CONFUSABLE,
    CYRILLIC,
    ENCLOSED,
    FULL_WIDTH,
    GREEK,
    HALF_WIDTH,
    HIRAGANA,
    INITIALS,
    KANJI_LIKE_KATAKANA,
    KATAKANA,
    LARGE_KANA,
    LEET,
    MATHEMATICAL,
    REGIONAL,
    ROMAN_DIGITS,
    SMALL_KANA,
    SQUARED,
    VOWELS,
)
from tests.behaviour.words import Word, words

__all__ = ["DISGUISES", "GROUPS", "Disguise"]

_Change = Callable[[Word, random.Random], str]

_KANJI = re.compile("[一-龥]")
_DIGITS = re.compile("[0-9]+")
_LATIN_WORD = re.compile("[A-Za-z]{2,}")
_KATAKANA_WORD = re.compile("[ァ-ヺー]{2,}")
_END_OF_PHRASE = re.compile(r"[\s、。,.!?！？・#＃]+")
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_SIGNS = ".*_・-/+|☆★♡"
_EMOJI = "✨🌸💤🎵🍀☀"


@dataclass(frozen=True)
class Disguise:
    """One way to write a text differently."""

    name: str
    group: str
    rewrite: Callable[[str, random.Random, float], str]

    def __call__(self, text: str, seed: int, share: float = 1.0) -> str:
        """The text in this disguise.

        Args:
            text: any.
            seed: chooses the words, and what they are changed to.
            share: probability that a word that can be changed is, at least one being changed. Some
                disguises change the text as a whole.

        Returns:
            The text as it was where there is nothing that can be changed.
        """
        return self.rewrite(text, random.Random(f"{self.group} {self.name} {seed}"), share)


def _in_words(change: _Change, most: float = 1.0) -> Callable[[str, random.Random, float], str]:
    """Words by themselves; at most so many of them that something is left to read."""

    def rewrite(text: str, rng: random.Random, share: float) -> str:
        found = words(text)
        changed = [change(word, rng) for word in found]
        able = [i for i, x in enumerate(found) if changed[i] != x.surface]
        if not able:
            return text
        chosen = {i for i in able if rng.random() < min(share, most)} or {rng.choice(able)}
        parts = (
            word.blank + (changed[i] if i in chosen else word.surface)
            for i, word in enumerate(found)
        )
        return "".join(parts) + text[len(text.rstrip()) :]

    return rewrite


def _by(table: Mapping[str, str], wanted: re.Pattern[str] | None = None) -> _Change:
    """Every character that the table has; only in words of which all fits, where that is given."""

    def change(word: Word, rng: random.Random) -> str:
        if wanted and not wanted.fullmatch(word.surface):
            return word.surface
        return "".join(table.get(c, c) for c in word.surface)

    return change


def _between(signs: str) -> _Change:
    """One of the signs between all characters of a word of letters."""

    def change(word: Word, rng: random.Random) -> str:
        sign = rng.choice(signs)
        return sign.join(word.surface) if word.surface.isalpha() else word.surface

    return change


def _confusable(word: Word, rng: random.Random) -> str:
    return "".join(rng.choice(CONFUSABLE[c]) if c in CONFUSABLE else c for c in word.surface)


def _marks(word: Word, rng: random.Random) -> str:
    mark = rng.choice("\u0336\u0332\u0323\ufe0f")
    return "".join(c + mark if c.isalpha() else c for c in word.surface)


def _hidden(word: Word, rng: random.Random) -> str:
    if not word.surface.isalpha():
        return word.surface
    return "".join(c + rng.choice(_ZERO_WIDTH) for c in word.surface[:-1]) + word.surface[-1]


def _reading(table: Mapping[str, str]) -> _Change:
    """A word with kanji as it is read."""

    def change(word: Word, rng: random.Random) -> str:
        if not (word.reading and _KANJI.search(word.surface)):
            return word.surface
        return "".join(table.get(c, c) for c in word.reading)

    return change


def _mixed(word: Word, rng: random.Random) -> str:
    """Each kana in the one script or the other."""
    both = KATAKANA | HIRAGANA
    return "".join(both[c] if c in both and rng.random() < 0.5 else c for c in word.surface)


def _number(write: Callable[[int], str]) -> _Change:
    """Numbers below 100, written otherwise."""

    def change(word: Word, rng: random.Random) -> str:
        def replaced(match: re.Match[str]) -> str:
            return write(int(match[0])) if len(match[0]) <= 2 else match[0]

        text = unicodedata.normalize("NFKC", word.surface)
        return _DIGITS.sub(replaced, text) if _DIGITS.search(text) else word.surface

    return change


def _kanji_number(number: int) -> str:
    tens, ones = divmod(number, 10)
    digits = "〇一二三四五六七八九"
    if not tens:
        return digits[ones]
    return ("" if tens == 1 else digits[tens]) + "十" + (digits[ones] if ones else "")


def _roman(number: int) -> str:
    if not number:
        return "0"
    tens, ones = divmod(number, 10)
    letters = ROMAN_DIGITS[tens].translate(str.maketrans("IVX", "XLC"))
    return letters + ROMAN_DIGITS[ones]


def _drawn_out(word: Word, rng: random.Random) -> str:
    last = word.surface[-1]
    count = rng.randint(3, 7)
    if last in VOWELS:
        return word.surface + rng.choice((VOWELS[last], "ー", "〜")) * count
    if last == "ー" or last in HIRAGANA:
        return word.surface + "ー" * count
    if _LATIN_WORD.fullmatch(word.surface):
        return word.surface + last * count
    return word.surface


def _repeated(word: Word, rng: random.Random) -> str:
    """Every letter twice or three times."""
    if not word.surface.isalpha():
        return word.surface
    return "".join(c * rng.randint(2, 3) for c in word.surface)


def _initial(word: Word, rng: random.Random) -> str:
    if _KATAKANA_WORD.fullmatch(word.surface):
        return INITIALS.get(word.surface[0], word.surface)
    return word.surface[0].upper() if _LATIN_WORD.fullmatch(word.surface) else word.surface


def _masked(word: Word, rng: random.Random) -> str:
    """One letter hidden behind a circle."""
    if len(word.surface) < 2 or not word.surface.isalpha():
        return word.surface
    at = rng.randrange(1, len(word.surface))
    return word.surface[:at] + rng.choice("○〇●") + word.surface[at + 1 :]


def _broken(word: Word, rng: random.Random) -> str:
    if len(word.surface) < 2 or not word.surface.isalpha():
        return word.surface
    at = rng.randrange(1, len(word.surface))
    return word.surface[:at] + "\n" + word.surface[at:]


def _hashtags(text: str, rng: random.Random, share: float) -> str:
    return "".join("#" + phrase for phrase in _END_OF_PHRASE.split(text) if phrase)


def _vertical(text: str, rng: random.Random, share: float) -> str:
    return "\n".join(c for c in text if not c.isspace())


DISGUISES: tuple[Disguise, ...] = tuple(
    Disguise(name, group, rewrite)
    for group, members in {
        "width": {
            "full-width": _in_words(_by(FULL_WIDTH)),
            "half-width kana": _in_words(_by(HALF_WIDTH, _KATAKANA_WORD)),
        },
        "kana and kanji": {
            "hiragana as katakana": _in_words(_by(KATAKANA)),
            "katakana as hiragana": _in_words(_by(HIRAGANA)),
            "kanji as hiragana": _in_words(_reading(HIRAGANA)),
            "kanji as katakana": _in_words(_reading({})),
            "mixed scripts": _in_words(_mixed),
            "small kana written large": _in_words(_by(LARGE_KANA)),
            "large kana written small": _in_words(_by(SMALL_KANA)),
            "kanji that look like katakana": _in_words(_by(KANJI_LIKE_KATAKANA, _KATAKANA_WORD)),
        },
        "signs and blanks between letters": {
            "signs": _in_words(_between(_SIGNS)),
            "blanks": _in_words(_between(" \u3000\u00a0")),
            "emoji": _in_words(_between(_EMOJI)),
        },
        "invisible characters and marks": {
            "zero-width": _in_words(_hidden),
            "marks": _in_words(_marks),
        },
        "look-alike letters": {
            "Cyrillic": _in_words(_by(CYRILLIC)),
            "Greek": _in_words(_by(GREEK)),
            "mathematical": _in_words(_by(MATHEMATICAL)),
            "enclosed": _in_words(_by(ENCLOSED)),
            "squared": _in_words(_by(SQUARED)),
            "emoji letters": _in_words(_by(REGIONAL)),
            "any confusable": _in_words(_confusable),
        },
        "numerals": {
            "kanji": _in_words(_number(_kanji_number)),
            "circled": _in_words(_number(lambda n: CIRCLED_NUMBERS.get(n, str(n)))),
            "full-width": _in_words(_number(lambda n: "".join(FULL_WIDTH[c] for c in str(n)))),
            "Roman": _in_words(_number(_roman)),
        },
        "drawn out and repeated": {
            "drawn out": _in_words(_drawn_out),
            "repeated": _in_words(_repeated),
        },
        "letters replaced or left out": {
            "leetspeak": _in_words(_by(LEET)),
            "initials": _in_words(_initial, most=0.25),
            "masked letters": _in_words(_masked, most=0.5),
        },
        "breaks": {
            "inside words": _in_words(_broken),
            "hashtags run together": _hashtags,
            "vertical": _vertical,
        },
    }.items()
    for name, rewrite in members.items()
)

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(x.group for x in DISGUISES))
