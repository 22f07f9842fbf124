"""A window as phrases, each of which can be left out.

A phrase is a content word with what belongs to it (a bunsetsu, roughly): compounds stay together,
and particles, endings and punctuation go with the word before them, as do nouns that say little
alone ("someone who ...", "is there anyone"). In text with blanks between words, such as English,
each word is one. Leaving a phrase out takes away its ids, its characters and its MeCab words, so
that every expert reads the same shorter text.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from riskclf.mecab import tagger
from riskclf.text import Normalised, normalise
from riskclf.tokens import Token, Tokenizer, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Phrases"]

# Parts of speech of the dictionaries (unidic, ipadic).
_NOUNS = ("名詞", "代名詞")
_PREFIXES = ("接頭辞", "接頭詞")
_PARTICLES = ("助詞",)
_ENDINGS = ("助詞", "助動詞", "接尾辞")
_ENDING_KINDS = ("接尾", "非自立")
_ADNOMINAL = ("動詞", "形容詞", "助動詞")
_LIGHT_NOUNS = ("人", "方", "子", "者", "ひと", "かた", "こ")
"""They go with what tells about them, and with what is said of them: 泊めてくれる+人+いますか."""

_LONGEST_COMPOUND = 8
"""Characters. Chinese, read with a Japanese dictionary, would be one compound."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Phrases:
    """A window cut into phrases."""

    window: Window
    spans: tuple[Span, ...]
    """Of each phrase, in `window.text`."""
    shown: tuple[Span, ...]
    """Of each phrase, in the raw post, without the particles and the punctuation at its end."""
    whole: Span
    """Of the window, in the raw post; empty where there is nothing to read."""
    of_id: NDArray[np.int64]
    """The phrase of each id between [CLS] and [SEP]."""
    of_word: NDArray[np.int64]
    """The phrase of each of the words in `window.words`."""

    def __len__(self) -> int:
        return len(self.spans)

    @classmethod
    def of(cls, post: str, window: Window, tokenizer: Tokenizer) -> Phrases:
        """Cut a window.

        Args:
            post: the raw post.
            window: one of the post's windows.
            tokenizer: that made it.
        """
        if len(window.ids) <= 2:  # no more than special tokens
            none = np.zeros(0, dtype=np.int64)
            return cls(window, (), (), (0, 0), none, none)
        normalised = normalise(post)
        tokens, offset = _located(normalised, window, tokenizer.tokens(post))
        parts = [*_parts(window.text, tokenizer.dictionary)]
        starts = [part.start for part in parts]

        def raw(start: int, end: int) -> Span:
            return normalised.raw_span(offset + start, offset + end)

        shown, behind = [], 0
        for part in parts:
            start, end = raw(part.first, part.last)
            # What was rewritten as a whole may lie in two phrases: it is shown in the first.
            shown.append((max(start, behind), max(end, behind)))
            behind = shown[-1][1]
        return cls(
            window,
            tuple((part.start, part.end) for part in parts),
            tuple(shown),
            raw(0, len(window.text)),
            _which(
                _places(window.text, ((x.surface, x.piece[:2] == "##") for x in tokens)), starts
            ),
            _which(_places(window.text, ((x, False) for x in window.words.split())), starts),
        )

    def kept(self, members: NDArray[np.bool_]) -> Window:
        """The window with these phrases only, in their order; shape (phrases,)."""
        first, *ids, last = self.window.ids
        text = ""
        for number in np.flatnonzero(members).tolist():
            start, end = self.spans[number]
            # A blank, so that no n-gram is made of characters that never stood together.
            text += (" " if number and not members[number - 1] else "") + self.window.text[
                start:end
            ]
        words = zip(self.window.words.split(), members[self.of_word], strict=True)
        kept = zip(ids, members[self.of_id], strict=True)
        return Window(
            [first, *(x for x, stays in kept if stays), last],
            text.strip(),
            " ".join(word for word, stays in words if stays),
        )


class _Part(NamedTuple):
    """A phrase in a text."""

    start: int
    end: int
    first: int
    """Of what is neither punctuation nor a particle at its end."""
    last: int
    """Behind that."""


class _Word(NamedTuple):
    text: str
    start: int
    kind: str
    """Part of speech."""
    more: str
    """The second level of it."""

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_mark(self) -> bool:
        return all(unicodedata.category(x)[0] in "PZ" for x in self.text)

    @property
    def opens(self) -> bool:
        """It is a mark that belongs to what follows: a bracket, or the sign of a hashtag."""
        return unicodedata.category(self.text[-1]) in ("Ps", "Pi") or self.text == "#"


