"""Raw posts to the one form that the tokenizer reads, and back to the raw offsets.

`normalise` applies, in this order:

1. control, format, zero-width and variation-selector characters are dropped, lone surrogates become
   U+FFFD (MeCab reads UTF-8, and a NUL would make it drop all that follows);
2. Unicode NFKC (widths, ligatures, half-width kana, conjoining jamo);
3. every kind of blank becomes one space, leading and trailing blanks go;
4. disguises are undone (`riskclf.disguise`): emoji letters, look-alikes, signs between single
   characters, long runs of a letter; kanji numerals that state an age or a grade become digits.

`plain_form` stops before step 4. The result is its own normal form:
``normalise(normalise(s).text).text == normalise(s).text``, and NFKC leaves it as it is. Every step
is linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from riskclf.disguise.edits import Mapped
from riskclf.disguise.undo import may_be_disguised, undo

__all__ = ["NORMALISER_VERSION", "Normalised", "normalise", "plain_form"]

NORMALISER_VERSION = "2"
"""Changes whenever `normalise` gives another text for any input; stored in every artifact."""

# A base character with more marks than this is decoration ("Zalgo"); Unicode's Stream-Safe Text
# Format (UAX 15) sets the same bound. Without it NFKC sorts a run of marks in quadratic time.
_MAX_MARKS = 30

# Characters that NFKC maps to exactly one character, whatever stands beside them, unless one that
# is not in this class follows: a run of them is normalised in C, and keeps its offsets. A test
# walks through all of them.
_COMMON = (  # of these, those that NFKC leaves as they are, and that look like no Latin letter
    "!-~"  # printable ASCII
    "\u00c0-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e"  # Latin letters
    "\u2010\u2012-\u2016\u2018-\u201f\u203b\u2190-\u21ff\u2200-\u222b\u2234-\u22ff"  # signs
    "\u2500-\u27ff"  # boxes, shapes, miscellaneous symbols
    "\u3001-\u3029\u3030-\u3035\u3041-\u3096\u309d\u309e\u30a1-\u30fe"  # CJK punctuation, kana
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"  # CJK, Hangul syllables
    "\U0001f300-\U0001faff"  # emoji
    "\U00020000-\U0002a6df"  # rare CJK
)
_PLAIN = (
    f"{_COMMON}"
    "\u0391-\u03a1\u03a3-\u03ce\u0410-\u044f"  # Greek and Cyrillic, as in kaomoji
    "\uff01-\uff9d"  # full-width ASCII, half-width kana without the voicing marks
)
_PLAIN_RUN = re.compile(f"[{_PLAIN}]+")
_COMMON_TEXT = re.compile(f"[{_COMMON}]+(?: [{_COMMON}]+)*")
_PLAIN_TEXT = re.compile(f"(?:[{_PLAIN}]+(?:[ \u3000\n][{_PLAIN}]+)*)?")

# What NFKC and dropping undo, where it disguises a word: mathematical and enclosed letters, two or
# more together or beside a letter, and invisible characters between letters of scripts that need
# none (a soft hyphen may part a Latin word; Arabic and Indic scripts are not named here).
_STYLED = "\u249c-\u24e9\U0001d400-\U0001d7cb\U0001f110-\U0001f129\U0001f130-\U0001f149"
_STYLED_WORD = re.compile(f"[{_STYLED}](?:(?=[A-Za-z])|(?<=[A-Za-z].)|[{_STYLED}])[{_STYLED}]*")
_WORD_LETTER = "A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u052fぁ-ゖァ-ヺー一-鿿가-힣"
_HIDDEN = "\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0020-\U000e007f"
_HIDDEN_INSIDE = re.compile(
    f"[{_HIDDEN}](?<=[{_WORD_LETTER}].)[{_HIDDEN}]*(?=[{_WORD_LETTER}])"
    "(?<![A-Za-z\u00c0-\u024f]\u00ad)"
)

# All that NFKC changes in plain text: to go from one to the next is faster than NFKC of the whole.
_WIDE = re.compile("[\u3000\uff01-\uff9d]+")

# Blank to the eye, but not Unicode white space.
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
_LATER_JAMO = re.compile("[\u1161-\u1175\u11a8-\u11c2]")
_VARIATION_SELECTORS = re.compile("[\u034f\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


class Normalised(NamedTuple):
    """Normalised text, and for each of its characters the span of the raw text it came from."""

    text: str
    starts: Sequence[int]
    """First raw offset of each character; never falls. Same length as `text`."""
    ends: Sequence[int]
    """Raw offset behind each character; never falls. Same length as `text`."""
    undone: int = 0
    """How many disguises were undone: words written in look-alikes or in mathematical, enclosed or
    emoji letters, runs of signs between single characters, runs of a letter cut short, and
    invisible characters between two letters. Widths, ligatures, emoji, kanji numerals, a single
    keycap, and joiners that the script needs are spelling, not disguise."""

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Raw span of ``text[start:end]``, which must not be empty."""
        if not 0 <= start < end <= len(self.text):
            raise IndexError(f"no span {start}:{end} in a text of {len(self.text)} characters")
        return self.starts[start], self.ends[end - 1]


