"""How sure a figure is: 95 % intervals and paired tests.

Which interval a proportion gets:

- **Wilson's score interval** (Wilson 1927) where rows are independent. With weights, hits and total
  are scaled to the effective sample size of Kish (1965), (sum w)^2 / sum w^2.
- Where rows come in **families** and 40 or more of them count for the figure, whole families are
  drawn with replacement (cluster bootstrap: Efron 1979; Davison and Hinkley 1997, section 3.8), and
  the percentile interval is widened to Wilson's where that reaches further. The bootstrap alone is
  far too narrow near 0 and 1. With fewer families rows are taken for independent: too narrow when
  the posts of a family are right and wrong together.

F1 gets the interval of a proportion too, see `riskclf.evaluation.metrics`. Other figures (macro means,
differences) get the percentile interval of the same bootstrap, over families where there are 40 of
them, over rows otherwise.

**Where the 95 % do not hold.** Averaged over true rates from 0.1 to 0.9, Wilson's interval covers
94 to 96.5 % from 100 rows on (by the binomial distribution: 95.0 %). At a single rate it may cover
93 %, below one expected hit or miss as little as 84 %. A bootstrap of a handful of rows cannot
show what they lack: macro figures of a few dozen rows are surer than they should be. And no
interval knows that the posts were chosen in another way than those of the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import beta
from statsmodels.stats.contingency_tables import mcnemar as _mcnemar
from statsmodels.stats.proportion import proportion_confint

from riskclf.evaluation.figures import Estimate, PairedTest, Proportion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = ["MIN_FAMILIES", "Intervals", "mcnemar", "precision_at", "ratio", "wilson"]

MIN_FAMILIES = 40
"""From this many on, families are drawn; fewer say too little about how families differ."""

_DRAWS = 1000
_MAX_GROUPS = 1000
_TAILS = (2.5, 97.5)


def wilson(hits: float, of: float) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927); without any rows it is 0 to 1."""
    if of <= 0:
        return 0.0, 1.0
    low, high = proportion_confint(hits, of, alpha=0.05, method="wilson")
    # Rounding may leave the estimate itself just outside when it is 0 or 1.
    return max(0.0, min(float(low), hits / of)), min(1.0, max(float(high), hits / of))


class Intervals:
    """Makes the intervals of all figures on one set of rows.

    Args:
        count: number of rows.
        weight: of each row, above 0, shape (rows,); None counts each row once.
        family: number of each row's family, from 0, shape (rows,); None takes rows for independent.
    """

    def __init__(
        self, count: int, weight: Floats | None = None, family: NDArray[np.int64] | None = None
    ) -> None:
        self._count = count
        self._weight = weight
        self._family = family
        self.families = 0 if family is None else len(np.unique(family))
        self._by_family = self.families >= MIN_FAMILIES
        self._cached: tuple[NDArray[np.int64], Floats] | None = None

    def proportion(self, hits: Flags, of: Flags) -> Proportion:
        """The share of `hits` among the rows `of`, both of shape (rows,).

        Without rows its value is None, and its interval 0 to 1.
        """
        hits = hits & of
        weight = np.ones(int(of.sum())) if self._weight is None else self._weight[of]
        total = float(weight.sum())
        count = int(hits.sum())
        families = None if self._family is None else len(np.unique(self._family[of]))
        if not len(weight):
            return Proportion(0, 0, None, 0.0, 1.0, 0.0, families)
        share = float(weight[hits[of]].sum()) / total
        effective = total**2 / float((weight**2).sum())
        low, high = wilson(share * effective, effective)
        if families is not None and families >= MIN_FAMILIES:
            table = np.stack([self.table(hits), self.table(of)], axis=1)
            draws = self._draws(table, lambda sums: ratio(sums[..., 0], sums[..., 1]))
            below, above = np.nanpercentile(draws, _TAILS)
            low, high = min(low, float(below)), max(high, float(above))
            spread = float(np.nanvar(draws))
            if spread > 0:
                effective = min(effective, share * (1 - share) / spread)
        return Proportion(count, len(weight), share, low, high, effective, families)

    def table(self, rows: Flags, code: NDArray[np.int64] | None = None, size: int = 1) -> Floats:
        """Sums of weights of the chosen rows for every group that is drawn as a whole.

        Args:
            rows: which rows count, shape (rows,).
            code: a cell from 0 to `size` - 1 for each row, shape (rows,).
            size: number of cells.

        Returns:
            Shape (groups,), or (groups, size) where `code` is given.
        """
        group, draws = self._resampling()
        weight = None if self._weight is None else self._weight[rows]
        cells = draws.shape[1] * size
        if code is None:
            return np.bincount(group[rows], weight, cells).astype(float)
        where = group[rows] * size + code[rows]
        return np.bincount(where, weight, cells).astype(float).reshape(-1, size)

    def statistic(self, table: Floats, function: Callable[[Floats], Floats]) -> Estimate:
        """A figure that is a function of sums, with its percentile bootstrap interval.

        Args:
            table: see `table`, shape (groups, cells); several may stand beside each other.
            function: from sums of shape (..., cells) to the figure, shape (...,); nan is left out.

        Returns:
            All None where the rows do not determine the figure.
        """
        value = float(function(table.sum(axis=0)))
        draws = self._draws(table, function)
        if np.isnan(value) or np.isnan(draws).all():
            return Estimate(None, None, None)
        low, high = np.nanpercentile(draws, _TAILS)
        return Estimate(value, float(low), float(high))

    def _draws(self, table: Floats, function: Callable[[Floats], Floats]) -> Floats:
        return function(self._resampling()[1] @ table)

    def _resampling(self) -> tuple[NDArray[np.int64], Floats]:
        """The group of each row, and how often each group is drawn, shape (draws, groups)."""
        if self._cached is None:
            rng = np.random.default_rng(0)
            if self._by_family and self._family is not None:
                unit = np.unique(self._family, return_inverse=True)[1]
                units = self.families
            else:
                unit, units = np.arange(self._count), self._count
            groups = max(1, min(units, _MAX_GROUPS))
            # Many families are put together at random and drawn as groups (random groups: Wolter
            # 2007): the groups are as independent, and the work does not grow with their number.
            group = rng.permutation(units)[unit] % groups
            draws = rng.multinomial(groups, np.full(groups, 1 / groups), size=_DRAWS)
            self._cached = group.astype(np.int64), draws.astype(float)
        return self._cached


