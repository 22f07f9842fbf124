"""Choose the vocabulary: which words and pieces get a row, and the vector that each starts from."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from riskclf.errors import InputError
from riskclf.text import normalise
from riskclf.tokens import Tokenizer
from training.recipe.base import SPACE, SPECIALS, Base

__all__ = [
    "Entry",
    "choose_vocabulary",
    "count_entries",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of vocab.txt, and the pieces whose mean vector it starts from."""

    token: str
    sources: tuple[int, ...]


def count_entries(vocabulary: Iterable[str], texts: Iterable[str]) -> Counter[str]:
    """How often the library's own tokenizer uses each entry of a vocabulary on raw texts.

    Args:
        vocabulary: entries without the special tokens.
        texts: raw lines.

    Returns:
        Entries, ``[UNK]`` included, with their counts; those not used are missing.
    """
    names = [*SPECIALS, *vocabulary]
    # Lines are read whole: a head longer than any corpus line.
    tokenizer = Tokenizer({name: i for i, name in enumerate(names)}, max_tokens=8192)
    counts = np.zeros(len(names), dtype=np.int64)
    for batch in _batches(texts, 2048):
        for encoding in tokenizer.encode_batch(batch):
            np.add.at(counts, encoding.head.ids[1:-1], 1)
    return Counter({names[i]: int(counts[i]) for i in np.flatnonzero(counts)})


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(texts)
    while batch := list(islice(iterator, size)):
        yield batch


