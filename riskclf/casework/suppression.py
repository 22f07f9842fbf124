"""Suppresses small numbers of a table so that they cannot be computed from the others.

A number from 1 to one below the limit is suppressed: it may be about a single child. Zeros are
shown. What is left must not give a suppressed number away: a row that lacks one number is its total
less the others. So further numbers are suppressed, until every small number could be another by
one, whatever the reader computes from all totals of all tables that share them, knowing that a
suppressed number is 1 or more. For each small number, linear programming finds the change of the
table that moves it by one and the least of what is shown; all that this change moves is suppressed
(Kelly, Golden and Assad 1992).

It does not protect against two editions of the same table with other cases in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sum", "suppressed"]

Sum = tuple[int, Sequence[int]]
"""A total and its parts, as places of numbers."""
_EXACT = 1e-6


def suppressed(numbers: Sequence[int], sums: Sequence[Sum], below: int) -> NDArray[np.bool_]:
    """Which numbers must not be shown.

    Args:
        numbers: all that a reader would see, each 0 or more; totals are among them.
        sums: what adds up.
        below: numbers from 1 to below this are small.

    Returns:
        Shape (numbers,).
    """
    values = np.asarray(numbers, dtype=np.float64)
    matrix = _matrix(sums, len(values))
    small = (values > 0) & (values < below)
    hidden = small.copy()
    safe = np.zeros(len(values), dtype=bool)
    for place in np.flatnonzero(small).tolist():
        if not safe[place]:
            change = np.abs(_change(values, matrix, hidden, place))
            hidden |= change > _EXACT
            safe |= change >= 1 - _EXACT
    return hidden


def _matrix(sums: Sequence[Sum], size: int) -> csr_array:
    matrix = np.zeros((len(sums), size))
    for row, (total, parts) in enumerate(sums):
        matrix[row, list(parts)] = 1
        matrix[row, total] = -1
    return csr_array(matrix)


def _change(
    values: NDArray[np.float64], matrix: csr_array, hidden: NDArray[np.bool_], place: int
) -> NDArray[np.float64]:
    """A change of the numbers that no sum sees: this one by one, of those shown the smallest.

    Zeros stay zero, and the others 1 or more.
    """
    used = np.flatnonzero(values)
    cost = np.where(hidden[used], 0.0, values[used])
    own = np.flatnonzero(used == place)
    # Numbers go up (first half) or down (second half).
    top = np.concatenate([np.full(len(used), np.inf), values[used] - 1])
    matrix = matrix[:, used]
    for up in (True, False):
        low = np.zeros_like(top)
        high = top.copy()
        ways = own if up else own + len(used)
        if high[ways].min() < 1:
            continue
        low[ways] = high[ways] = 1.0
        high[own + len(used) if up else own] = 0.0
        found = linprog(
            np.concatenate([cost, cost]),
            A_eq=hstack([matrix, -matrix]),
            b_eq=np.zeros(matrix.shape[0]),
            bounds=np.stack([low, high], axis=1),
            method="highs",
        )
        if found.success:
            change = np.zeros(len(values))
            change[used] = found.x[: len(used)] - found.x[len(used) :]
            return change
    raise AssertionError("a number and its totals can always grow by one")