def normalise(raw: str) -> Normalised:
    """Normalise one post.

    Args:
        raw: any `str`, lone surrogates and NULs included.

    Returns:
        The normalised text with its offsets into `raw`. Characters that were dropped belong to no
        span, unless they stand between two characters of one span. What was rewritten as a whole
        (二十五 read as 25) gives each of its characters the whole span.
    """
    if _COMMON_TEXT.fullmatch(raw):  # by far the most
        end = len(raw)
        plain = Normalised(raw, range(end), range(1, end + 1))
        disguised = may_be_disguised(raw, common=True)
    else:
        plain = plain_form(raw)
        disguised = may_be_disguised(plain.text, common=False)
    if not disguised:
        return plain
    result, count = undo(Mapped(plain.text, plain.starts, plain.ends))
    return Normalised(*result, plain.undone + count)


def plain_form(raw: str) -> Normalised:
    """The same without step 4: only disguises that NFKC and dropping undo are undone."""
    plain = raw.strip()
    if _PLAIN_TEXT.fullmatch(plain):
        start = 0 if len(plain) == len(raw) else raw.find(plain)
        end = start + len(plain)
        text = _WIDE.sub(_narrow, plain).replace("\n", " ")
        return Normalised(text, range(start, end), range(start + 1, end + 1))
    builder = _Builder()
    position = 0
    for run in _PLAIN_RUN.finditer(raw):
        builder.add_mixed(raw, position, run.start())
        # The last character is left to what follows it, which may combine with it.
        position = run.end() - 1
        builder.add_plain(raw, run.start(), position)
    builder.add_mixed(raw, position, len(raw))
    return builder.finish(_count_undone(raw))


class _Builder:
    def __init__(self) -> None:
        self._parts: list[str] = []
        self._starts = array("q")
        self._ends = array("q")
        self._after_blank = True  # so that leading blanks are dropped

    def add_plain(self, raw: str, start: int, end: int) -> None:
        if start < end:
            self._parts.append(unicodedata.normalize("NFKC", raw[start:end]))
            self._starts.extend(range(start, end))
            self._ends.extend(range(start + 1, end + 1))
            self._after_blank = False

    def add_mixed(self, raw: str, start: int, end: int) -> None:
        """Cut into clusters that NFKC cannot join with each other, and normalise each."""
        characters: list[str] = []
        offsets: list[int] = []
        marks = 0
        for offset in range(start, end):
            kind, character = _classify(raw[offset])
            if kind == "dropped":
                continue
            if kind == "starter" and characters:
                self._add_cluster(characters, offsets)
                characters, offsets, marks = [], [], 0
            marks += _count_marks(character)
            if kind == "mark" and marks > _MAX_MARKS:
                continue
            characters.append(character)
            offsets.append(offset)
        if characters:
            self._add_cluster(characters, offsets)

    def _add_cluster(self, characters: list[str], offsets: list[int]) -> None:
        singly = [_nfkc(character) for character in characters]
        if len(singly) == 1:  # by far the most
            self._add_text(singly[0], offsets[0], offsets[0] + 1)
            return
        whole = unicodedata.normalize("NFKC", "".join(characters))
        if "".join(singly) == whole:
            for text, offset in zip(singly, offsets, strict=True):
                self._add_text(text, offset, offset + 1)
        else:
            self._add_text(whole, offsets[0], offsets[-1] + 1)

    def _add_text(self, text: str, start: int, end: int) -> None:
        for character in text:
            if character == " ":
                if self._after_blank:
                    if self._parts:
                        self._ends[-1] = end
                    continue
                self._after_blank = True
            else:
                self._after_blank = False
            self._parts.append(character)
            self._starts.append(start)
            self._ends.append(end)

    def finish(self, undone: int) -> Normalised:
        text = "".join(self._parts)
        if text.endswith(" "):
            text = text[:-1]
            self._starts.pop()
            self._ends.pop()
        return Normalised(text, self._starts, self._ends, undone)


def _narrow(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0])


def _count_undone(raw: str) -> int:
    return sum(1 for p in (_STYLED_WORD, _HIDDEN_INSIDE) for _ in p.finditer(raw))


@lru_cache(maxsize=65536)
def _classify(character: str) -> tuple[str, str]:
    """What a raw character is to its neighbours, and the character to read in its place.

    A "starter" begins a cluster; a "mark" (canonical combining class above 0) or a "joiner" may
    change with what stands before it; "dropped" is not read at all.
    """
    category = unicodedata.category(character)
    if character.isspace() or category[0] == "Z" or character in _BLANK_LETTERS:
        return "starter", " "
    if category == "Cs":
        return "starter", "\ufffd"
    if category in ("Cc", "Cf") or _VARIATION_SELECTORS.match(character):
        return "dropped", ""
    first = unicodedata.normalize("NFKD", character)[0]
    if unicodedata.combining(first):
        return "mark", character
    # Vowel signs of class 0, and the second and third letter of a Hangul syllable.
    if unicodedata.category(first)[0] == "M" or _LATER_JAMO.match(first):
        return "joiner", character
    return "starter", character


@lru_cache(maxsize=65536)
def _nfkc(character: str) -> str:
    return unicodedata.normalize("NFKC", character)


@lru_cache(maxsize=65536)
def _count_marks(character: str) -> int:
    """Marks of the character itself, counted apart so that composed and decomposed text agree."""
    return sum(map(bool, map(unicodedata.combining, unicodedata.normalize("NFKD", character))))
