"""Emerging terms: terms whose use increased against older posts, as leads for a person.

A candidate is a run of one to three content words as MeCab (unidic-lite) splits them, or of Latin
or Hangul words. Particles, symbols, numbers and their units (ages), names of persons, handles and
links are left out. Equal texts count once, and so do near-duplicates among the posts that hold a
term; a term needs five posts. The increase is the ratio of the share of posts here to the share in
the reference, with the exact conditional interval for two Poisson rates (Przyborowski and Wilenski
1940; Clopper and Pearson 1934). A term is reported if the lower end is above 1, and terms are
ranked by it. Of thousands of candidates some increase by chance.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.language import gettext as _
from riskclf.progress import Callback
from riskclf.tables import Data, UnlabelledPosts, text_key
from riskclf.tables.duplicates import near_duplicate_groups
from riskclf.text import normalise

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EmergingTerm", "emerging_terms"]

_MAX_TERMS = 20
_MIN_POSTS = 5
_MAX_WORDS = 3
_COUNTED_TERMS = 1_000_000
"""Terms that are counted at once; beyond this, the rarest are dropped."""
_CHECKED_TERMS = 200
_CHECKED_POSTS = 500
"""Posts that hold a term and are compared with each other, at most."""
_SAME_POSTS = 0.9
_READ_CHARACTERS = 8192  # of a post for its terms: MeCab is quadratic in a run of Latin letters


@dataclass(frozen=True, slots=True)
class EmergingTerm:
    """A term whose share of the posts increased significantly."""

    term: str
    posts: int
    """Posts here that hold the term; near-duplicates count once."""
    of: int
    """Different posts here."""
    reference_posts: int
    """Posts of the reference that hold the term."""
    reference_of: int
    """Different posts of the reference."""
    ratio: float | None
    """Share of posts here over the share in the reference; None if the reference lacks the term."""
    low: float
    """Lower end of the 95 % interval of `ratio`."""
    high: float | None
    """Upper end; None if the reference lacks the term."""


# On normalised text in lower case. What may not precede a match keeps the search linear.
_LEFT_OUT = re.compile(
    r"""
    (?:https?://|www\.)[!-~]*  # links
    | (?<![\w.+-])[\w.+-]*@[\w.+-]+  # handles and mail addresses
    | (?<![a-z0-9.-])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?![a-z0-9])(?:[/:?][!-~]*)?  # domains
    | (?<![a-z])id\s*[:=は]\s*[a-z0-9][a-z0-9._-]*  # account names
    | (?<![a-z0-9._-])(?=[a-z.-]*[0-9_])(?=[0-9_.-]*[a-z])[a-z0-9._-]+  # letters with digits, a_b
    | (?<!\d)[+(]?\d[\d\s()-]{5,}\d  # like a phone number
    | \d+\s*(?:歳|才|さい|代|年生|years?\s?old|yo\b|y/o|살|岁)  # ages
    """,
    re.VERBOSE | re.ASCII,
)
_LETTERS = re.compile(r"[a-z\u00c0-\u024f][a-z\u00c0-\u024f'’-]*|[\uac00-\ud7a3]+")
_SKIPPED = ("助詞", "助動詞", "記号", "補助記号", "空白", "接続詞", "連体詞", "代名詞")
_AFFIXES = ("接頭辞", "接尾辞")


def emerging_terms(
    data: Data, reference: Data, text_column: str, tell: Callback
) -> tuple[list[EmergingTerm], str]:
    """Find emerging terms, the most certain first. `data` is read twice.

    Args:
        data: a table's path, a data frame or rows.
        reference: older posts, in the same form.
        text_column: the column of both that holds the texts.
        tell: told how far the reading is.

    Returns:
        The terms, 20 at most, and a note on the rows of the reference that could not be read.

    Raises:
        InputError: the data or the reference cannot be read, or no row of it can be used.
    """
    find = _TermFinder()
    with ExitStack() as stack:
        older = UnlabelledPosts(reference, text_column, stack)
        counts: Counter[str] = Counter()
        forgotten = of = reference_of = 0
        here = UnlabelledPosts(data, text_column, stack)
        for _key, text in _distinct_texts(here, text_column, tell):
            of += 1
            counts.update(find(text).keys())
            while len(counts) > _COUNTED_TERMS:
                # Lossy counting (Manku and Motwani 2002): an emerging term is far from rare.
                forgotten += 1
                counts = Counter({term: x for term, x in counts.items() if x > forgotten})
        here.check_usable()
        candidates = {term for term, count in counts.items() if count >= _MIN_POSTS}
        in_reference: Counter[str] = Counter()
        for _key, text in _distinct_texts(older, text_column, tell):
            reference_of += 1
            in_reference.update(find(text).keys() & candidates)
        older.check_usable()
        unread = older.unread()
    # The same order whatever the order of the rows.
    names = sorted(candidates)
    ratios = _ratios(
        np.array([counts[term] for term in names]),
        of,
        np.array([in_reference[term] for term in names]),
        reference_of,
    )
    order = np.argsort(-ratios[1], kind="stable")[:_CHECKED_TERMS]
    checked = {names[index]: _Holders() for index in order.tolist() if ratios[1][index] > 1}
    with ExitStack() as stack:
        here = UnlabelledPosts(data, text_column, stack)
        for key, text in _distinct_texts(here, text_column, tell):
            found = find(text)
            for term in found.keys() & checked.keys():
                checked[term].add(key, text, found[term])
    result = []
    for term, holders in checked.items():
        count = holders.different()
        if count >= _MIN_POSTS:
            older_count = in_reference[term]
            value, low, high = (
                float(x[0])
                for x in _ratios(np.array([count]), of, np.array([older_count]), reference_of)
            )
            if low > 1:
                ratio, above = (value, high) if older_count else (None, None)
                found_term = EmergingTerm(
                    term, count, of, older_count, reference_of, ratio, low, above
                )
                result.append((found_term, holders))
    result.sort(key=lambda pair: (-pair[0].low, -len(pair[1].words), pair[0].term))
    kept = [term for term, holders in result if not _explained(term, holders, result)]
    return kept[:_MAX_TERMS], unread


class _TermFinder:
    """Finds the terms of a post, with the words of each."""

    def __init__(self) -> None:
        import fugashi
        from unidic_lite import DICDIR

        from riskclf.mecab import mecab_options

        # With features: a model's tokenizer lets MeCab write the words only.
        self._mecab = fugashi.GenericTagger(mecab_options(DICDIR))

    def __call__(self, text: str) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        readable = normalise(text).text.lower()[:_READ_CHARACTERS]
        for part in _LEFT_OUT.split(readable):
            for run in self._runs(part):
                for start in range(len(run)):
                    for end in range(start + 1, min(start + _MAX_WORDS, len(run)) + 1):
                        words = run[start:end]
                        forms = [x.blank + x.surface for x in words[:-1]]
                        term = "".join([*forms, words[-1].blank + words[-1].base]).strip()
                        if any(x.is_full for x in words) and _is_word(term):
                            found[term] = tuple(x.surface for x in words)
        return found

    def _runs(self, text: str) -> Iterator[list[_Word]]:
        """Content words side by side; blanks separate them, except in Latin and Hangul."""
        run: list[_Word] = []
        was_left_out = False
        for node in self._mecab(text):
            # さん after a name and 人 after a number belong to it.
            belongs = was_left_out and node.feature[0] == "接尾辞"
            word = None if belongs else _content_word(node)
            apart = word is not None and word.blank and not (run and run[-1].spaced and word.spaced)
            if (word is None or apart) and run:
                yield run
                run = []
            if word is not None:
                run.append(word)
            was_left_out = word is None
        if run:
            yield run


def _is_word(term: str) -> bool:
    """More than one character, and not one character repeated."""
    return len(term) == 2 or len(set(term)) > 1


@dataclass(frozen=True, slots=True)
class _Word:
    surface: str
    base: str
    """The form that a dictionary lists: the endings of verbs and adjectives do not make terms."""
    blank: str
    """What is before it: a space, or nothing."""
    is_full: bool
    """It is not an affix."""
    spaced: bool
    """Its script separates words with spaces."""


def _content_word(node: Any) -> _Word | None:
    surface, blank, pos = node.surface, " " * bool(node.white_space), node.feature
    if _LETTERS.fullmatch(surface):
        return _Word(surface, surface, blank, True, True)
    left_out = (
        pos[0] in _SKIPPED
        or pos[1] in ("数詞", "非自立可能", "助動詞語幹", "フィラー")
        or pos[2] in ("人名", "助数詞")
        or any(character.isdigit() for character in surface)
    )
    if left_out:
        return None
    inflected = pos[0] in ("動詞", "形容詞") and len(pos) > 10
    base = pos[10] if inflected else surface
    return _Word(surface, base, blank, pos[0] not in _AFFIXES, False)


class _Holders:
    """The posts that hold a term: how many, and a sample of them by their keys."""

    def __init__(self) -> None:
        self.words: tuple[str, ...] = ()
        self.count = 0
        self._some: list[tuple[int, str]] = []  # a heap of the least keys, negated

    def add(self, key: int, text: str, words: tuple[str, ...]) -> None:
        self.count += 1
        self.words = max(self.words, words, key=len)
        if len(self._some) < _CHECKED_POSTS:
            heapq.heappush(self._some, (-key, text))
        else:
            heapq.heappushpop(self._some, (-key, text))

    def different(self) -> int:
        """How many there are if near-duplicates count once; beyond the limit, an estimate."""
        groups = near_duplicate_groups([text for _, text in sorted(self._some)])
        return int(self.count * (groups.max() + 1) / len(groups))

    def overlap(self, other: _Holders) -> float:
        """The share of the posts of either that hold both, by their least keys."""
        ours, theirs = ({-key for key, _ in x._some} for x in (self, other))
        least = heapq.nsmallest(_CHECKED_POSTS, ours | theirs)
        return sum(key in ours and key in theirs for key in least) / len(least)


def _explained(
    term: EmergingTerm, holders: _Holders, terms: Sequence[tuple[EmergingTerm, _Holders]]
) -> bool:
    """Is there a longer term that shares words and occurs in (nearly) the same posts?

    Of overlapping terms of the same length, the first is kept.
    """

    def size(one: EmergingTerm, words: tuple[str, ...]) -> tuple[int, int]:
        return len(words), len(one.term)

    own = size(term, holders.words)
    is_later = False
    for other, others in terms:
        if other is term:
            is_later = True
        elif not set(holders.words).isdisjoint(others.words):
            longer = size(other, others.words)
            if (longer > own or (longer == own and not is_later)) and (
                holders.overlap(others) >= _SAME_POSTS
            ):
                return True
    return False


def _distinct_texts(
    source: UnlabelledPosts, text_column: str, tell: Callback
) -> Iterator[tuple[int, str]]:
    """Key and text of every post, reposts left out."""
    seen: set[int] = set()
    for done, row in enumerate(source):
        text = row.values[text_column]
        key = text_key(text)
        if key not in seen:
            seen.add(key)
            yield key, text
        if done % 256 == 0:
            tell(_("counting terms"), *source.position())


def _ratios(
    here: NDArray[np.int64], of: int, there: NDArray[np.int64], reference_of: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Ratio of two shares with the ends of its 95 % interval; infinite where `there` is 0."""
    from scipy.stats import beta  # takes a second to import

    # Given the sum of both counts, one of them is binomial: Clopper and Pearson's interval.
    low = np.where(here == 0, 0.0, beta.ppf(0.025, here, there + 1))
    high = np.where(there == 0, 1.0, beta.isf(0.025, here + 1, there))
    scale = reference_of / of
    with np.errstate(divide="ignore"):
        value, low, high = (
            scale * np.asarray(x) / (1 - np.asarray(x)) for x in (here / (here + there), low, high)
        )
    return value, low, high
