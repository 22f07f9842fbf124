"""How sure a figure is: 95 % intervals and paired tests that respect families.

Posts of one family are right and wrong together, so they tell less than as many independent posts.

**A proportion** gets Wilson's score interval (Wilson 1927), with the effective number of rows in
place of their number. It is made from the rows in three steps:

1. Weights: (sum w)^2 / sum w^2 rows (Kish 1965).
2. Families: that number divided by the design effect. The design effect is that of the linearised
   variance of the share over families (Taylor series; Woodruff 1971). A variance of a few families
   with hits is itself unsure, and with no hits (or nothing but hits) it cannot be estimated. So it
   is averaged with the design effect that an intra-class correlation of 0.3 gives families of these
   sizes, 1 + 0.3 (m - 1), where m is their mean size weighted by size. This counts as much as 4
   families; the rows' own estimate counts as much as there are families with a hit, or with a miss
   if these are fewer, less 1. A design effect below 1 is taken for 1: the interval is never
   narrower than that of as many independent rows, even where posts of a family differ more than
   chance would have it.
3. Degrees of freedom: multiplied by (t(n - 1) / t(G - 1))^2, for n rows of G families (Korn and
   Graubard 1998).

Rows without families are families of their own, so that steps 2 and 3 change nothing.

**A mean over labels**, such as macro-F1, gets the same interval, where the effective number of rows
is the one that its variance implies. **A difference** gets its value plus and minus t(G - 1)
standard errors. Both variances are those of the jackknife that leaves out one family at a time
(Wolter 2007).

**How often they hold the truth.** ``python -m tests.evaluation.coverage`` prints it for 8 to 100
families of up to 30 posts, rates from 0.02 to 0.9 and intra-class correlations from 0 to 0.3: on
average 97 %, and at least 90 %. The price: where posts of a family are in truth independent, the
intervals of 8 families are 2.6 times as wide as need be, and those of 100 families 1.2 times. At an
intra-class correlation of 0.6 they hold the truth in 92 % on average, and in 84 % at least.
Wilson's interval of independent rows
covers 94 to 96.5 % on average over rates from 0.1 to 0.9; at a single rate it may cover 93 %, below
one expected hit or miss as little as 84 %. And no interval knows that the posts were chosen in
another way than those of the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import convolve
from scipy.stats import beta, binom, norm
from scipy.stats import t as student

from riskclf.evaluation.figures import Estimate, PairedTest, Proportion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = ["Intervals", "mcnemar", "of_draws", "precision_at", "ratio", "wilson"]

_CORRELATION, _WORTH = 0.3, 4
"""The intra-class correlation that is assumed beforehand, and how many families it counts as."""

_MAX_GROUPS = 1000
_TAILS = (2.5, 97.5)
_NORMAL = 1.959964
"""The 97.5 % quantile of the normal distribution, which Wilson's interval uses."""


