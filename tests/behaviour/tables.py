"""Tables of characters for `tests.behaviour.disguises`, as far as they can, made from Unicode's."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Mapping

from confusable_homoglyphs.confusables import confusables_data

__all__ = [
    "CIRCLED_NUMBERS",
    "CONFUSABLE",
    "CYRILLIC",
    "ENCLOSED",
    "FULL_WIDTH",
    "GREEK",
    "HALF_WIDTH",
    "HIRAGANA",
    "INITIALS",
    "KANJI_LIKE_KATAKANA",
    "KATAKANA",
    "LARGE_KANA",
    "LEET",
    "MATHEMATICAL",
    "REGIONAL",
    "ROMAN_DIGITS",
    "SMALL_KANA",
    "SQUARED",
    "VOWELS",
]

Table = Mapping[str, str]

_LETTERS = string.ascii_letters


def _confusables(wanted: Callable[[str], bool]) -> dict[str, list[str]]:
    """Single letters that look like each Latin letter, by Unicode's table (UTS 39)."""
    found = {
        letter: [x["c"] for x in confusables_data.get(letter, ()) if wanted(x["n"])]
        for letter in _LETTERS
    }
    singles = {letter: [c for c in x if len(c) == 1] for letter, x in found.items()}
    return {letter: x for letter, x in singles.items() if x}


def _first(found: Mapping[str, list[str]]) -> Table:
    return {letter: x[0] for letter, x in found.items()}


CYRILLIC = _first(_confusables(lambda name: name.startswith("CYRILLIC")))
GREEK = _first(_confusables(lambda name: name.startswith("GREEK")))
CONFUSABLE = _confusables(lambda name: "FULLWIDTH" not in name)
"""All that looks like a Latin letter, of any script."""

MATHEMATICAL = {
    **{x: chr(0x1D5D4 + i) for i, x in enumerate(string.ascii_uppercase)},
    **{x: chr(0x1D5EE + i) for i, x in enumerate(string.ascii_lowercase)},
}
ENCLOSED = {
    **{x: chr(0x24B6 + i) for i, x in enumerate(string.ascii_uppercase)},
    **{x: chr(0x24D0 + i) for i, x in enumerate(string.ascii_lowercase)},
}
SQUARED = {x: chr(0x1F170 + i % 26) for i, x in enumerate(string.ascii_uppercase * 2)} | {
    x: chr(0x1F170 + i) for i, x in enumerate(string.ascii_lowercase)
}
REGIONAL = {x: chr(0x1F1E6 + string.ascii_lowercase.index(x.lower())) for x in _LETTERS}

FULL_WIDTH = {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
HALF_WIDTH = {
    unicodedata.normalize("NFKC", half + mark): half + mark
    for half in map(chr, range(0xFF66, 0xFF9E))
    for mark in ("", "ﾞ", "ﾟ")
    if len(unicodedata.normalize("NFKC", half + mark)) == 1
}

KATAKANA = {chr(code): chr(code + 0x60) for code in range(0x3041, 0x3097)}
HIRAGANA = {katakana: hiragana for hiragana, katakana in KATAKANA.items()}
LARGE_KANA = dict(
    zip(
        "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ",
        "あいうえおつやゆよわアイウエオツヤユヨワ",
        strict=True,
    )
)
SMALL_KANA = {large: small for small, large in LARGE_KANA.items()}

KANJI_LIKE_KATAKANA = dict(zip("ーエカタトニハロヘリ", "一工力夕卜二八口へり", strict=True))

LEET = dict(zip("aeiostAEIOST", "431057431057", strict=True))
CIRCLED_NUMBERS = {number: chr(0x2460 + number - 1) for number in range(1, 21)}
ROMAN_DIGITS = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")

_ROWS = {
    **dict.fromkeys("カキクケコ", "K"),
    **dict.fromkeys("サシスセソ", "S"),
    **dict.fromkeys("タチツテト", "T"),
    **dict.fromkeys("ナニヌネノ", "N"),
    **dict.fromkeys("ハヒフヘホ", "H"),
    **dict.fromkeys("マミムメモ", "M"),
    **dict.fromkeys("ヤユヨ", "Y"),
    **dict.fromkeys("ラリルレロ", "R"),
    **dict.fromkeys("ワ", "W"),
    **dict.fromkeys("ガギグゲゴ", "G"),
    **dict.fromkeys("ザジズゼゾ", "Z"),
    **dict.fromkeys("ダヂヅデド", "D"),
    **dict.fromkeys("バビブベボ", "B"),
    **dict.fromkeys("パピプペポ", "P"),
}
INITIALS = _ROWS | dict(zip("アイウエオ", "AIUEO", strict=True))
"""The Latin initial of a katakana."""

VOWELS = {
    kana: vowel
    for row, vowel in zip(
        (
            "あかさたなはまやらわがざだばぱゃ",
            "いきしちにひみりぎじぢびぴ",
            "うくすつぬふむゆるぐずづぶぷゅ",
            "えけせてねへめれげぜでべぺ",
            "おこそとのほもよろごぞどぼぽょ",
        ),
        "ぁぃぅぇぉ",
        strict=True,
    )
    for kana in row
}
"""The small vowel that draws a hiragana out."""
