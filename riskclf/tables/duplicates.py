"""Which texts say the same: near-duplicates, by the character trigrams that they share.

Two texts are near-duplicates when the Jaccard index of their sets of trigrams reaches 0.6 (Broder
1997 calls it resemblance). Compared is the normalised text (`riskclf.text`) in lower case, without
white space; one that is shorter than three characters is compared as a whole. The comparison is
exact: every pair that shares a trigram is counted, a block of texts at a time, so that memory grows
with the number of texts and not with that of the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from riskclf.errors import InputError
from riskclf.text import normalise

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["near_duplicate_groups", "same_text"]

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
    if not 0 < similarity <= 1:
        raise InputError(f"similarity is {similarity!r}: it must be above 0 and at most 1")
    # Reposts are one text: thousands of copies would make millions of pairs.
    places: dict[str, int] = {}
    copies = [places.setdefault(same_text(text), len(places)) for text in texts]
    if not places:
        return np.zeros(0, dtype=np.int64)
    groups = _linked(list(places), similarity)[copies]
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[group].astype(np.int64)


def _linked(texts: list[str], similarity: float) -> NDArray[np.int64]:
    """A number for each of different texts, equal for those that a chain of pairs links."""
    from sklearn.feature_extraction.text import CountVectorizer  # takes seconds to import

    holds = CountVectorizer(analyzer=_trigrams, binary=True, dtype=np.int32).fit_transform(texts)
    held_by = holds.T.tocsr()
    sizes = np.diff(holds.indptr)
    group = np.arange(len(texts))
    rows = max(1, _PAIRS // len(texts))
    for start in range(0, len(texts), rows):
        shared = (holds[start : start + rows] @ held_by[:, start:]).tocoo()
        one, other = shared.row + start, shared.col + start
        union = sizes[one] + sizes[other] - shared.data
        alike = (one < other) & (shared.data >= similarity * union - 1e-9)
        # Only what the pairs so far come to is kept, as a link from each text to its group.
        links = (
            np.concatenate([one[alike], np.arange(len(texts))]),
            np.concatenate([other[alike], np.unique(group, return_index=True)[1][group]]),
        )
        graph = coo_array((np.ones(len(links[0]), dtype=bool), links), shape=(len(texts),) * 2)
        group = connected_components(graph, directed=False)[1]
    return group.astype(np.int64)


def same_text(text: str) -> str:
    """What is compared of a text: equal for texts that differ in width, case or blanks only."""
    return "".join(normalise(text).text.lower().split())


def _trigrams(text: str) -> list[str]:
    return [text[start : start + 3] for start in range(max(1, len(text) - 2))]