def wilson(hits: float, of: float) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927); without any rows it is 0 to 1.

    Written out because SciPy's takes whole numbers, and effective numbers of rows are not whole.
    """
    if of <= 0:
        return 0.0, 1.0
    share = hits / of
    quantile = _normal_quantile()
    squared = quantile**2
    scale = 1 + squared / of
    centre = (share + squared / (2 * of)) / scale
    width = quantile * np.sqrt(share * (1 - share) / of + squared / (4 * of**2)) / scale
    # Rounding may leave the estimate itself just outside when it is 0 or 1.
    return max(0.0, min(float(centre - width), share)), min(1.0, max(float(centre + width), share))


@cache
def _normal_quantile() -> float:
    """The 97.5 % quantile of the normal distribution, to the last digit."""
    return float(norm.isf(0.025))


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
        self._weight = np.ones(count) if weight is None else weight
        self._family: NDArray[np.int64] | None = None
        self.families = 0
        if family is not None:
            names, self._family = np.unique(family, return_inverse=True)
            self.families = len(names)
        self._group: NDArray[np.int64] | None = None

    def proportion(self, hits: Flags, of: Flags) -> Proportion:
        """The share of `hits` among the rows `of`, both of shape (rows,).

        Without rows its value is None, and its interval 0 to 1.
        """
        weight, hit = self._weight[of], hits[of]
        count, total = len(weight), float(weight.sum())
        family = None if self._family is None else self._family[of]
        families = None if family is None else int((np.bincount(family) > 0).sum())
        if not count:
            return Proportion(0, 0, None, 0.0, 1.0, 0.0, families)
        share = min(1.0, float(weight[hit].sum()) / total)
        effective = total**2 / float((weight**2).sum())
        if family is not None:
            effective = _effective(weight, hit, family, share, effective)
        low, high = wilson(share * effective, effective)
        return Proportion(int(hit.sum()), count, share, low, high, effective, families)

    def table(self, rows: Flags, code: NDArray[np.int64] | None = None, size: int = 1) -> Floats:
        """Sums of weights of the chosen rows for every group that is left out as a whole.

        Args:
            rows: which rows count, shape (rows,).
            code: a cell from 0 to `size` - 1 for each row, shape (rows,).
            size: number of cells.

        Returns:
            Shape (groups,), or (groups, size) where `code` is given. A group is a family (a row,
            where there are no families), or of more than 1,000 of these some drawn at random.
        """
        group = self._groups()
        groups = int(group.max(initial=0)) + 1
        if code is None:
            return np.bincount(group[rows], self._weight[rows], groups).astype(np.float64)
        where = group[rows] * size + code[rows]
        sums = np.bincount(where, self._weight[rows], groups * size).astype(np.float64)
        return sums.reshape(-1, size)

    def score(self, table: Floats, function: Callable[[Floats], Floats]) -> Estimate:
        """A figure between 0 and 1 that is a function of sums, with its interval.

        Args:
            table: see `table`, shape (groups, cells); several may stand beside each other.
            function: from sums of shape (..., cells) to the figure, shape (...,).

        Returns:
            All None where the rows do not determine the figure. Where no group changes the figure,
            as when all is right, low and high are the value: the rows tell nothing of its variance.
        """
        value, error, quantile = _jackknife(table, function)
        if np.isnan(value):
            return Estimate(None, None, None)
        if np.isnan(error):
            return Estimate(value, 0.0, 1.0)
        if error == 0 or not 0 < value < 1:
            return Estimate(value, value, value)
        effective = value * (1 - value) / (error * quantile / _NORMAL) ** 2
        return Estimate(value, *wilson(value * effective, effective))

    def difference(self, table: Floats, function: Callable[[Floats], Floats]) -> Estimate:
        """A difference of two shares that is a function of sums, with its interval.

        Arguments and result are those of `score`, but between -1 and 1.
        """
        value, error, quantile = _jackknife(table, function)
        if np.isnan(value):
            return Estimate(None, None, None)
        reach = 2.0 if np.isnan(error) else error * quantile
        return Estimate(value, max(-1.0, value - reach), min(1.0, value + reach))

    def share_difference(self, ours: tuple[Flags, Flags], theirs: tuple[Flags, Flags]) -> Estimate:
        """The paired difference of two shares, each given as (rows that hit, rows that count)."""
        parts = [x for hits, of in (ours, theirs) for x in (hits & of, of)]
        table = np.stack([self.table(part) for part in parts], axis=1)
        return self.difference(
            table, lambda x: ratio(x[..., 0], x[..., 1]) - ratio(x[..., 2], x[..., 3])
        )

    def _groups(self) -> NDArray[np.int64]:
        """The group of each row, shape (rows,)."""
        if self._group is None:
            rows = np.arange(len(self._weight)) if self._family is None else self._family
            units = len(rows) if self._family is None else self.families
            # Many families are put together at random (random groups: Wolter 2007): the groups are
            # as independent, and the work does not grow with their number.
            order = np.random.default_rng(0).permutation(units)
            self._group = (order[rows] % _MAX_GROUPS).astype(np.int64)
        return self._group


def _effective(
    weight: Floats, hit: Flags, family: NDArray[np.int64], share: float, rows: float
) -> float:
    """How many independent rows tell as much; see the module's documentation.

    Args:
        weight: of each row that counts, shape (rows,).
        hit: likewise.
        family: likewise.
        share: the weighted share of hits.
        rows: the effective number of rows if they were independent.
    """
    members = np.bincount(family)
    present = members > 0
    masses = np.bincount(family, weight)[present]
    hits = np.bincount(family, hit)[present].astype(np.int64)
    families = len(masses)
    size = float((masses**2).sum() / (weight**2).sum())
    effect = 1 + _CORRELATION * (size - 1)
    evidence = min(int((hits > 0).sum()), int((hits < members[present]).sum())) - 1
    if evidence > 0:
        deviations = np.bincount(family, weight * (hit - share))[present] / masses.sum()
        variance = families / (families - 1) * float((deviations**2).sum())
        measured = variance * (rows - 1) / (share * (1 - share))
        effect = (evidence * measured + _WORTH * effect) / (evidence + _WORTH)
    quantiles = _quantile(len(weight) - 1) / _quantile(families - 1)
    return rows / max(1.0, effect) * quantiles**2


def _jackknife(table: Floats, function: Callable[[Floats], Floats]) -> tuple[float, float, float]:
    """Value, standard error (nan if it rests on one group), and the quantile that belongs to it."""
    total = table.sum(axis=0)
    value = float(function(total))
    counting = table[table.any(axis=1)]
    groups = len(counting)
    left = total - counting
    # Weights that cancel out leave a rest of rounding.
    left = function(np.where(left < 1e-9 * total, 0.0, left))
    error = float(np.sqrt((groups - 1) / max(groups, 1) * ((left - value) ** 2).sum()))
    return value, error if groups > 1 else float("nan"), _quantile(groups - 1)


@cache
def _quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t."""
    return float(student.ppf(0.975, max(1, degrees)))


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
    value = None
    if recall.value is not None and false_positive_rate.value is not None:
        right_alarms = prevalence * recall.value
        alarms = right_alarms + (1 - prevalence) * false_positive_rate.value
        value = right_alarms / alarms if alarms > 0 else None
    return of_draws(value, right / (right + wrong))


