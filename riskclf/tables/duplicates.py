"""Which texts say the same: near-duplicates, by the character trigrams that they share.

Two texts are near-duplicates when the Jaccard index of their sets of trigrams reaches 0.6 (Broder
1997 calls it resemblance). Compared is the normalised text (`riskclf.text`) in lower case, without
white space; one that is shorter than three characters is compared as a whole. The comparison is
exact: every pair that shares a trigram is counted, a block of texts at a time, so that memory grows
with the number of texts and not with that of the pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from riskclf.errors import InputError
from riskclf.tables.texts import same_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["near_duplicate_groups", "near_duplicate_pairs"]

_PAIRS = 1 << 21
"""Pairs that are compared at once: some 100 MB where all of them share a trigram."""


def near_duplicate_groups(texts: Sequence[str], *, similarity: float = 0.6) -> NDArray[np.int64]:
    """The group of each text: near-duplicates, and those linked by a chain of them, share one.

    Args:
        texts: any texts, in any order.
        similarity: Jaccard index of the trigrams from which two texts are near-duplicates.

    Returns:
        Shape (texts,); groups are numbered from 0 in the order in which they first appear.

    Raises:
        InputError: `similarity` is not above 0 and at most 1.
    """
    _check(similarity)
    # Reposts are one text: thousands of copies would make millions of pairs.
    places: dict[str, int] = {}
    copies = [places.setdefault(same_text(text), len(places)) for text in texts]
    if not places:
        return np.zeros(0, dtype=np.int64)
    groups = _linked(list(places), similarity)[copies]
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[group].astype(np.int64)


def near_duplicate_pairs(
    texts: Sequence[str], others: Sequence[str] | None = None, *, similarity: float = 0.6
) -> Iterator[tuple[int, int, float]]:
    """Pairs of near-duplicates, as places in the sequences, with their Jaccard index.

    Args:
        texts: any texts.
        others: compared with each of `texts`; None compares `texts` among themselves, and each pair
            is given once, the earlier text first.
        similarity: as for `near_duplicate_groups`.

    Raises:
        InputError: `similarity` is not above 0 and at most 1.
    """
    _check(similarity)
    keys = [same_text(text) for text in texts]
    other_keys = None if others is None else [same_text(text) for text in others]
    for one, other, alike in _pairs(keys, other_keys, similarity):
        yield from zip(one.tolist(), other.tolist(), alike.tolist(), strict=True)


def _check(similarity: float) -> None:
    if not 0 < similarity <= 1:
        raise InputError(f"similarity is {similarity!r}: it must be above 0 and at most 1")


def _linked(texts: list[str], similarity: float) -> NDArray[np.int64]:
    """A number for each of different texts, equal for those that a chain of pairs links."""
    group = np.arange(len(texts))
    for one, other, _ in _pairs(texts, None, similarity):
        # Only what the pairs so far come to is kept, as a link from each text to its group.
        links = (
            np.concatenate([one, np.arange(len(texts))]),
            np.concatenate([other, np.unique(group, return_index=True)[1][group]]),
        )
        graph = coo_array((np.ones(len(links[0]), dtype=bool), links), shape=(len(texts),) * 2)
        group = connected_components(graph, directed=False)[1]
    return group.astype(np.int64)


def _pairs(
    keys: Sequence[str], others: Sequence[str] | None, similarity: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """Pairs of what `same_text` gave, a block at a time: two places and the Jaccard index."""
    from sklearn.feature_extraction.text import CountVectorizer  # takes seconds to import

    if not keys or (others is not None and not others):
        return
    counter = CountVectorizer(analyzer=_trigrams, binary=True, dtype=np.int32)
    holds = counter.fit_transform(keys)
    held_by = (holds if others is None else counter.transform(others)).T.tocsc()
    size, other_size = np.diff(holds.indptr), np.diff(held_by.indptr)
    if others is not None:  # with the trigrams that only they hold
        other_size = np.array([len(set(_trigrams(key))) for key in others])
    rows = max(1, _PAIRS // held_by.shape[1])
    for start in range(0, len(keys), rows):
        first = start if others is None else 0  # of their pairs each is counted once
        shared = (holds[start : start + rows] @ held_by[:, first:]).tocoo()
        one, other = shared.row + start, shared.col + first
        union = size[one] + other_size[other] - shared.data
        alike = shared.data >= similarity * union - 1e-9
        if others is None:
            alike &= one < other
        yield one[alike], other[alike], (shared.data / union)[alike]


def _trigrams(text: str) -> list[str]:
    return [text[start : start + 3] for start in range(max(1, len(text) - 2))]
