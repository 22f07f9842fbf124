"""Average precision with an interval that respects families."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskclf.evaluation.figures import Estimate
from riskclf.evaluation.intervals import Intervals, ratio
from riskclf.evaluation.metrics import intervals_of
from riskclf.evaluation.scored import ScoredRows

__all__ = ["average_precision", "average_precision_difference", "average_precision_of"]

Floats = NDArray[np.float64]


def average_precision(
    risk: Floats, risky: NDArray[np.bool_], of: NDArray[np.bool_], intervals: Intervals
) -> Estimate:
    """Average precision as scikit-learn computes it; the interval is that of a mean over labels.

    It takes memory for families times posts: meant for some thousand posts.

    Args:
        risk: of each row, shape (rows,).
        risky: whether it is risky, shape (rows,).
        of: the rows that count, shape (rows,).
        intervals: of these rows, see `riskclf.evaluation.intervals`.

    Returns:
        All None without a risky row.
    """
    return intervals.score(_sums(risk, risky, of, intervals), _area)


def average_precision_difference(
    ours: Floats,
    theirs: Floats,
    risky: NDArray[np.bool_],
    of: NDArray[np.bool_],
    intervals: Intervals,
) -> Estimate:
    """That of our risk less that of theirs on the same rows, paired over families.

    The arguments are those of `average_precision`, with two risks of each row.
    """
    tables = [_sums(risk, risky, of, intervals) for risk in (ours, theirs)]
    cells = tables[0].shape[1]
    return intervals.difference(
        np.concatenate(tables, axis=1), lambda x: _area(x[..., :cells]) - _area(x[..., cells:])
    )


def _sums(
    risk: Floats, risky: NDArray[np.bool_], of: NDArray[np.bool_], intervals: Intervals
) -> Floats:
    """By family; the cells are the risks from the highest to the lowest, benign and risky apart."""
    place = np.unique(-risk, return_inverse=True)[1]
    return intervals.table(of, 2 * place + risky, 2 * int(place.max(initial=0)) + 2)


def _area(sums: Floats) -> Floats:
    """Average precision from such sums, of any leading shape."""
    benign, right = sums[..., 0::2], sums[..., 1::2]
    found = right.cumsum(axis=-1)
    precision = np.nan_to_num(ratio(found, found + benign.cumsum(axis=-1)))
    return ratio((precision * right).sum(axis=-1), found[..., -1])


def average_precision_of(rows: ScoredRows) -> Estimate:
    """Of the risk, on the rows with one clear label."""
    return average_precision(rows.risk, rows.risky, rows.clearly, intervals_of(rows))
