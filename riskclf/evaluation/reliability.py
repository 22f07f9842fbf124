"""How far the risk is from the truth: reliability in bins, calibration error, Brier score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import brier_score_loss

from riskclf.evaluation.figures import Bin, Calibration

if TYPE_CHECKING:
    from riskclf.evaluation.intervals import Intervals
    from riskclf.evaluation.scored import ScoredRows

__all__ = ["calibration_of"]

_BINS = 10
_DRAWS = 1000


def calibration_of(rows: ScoredRows, intervals: Intervals) -> Calibration:
    """Reliability of the risk in ten bins of equal width (DeGroot and Fienberg 1983).

    `ece` is the expected calibration error (Naeini et al. 2015): the mean distance between risk and
    share of risky posts over the bins, weighted by their rows. It is never 0 in small samples:
    `ece_p_value` says how often calibrated risks give as large a one (consistency resampling,
    Broecker and Smith 2007; 1,000 draws; within a bin rows count as equally risky).
    """
    hard, risky = rows.clearly, rows.risky
    if not rows.risk_labels or not hard.any():
        return Calibration((), None, None, None)
    bin_of = np.minimum((rows.risk * _BINS).astype(int), _BINS - 1)
    weight = np.ones(len(rows)) if rows.weight is None else rows.weight
    bins: list[Bin] = []
    masses: list[float] = []
    error = 0.0
    for index in range(_BINS):
        inside = hard & (bin_of == index)
        if not inside.any():
            continue
        mean = float(np.average(rows.risk[inside], weights=weight[inside]))
        share = intervals.proportion(risky, inside)
        assert share.value is not None  # a bin has rows
        bins.append(Bin(index / _BINS, (index + 1) / _BINS, mean, share))
        masses.append(float(weight[inside].sum()))
        error += masses[-1] * abs(mean - share.value)
    brier = brier_score_loss(
        risky[hard], np.clip(rows.risk[hard], 0, 1), sample_weight=weight[hard], pos_label=1
    )
    ece = error / float(weight[hard].sum())
    return Calibration(bins, ece, _calibrated_share(bins, masses, ece), float(brier))


def _calibrated_share(bins: list[Bin], masses: list[float], ece: float) -> float:
    """The share of draws from calibrated risks whose calibration error is `ece` or larger."""
    rng = np.random.default_rng(0)
    errors = np.zeros(_DRAWS)
    for found, mass in zip(bins, masses, strict=True):
        # As many independent rows as the bin's rows, with their weights and families, are worth.
        count = max(1, round(found.share.effective))
        drawn = rng.binomial(count, np.clip(found.risk, 0, 1), size=_DRAWS) / count
        errors += mass * np.abs(drawn - found.risk)
    as_large = int((errors / sum(masses) >= ece - 1e-12).sum())
    return (1 + as_large) / (1 + _DRAWS)