def _parts(text: str, dictionary: str) -> Iterator[_Part]:
    """The phrases of a text; together they cover it."""
    words = [*_words(text, dictionary)]
    begun = [i for i, word in enumerate(words) if not i or _begins(words[:i], word)]
    for first, behind in zip(begun, [*begun[1:], len(words)], strict=True):
        phrase = words[first:behind]
        end = words[behind].start if behind < len(words) else len(text)
        bare = phrase
        while bare and (bare[-1].is_mark or bare[-1].kind in _PARTICLES):
            bare = bare[:-1]
        while bare and bare[0].is_mark:
            bare = bare[1:]
        bare = bare or phrase
        yield _Part(phrase[0].start, end, bare[0].start, bare[-1].end)


def _words(text: str, dictionary: str) -> Iterator[_Word]:
    position = 0
    for node in tagger(dictionary, "")(text):
        start = text.index(node.surface, position)
        position = start + len(node.surface)
        yield _Word(node.surface, start, node.feature[0], node.feature[1])


def _begins(before: Sequence[_Word], word: _Word) -> bool:
    """Whether a phrase begins with this word."""
    last = before[-1]
    if word.is_mark:
        return word.opens and not (last.is_mark and last.opens)
    if last.is_mark:
        return not last.opens and word.kind not in _PARTICLES
    if _is_foreign(last.text) or _is_foreign(word.text):
        return last.end < word.start
    if last.kind in _PREFIXES or _is_light(before, word):
        return False
    if word.kind in _ENDINGS or word.more in _ENDING_KINDS or _helps(last, word):
        return False
    if {last.kind, word.kind} <= {*_NOUNS, "接尾辞"}:
        return _compound(before) + len(word.text) > _LONGEST_COMPOUND
    return True


def _is_light(before: Sequence[_Word], word: _Word) -> bool:
    """Whether a word goes with a noun that says little alone, or is one."""
    last = before[-1]
    if word.text in _LIGHT_NOUNS:
        return last.kind in _ADNOMINAL or last.text == "の"
    noun = before[-2] if last.text in ("は", "も", "が") and len(before) > 1 else last
    return noun.text in _LIGHT_NOUNS and word.more == "非自立可能"


def _helps(last: _Word, word: _Word) -> bool:
    """Whether a verb that may stand alone does not: 借りて+くれる, 勉強+する."""
    if word.more != "非自立可能":
        return False
    if last.kind in _NOUNS:
        return word.text[0] in "さしすせ"
    return last.more == "接続助詞" or last.kind in ("動詞", "助動詞")


def _compound(words: Sequence[_Word]) -> int:
    """Characters of the compound at the end of these words."""
    length = 0
    for word in reversed(words):
        if word.kind not in (*_NOUNS, *_PREFIXES, "接尾辞") or word.is_mark:
            break
        length += len(word.text)
    return length


def _is_foreign(text: str) -> bool:
    """Of a script with blanks between words."""
    return all(x.isalpha() and (x < "\u0530" or "\uac00" <= x <= "\ud7a3") for x in text)


def _located(
    normalised: Normalised, window: Window, tokens: Sequence[Token]
) -> tuple[Sequence[Token], int]:
    """The tokens of a window, and where its text lies; of equal stretches the first.

    The ids alone do not tell it: words of any length are one and the same unknown token.
    """
    ids, wanted = [token.id for token in tokens], window.ids[1:-1]
    for first in range(len(ids) - len(wanted) + 1):
        if ids[first : first + len(wanted)] != wanted:
            continue
        start = tokens[first].start
        # Of what was rewritten as a whole, several characters begin at the same place.
        starts = normalised.starts
        for offset in range(bisect_left(starts, start), bisect_right(starts, start)):
            if normalised.text.startswith(window.text, offset):
                return tokens[first : first + len(wanted)], offset
    raise ValueError("the window is not one of this post")


def _places(text: str, pieces: Iterable[tuple[str, bool]]) -> list[int]:
    """Where pieces of a text begin.

    Args:
        text: the text.
        pieces: in their order; and whether one continues a word.
    """
    found, begin, position = [], 0, 0
    for piece, continues in pieces:
        start = text.find(piece, position)
        # Lower-casing may change the length of a word: then it is one place for all its pieces.
        if start >= 0 and (not continues or start == position):
            begin, position = start, start + len(piece)
        found.append(begin)
    return found


def _which(places: Sequence[int], starts: Sequence[int]) -> NDArray[np.int64]:
    """The phrase at each place, by the places where phrases start."""
    return np.array([bisect_right(starts, x) - 1 for x in places], dtype=np.int64)