def choose_vocabulary(base: Base, lines: Callable[[], Iterable[str]], size: int) -> list[Entry]:
    """Entries for greedy WordPiece over MeCab words, the most used first to come in.

    Candidates are the pieces of `base`, each as the beginning of a word (``x``) and as a
    continuation (``##x``). Which vector an entry starts from follows how XLM-R met the characters:

    - a continuation comes from the bare piece;
    - the beginning of a word comes from the word-initial piece (``\u2581x``) in scripts that put
      spaces between words (Latin, Hangul, Cyrillic, ...), and from the bare piece in Japanese,
      Chinese, digits, punctuation, symbols and emoji, which mostly follow other characters;
    - where only the other form exists, from that one;
    - a single character that is no piece comes from the mean of the pieces that contain it (at most
      the 32 most probable), or, if there is none, from ``<unk>``: that is what the base reads
      there.

    First come the special tokens and the characters that nothing can be read without: ASCII, kana,
    the signs of JIS X 0208, emoji, and the signs and foreign letters that are a piece and that
    kaomoji are made of (WordPiece gives up a whole word, or a whole run of emoji, for one missing
    character). Then other single characters (those seen, the common kanji of JIS X 0208, hanzi of
    GB 2312, Hangul of KS X 1001), each in both forms, by use, up to two fifths of the rows left;
    then pieces by use, in a greedy segmentation with all candidates. Rows left over go to the most
    probable pieces in the same scripts.

    Args:
        base: where the pieces come from.
        lines: gives the raw lines to count on, each time it is called.
        size: number of entries, special tokens included; fewer if the pieces do not suffice.

    Raises:
        InputError: `size` is too small for the special tokens and the basic characters.
    """
    candidates = _candidates(base)
    specials = [Entry(token, (base.pieces.index(piece),)) for token, piece in SPECIALS.items()]
    chosen: dict[str, Entry] = {entry.token: entry for entry in specials}
    for token in _basic_tokens(candidates):
        chosen[token] = Entry(token, candidates.get(token, ()))
    if size < len(chosen):
        raise InputError(f"a vocabulary of {size} is too small: {len(chosen)} are indispensable")

    share = min(size, len(chosen) + (size - len(chosen)) * 2 // 5)
    for token in _characters_by_use(lines):
        if len(chosen) >= share:
            break
        chosen.setdefault(token, Entry(token, candidates.get(token, ())))

    used = count_entries(candidates, lines())
    del used["[UNK]"]
    by_use = sorted(used, key=lambda token: (-used[token], token))
    score = {token: max(base.scores[list(ids)]) for token, ids in candidates.items()}
    # Unused pieces last; those of scripts that never occur here not at all.
    scripts = {_script(token.removeprefix("##")[0]) for token in used}
    spare = sorted(
        (t for t in candidates if t not in used and _script(t.removeprefix("##")[0]) in scripts),
        key=lambda token: (-score[token], token),
    )
    for token in (*by_use, *spare):
        if len(chosen) >= size:
            break
        chosen.setdefault(token, Entry(token, candidates[token]))
    return _with_sources(base, list(chosen.values()))


def _candidates(base: Base) -> dict[str, tuple[int, ...]]:
    """Every entry that the pieces allow, with the piece it starts from."""
    bare: dict[str, int] = {}
    initial: dict[str, int] = {}
    specials = set(SPECIALS.values())
    for number, piece in enumerate(base.pieces):
        forms, surface = (initial, piece[1:]) if piece[:1] == SPACE else (bare, piece)
        if not surface or SPACE in surface or piece in specials:
            continue
        # What normalising changes, or splits, never reaches the vocabulary.
        if _normalised(surface) == surface and " " not in surface:
            forms[surface] = number
    candidates: dict[str, tuple[int, ...]] = {}
    for surface in sorted(bare.keys() | initial.keys()):
        one, other = (initial, bare) if _is_spaced(surface) else (bare, initial)
        begins = one.get(surface, other.get(surface))
        continues = bare.get(surface, initial.get(surface) if len(surface) == 1 else None)
        # In vocab.txt "###" is "#" as a continuation; a piece "###" cannot be told from it.
        if begins is not None and not surface.startswith("##"):
            candidates[surface] = (begins,)
        if continues is not None:
            candidates["##" + surface] = (continues,)
    return candidates


def _basic_tokens(candidates: Iterable[str]) -> list[str]:
    """Tokens of the characters that every vocabulary has, whatever the corpora hold."""
    characters = [chr(code) for code in (*range(0x21, 0x7F), *range(0x3001, 0x3100))]
    characters += (c for c in map(_normalised, _encoded("euc_jp", 0xA1, 0xA8)) if len(c) == 1)
    characters += _emoji()
    # NFKC leaves a space and one of these of the spacing voicing marks.
    tokens = ["\u3099", "##\u3099", "\u309a", "##\u309a"]
    for character in characters:
        if unicodedata.category(character) != "Cn" and _normalised(character) == character:
            tokens += (character, "##" + character)
    for token in candidates:
        character = token.removeprefix("##")
        if len(character) > 1 or _OWN_LETTERS.match(character):
            continue
        # Foreign letters stand alone in kaomoji; signs come in runs.
        if character == token or not character.isalpha():
            tokens.append(token)
    return list(dict.fromkeys(tokens))


# Letters that come in by use; private characters never do.
_OWN_LETTERS = re.compile(
    "[\u1100-\u11ff\u3040-\u30ff\u3131-\u318e\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003ffff\ue000-\uf8ff\U000f0000-\U0010ffff]"
)


def _characters_by_use(lines: Callable[[], Iterable[str]]) -> list[str]:
    """Tokens of single characters, those seen and those of the standards, most used first."""
    seen = sorted({character for line in lines() for character in _normalised(line)} - {" "})
    counts = count_entries([f + c for c in seen for f in ("", "##") if f + c != "##"], lines())
    del counts["[UNK]"]
    standard = {
        character
        for encoding, first, last in (
            ("euc_jp", 0xB0, 0xCF),  # JIS X 0208 level 1: 2,965 kanji
            ("gb2312", 0xB0, 0xD7),  # GB 2312 level 1: 3,755 hanzi
            ("euc_kr", 0xB0, 0xC8),  # KS X 1001: 2,350 Hangul syllables
        )
        for character in _encoded(encoding, first, last)
        if _normalised(character) == character
    }

    def rank(token: str) -> tuple[float, bool, int, str]:
        # Greedy reading needs both forms of a character, so both are ranked by their sum first, in
        # rough steps; within a step the standards come first.
        character = token.removeprefix("##") or "#"
        both = counts[character] + counts["##" + character]
        return -(math.log2(1 + both) // 1), character not in standard, -counts[token], token

    tokens = [form + c for c in standard.union(seen) for form in ("", "##")]
    return sorted(tokens, key=rank)


def _emoji() -> Iterator[str]:
    """Pictographs of the blocks that emoji come from, regional indicators included."""
    for first, last in (
        (0x2600, 0x27BF),
        (0x1F1E6, 0x1F1FF),
        (0x1F300, 0x1F64F),
        (0x1F680, 0x1F6FF),
        (0x1F7E0, 0x1F7EB),
        (0x1F900, 0x1F9FF),
        (0x1FA70, 0x1FAFF),
    ):
        for code in range(first, last + 1):
            if unicodedata.category(chr(code)) in ("So", "Sk"):
                yield chr(code)


def _encoded(encoding: str, first: int, last: int) -> Iterator[str]:
    """The characters of some rows (first bytes) of a double-byte character set."""
    for row in range(first, last + 1):
        for cell in range(0xA1, 0xFF):
            character = bytes((row, cell)).decode(encoding, errors="ignore")
            if len(character) == 1:
                yield character


def _normalised(text: str) -> str:
    return normalise(text).text


def _with_sources(base: Base, entries: list[Entry]) -> list[Entry]:
    """Give the characters that are no piece the pieces that contain them, or ``<unk>``."""
    missing = {entry.token.removeprefix("##") for entry in entries if not entry.sources}
    containing: dict[str, list[int]] = defaultdict(list)
    for number in np.argsort(-base.scores, kind="stable").tolist():
        piece = base.pieces[number]
        if piece not in SPECIALS.values():
            for character in missing.intersection(piece):
                if len(containing[character]) < 32:
                    containing[character].append(number)
    unknown = (base.pieces.index(SPECIALS["[UNK]"]),)
    return [
        entry
        if entry.sources
        else Entry(entry.token, tuple(containing[entry.token.removeprefix("##")]) or unknown)
        for entry in entries
    ]


_BLOCKS_WITHOUTSPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u31f0-\u31ff\u3400-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)


def _is_spaced(surface: str) -> bool:
    """Whether a word of these characters usually follows a space."""
    return surface[0].isalpha() and not _BLOCKS_WITHOUTSPACES.search(surface)


def _script(character: str) -> str:
    """A rough script name: the first word of a letter's Unicode name, else its category."""
    if unicodedata.category(character)[0] in "LM":
        return unicodedata.name(character, "?").split()[0].split("-")[0]
    return unicodedata.category(character)
