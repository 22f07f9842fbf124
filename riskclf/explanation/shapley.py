"""Shapley values: what each part of a text adds to a figure, on average over all orders of adding.

They add up to the figure of the whole less that of nothing. Few parts are added in every order,
which is exact; many in some orders drawn at random, each with its reverse (Castro, Gomez and Tejada
2009; Mitchell and others 2022). The orders depend on nothing but the number of parts: the same post
gets the same values.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Orders"]

_ALL_ORDERS = 6
"""Up to so many parts: 64 sets of them."""

_PAIRS, _FEW_PAIRS = 4, 2
"""Orders that are drawn, each with its reverse; the fewer, the more parts there are."""

_SETS = 60
"""About so many sets of parts are computed: somebody waits for an explanation."""


@dataclass(frozen=True, slots=True)
class Orders:
    """The sets of parts whose figures are needed."""

    members: NDArray[np.bool_]
    """Which parts are in each set, shape (sets, parts); the first is empty, the last is all."""
    before: NDArray[np.int64]
    """The set before each part is added, shape (orders, parts)."""
    after: NDArray[np.int64]
    """The set after it, likewise."""

    @classmethod
    def of(cls, parts: int) -> Orders:
        """For so many parts, 0 too."""
        if parts <= _ALL_ORDERS:
            orders = np.array([*itertools.permutations(range(parts))], dtype=np.int64)
        else:
            rng = np.random.default_rng(parts)
            pairs = min(_PAIRS, max(_FEW_PAIRS, _SETS // (2 * parts)))
            drawn = np.array([rng.permutation(parts) for _ in range(pairs)])
            orders = np.concatenate([drawn, drawn[:, ::-1]])
        # The place of each part in each order says in which sets it is.
        place = np.argsort(orders, axis=1)
        sizes = np.arange(parts + 1)
        sets = place[:, None, :] < sizes[None, :, None]
        members, which = np.unique(
            sets.reshape(len(orders) * (parts + 1), parts), axis=0, return_inverse=True
        )
        numbers = which.reshape(len(orders), parts + 1)
        rows = np.arange(len(orders))[:, None]
        return cls(members, numbers[rows, place], numbers[rows, place + 1])

    def values(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each part adds.

        Args:
            figures: of each set, shape (sets, ...).

        Returns:
            Shape (parts, ...).
        """
        found: NDArray[np.float64] = (figures[self.after] - figures[self.before]).mean(axis=0)
        return found