def of_draws(value: float | None, draws: Floats) -> Estimate:
    """A value with the middle 95 % of its draws, which always holds the value.

    Args:
        value: None where it is unknown.
        draws: shape (draws,).
    """
    low, high = np.percentile(draws, _TAILS).tolist()
    if value is None:
        return Estimate(None, low, high)
    value = float(value)
    return Estimate(value, min(low, value), max(high, value))


def mcnemar(ours: Flags, theirs: Flags, family: NDArray[np.int64] | None = None) -> PairedTest:
    """An exact paired test: do two classifiers hit equally often on the same rows?

    If they do, it is as likely as not that in any family the two change places. So the p-value is
    the probability that the hits differ by as much as they do, or more, when a coin is tossed for
    each family (randomisation test; for families of one row this is the exact test of McNemar
    1947). All outcomes are counted, none is drawn. Weights are not used.

    Args:
        ours: where the first one hits, shape (rows,).
        theirs: where the second one does.
        family: number of each row's family, from 0, shape (rows,); None takes rows for independent.
    """
    both, neither = int((ours & theirs).sum()), int((~ours & ~theirs).sum())
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    more = ours.astype(np.int64) - theirs
    if family is not None and len(family):
        more = np.rint(np.bincount(family, more)).astype(np.int64)
    differences, counts = np.unique(np.abs(more[more != 0]), return_counts=True)
    # The distribution of the sum of all differences with random signs, one size after the other.
    chances = np.ones(1)
    for difference, count in zip(differences.tolist(), counts.tolist(), strict=True):
        own = np.zeros(2 * difference * count + 1)
        own[:: 2 * difference] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = convolve(chances, own)
    middle = len(chances) // 2
    sums = np.abs(np.arange(len(chances)) - middle)
    p_value = float(chances[sums >= abs(int(more.sum()))].sum())
    return PairedTest(both, only_ours, only_theirs, neither, min(1.0, max(0.0, p_value)))


def ratio(part: Floats, whole: Floats) -> Floats:
    """`part` / `whole` of any one shape, nan where that is 0 / 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = np.asarray(part / whole, dtype=float)
    return result
