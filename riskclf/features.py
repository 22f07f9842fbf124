"""Hashed n-grams of windows, without scikit-learn, which takes longer to import than to use.

They are those of scikit-learn's `HashingVectorizer` (Weinberger et al. 2009; a test compares them):
one block for characters (1 to 4, within words, a blank before and behind each) and one for words
(1 to 3). The n-grams of all windows are hashed at once, as UTF-8, with MurmurHash3 (Austin Appleby,
public domain).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.tokens import Window

    _Numbers = NDArray[np.int64]
    _Found = tuple[_Numbers, _Numbers]

__all__ = ["FEATURES", "Sparse", "counts", "weighted"]

_BLOCK = 2**18
_BLOCKS = 2
FEATURES = _BLOCKS * _BLOCK
"""Hashed features: those of characters, then those of words."""

_REST = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF], dtype=np.uint32)
"""What counts of the last bytes, by their number."""

_MOST_CHARACTERS = 4
_MOST_WORDS = 3


class Sparse(NamedTuple):
    """A sparse matrix of shape (windows, FEATURES), as SciPy's CSR, with sorted columns."""

    values: NDArray[np.float32]
    features: NDArray[np.int64]
    """The column of each value."""
    starts: NDArray[np.int64]
    """Where the values of each window start, and at last their number; shape (windows + 1,)."""

    @property
    def windows(self) -> int:
        """How many windows it is of."""
        return len(self.starts) - 1

    def times(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The product with a matrix of shape (FEATURES, n)."""
        found = np.zeros((self.windows, weights.shape[1]), dtype=np.float32)
        filled = np.flatnonzero(np.diff(self.starts))
        if len(filled):
            terms = weights[self.features] * self.values[:, None]
            found[filled] = np.add.reduceat(terms, self.starts[filled])
        return found


def counts(windows: Sequence[Window]) -> Sparse:
    """How often each feature occurs in each window."""
    blocks = (_characters([x.text for x in windows]), _words([x.words for x in windows]))
    found = [
        rows * FEATURES + number * _BLOCK + features
        for number, (rows, features) in enumerate(blocks)
    ]
    keys, occurrences = np.unique(np.concatenate(found), return_counts=True)
    starts = np.searchsorted(keys, np.arange(len(windows) + 1) * FEATURES)
    return Sparse(occurrences.astype(np.float32), keys % FEATURES, starts)


def weighted(occurrences: Sparse, idf: NDArray[np.float32]) -> Sparse:
    """Sublinear tf-idf of `counts`, each block of length 1.

    Args:
        occurrences: the counts.
        idf: inverse document frequency of each feature, shape (FEATURES,).
    """
    values = (1 + np.log(occurrences.values)) * idf[occurrences.features]
    rows = np.repeat(np.arange(occurrences.windows), np.diff(occurrences.starts))
    blocks = rows * _BLOCKS + occurrences.features // _BLOCK
    lengths = np.sqrt(np.bincount(blocks, values.astype(np.float64) ** 2))
    return occurrences._replace(values=(values / lengths[blocks]).astype(np.float32))


def _characters(texts: Sequence[str]) -> _Found:
    words = [text.lower().split() for text in texts]
    content = "".join(f" {word} " for found in words for word in found)
    text = np.frombuffer(content.encode("utf-8"), dtype=np.uint8)
    begins = np.flatnonzero(text & 0xC0 != 0x80)  # of each character in UTF-8
    ends = np.append(begins[1:], len(text))
    # A word has one blank before and one behind it, and none within.
    word = (np.cumsum(text[begins] == ord(" ")) - 1) // 2
    rows = np.repeat(np.arange(len(texts)), [len(found) for found in words])
    return _ngrams(text, begins, ends, word, rows[word], _MOST_CHARACTERS)


def _words(texts: Sequence[str]) -> _Found:
    words = [text.lower().split() for text in texts]
    content = "".join(f"{word} " for found in words for word in found)
    text = np.frombuffer(content.encode("utf-8"), dtype=np.uint8)
    ends = np.flatnonzero(text == ord(" "))
    begins = np.append(0, ends[:-1] + 1)[: len(ends)]
    rows = np.repeat(np.arange(len(texts)), [len(found) for found in words])
    return _ngrams(text, begins, ends, rows, rows, _MOST_WORDS)


def _ngrams(
    text: NDArray[np.uint8],
    begins: _Numbers,
    ends: _Numbers,
    groups: _Numbers,
    rows: _Numbers,
    longest: int,
) -> _Found:
    """All n-grams of one to `longest` units that lie in one group.

    Args:
        text: in UTF-8.
        begins: first byte of each unit, a character or a word, shape (units,).
        ends: byte behind each unit.
        groups: what each unit belongs to; one group comes after the other.
        rows: the window of each unit.
        longest: units of the longest n-gram.

    Returns:
        The window of each n-gram, and its feature within the block.
    """
    found = []
    for more in range(longest):
        units = np.flatnonzero(groups[: len(groups) - more] == groups[more:])
        found.append((rows[units], begins[units], ends[units + more]))
    where, begin, end = map(np.concatenate, zip(*found, strict=True))
    return where, np.abs(_murmur3(text, begin, end).astype(np.int64)) % _BLOCK


def _murmur3(text: NDArray[np.uint8], begins: _Numbers, ends: _Numbers) -> NDArray[np.int32]:
    """MurmurHash3 (x86, 32 bits, seed 0) of stretches of a text, shape (stretches,)."""
    # The four bytes from each one on, as a little-endian number.
    padded = np.append(text, np.zeros(4, dtype=np.uint8))
    four = np.stack([padded[i : len(text) + 1 + i] for i in range(4)], axis=1).view("<u4")[:, 0]
    lengths = ends - begins
    hashes = np.zeros(len(begins), dtype=np.uint32)
    left = np.arange(len(begins))
    block = 0
    while len(left := left[lengths[left] >= 4 * (block + 1)]):
        mixed = hashes[left] ^ _scrambled(four[begins[left] + 4 * block])
        hashes[left] = _rotated(mixed, 13) * np.uint32(5) + np.uint32(0xE6546B64)
        block += 1
    rest = lengths % 4
    hashes ^= _scrambled(four[ends - rest] & _REST[rest])
    hashes ^= lengths.astype(np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        hashes = (hashes ^ hashes >> np.uint32(shift)) * np.uint32(factor)
    return (hashes ^ hashes >> np.uint32(16)).view(np.int32)


def _scrambled(block: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return _rotated(block * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)


def _rotated(numbers: NDArray[np.uint32], by: int) -> NDArray[np.uint32]:
    return numbers << np.uint32(by) | numbers >> np.uint32(32 - by)