def precision_at(
    prevalence: float, recall: Proportion, false_positive_rate: Proportion
) -> Estimate:
    """The share of alarms that are right where risky posts have another share than in the rows.

    By Bayes' rule from the two rates, which hold for any base rate as long as risky and ordinary
    posts look as they do here. The interval takes the uncertainty of both rates in: 20,000 draws
    from their Jeffreys posteriors (Mossman and Berger 2001), with the effective numbers of rows.

    Args:
        prevalence: share of risky posts in the stream, between 0 and 1.
        recall: of the alarms.
        false_positive_rate: likewise.

    Returns:
        The value is None where one of the rates is unknown or no alarm was seen;
        where no false alarm was seen it is 1, and `low` says what that is worth.
    """
    rng = np.random.default_rng(0)
    rates = []
    for rate in (recall, false_positive_rate):
        hits = (rate.value or 0.0) * rate.effective
        posterior = beta(hits + 0.5, rate.effective - hits + 0.5)
        rates.append(posterior.rvs(20_000, random_state=rng))
    right, wrong = prevalence * rates[0], (1 - prevalence) * rates[1]
    low, high = np.percentile(right / (right + wrong), _TAILS)
    value = None
    if recall.value is not None and false_positive_rate.value is not None:
        right_alarms = prevalence * recall.value
        alarms = right_alarms + (1 - prevalence) * false_positive_rate.value
        value = right_alarms / alarms if alarms > 0 else None
    if value is not None:
        low, high = min(low, value), max(high, value)
    return Estimate(value, float(low), float(high))


def mcnemar(ours: Flags, theirs: Flags) -> PairedTest:
    """The exact test of McNemar (1947): do two classifiers hit equally often on the same rows?

    It takes rows for independent; weights are not used.

    Args:
        ours: where the first one hits, shape (rows,).
        theirs: where the second one does.
    """
    both, only_ours = int((ours & theirs).sum()), int((ours & ~theirs).sum())
    only_theirs, neither = int((~ours & theirs).sum()), int((~ours & ~theirs).sum())
    p_value = 1.0
    if only_ours + only_theirs:
        tested = _mcnemar([[both, only_ours], [only_theirs, neither]], exact=True)
        p_value = min(1.0, float(tested.pvalue))
    return PairedTest(both, only_ours, only_theirs, neither, p_value)


def ratio(part: Floats, whole: Floats) -> Floats:
    """`part` / `whole` of any one shape, nan where that is 0 / 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = np.asarray(part / whole, dtype=float)
    return result
