"""What a list of posts will bring: risky posts among those shown, and among those not shown.

Both follow from the model's probabilities at a stated prevalence. The number of risky posts among
posts with given probabilities has a Poisson binomial distribution; its 2.5 % and 97.5 % quantiles
are the interval. Far below the threshold the probabilities are the least certain, so that too few
posts would seem to remain unseen: there, the larger of two estimates counts, the model's own, and
what the stated prevalence leaves after the posts shown. The intervals are those of chance alone.
They hold where the probabilities are right for these posts: `riskclf evaluate` measures that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import convolve
from scipy.stats import binom

from riskclf.evaluation.figures import Estimate
from riskclf.evaluation.wording import as_counts
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Expectation", "expectation_of", "risky_among"]


@dataclass(frozen=True)
class Expectation:
    """Expected numbers of risky posts, with 95 % intervals."""

    cases: int
    """How many cases are shown."""
    right: Estimate
    """Of them, those whose first post is risky."""
    hidden: int
    """How many posts are not shown."""
    unseen: Estimate
    """Of them, those that are risky."""
    prevalence: float
    """The stated share of risky posts."""

    def words(self) -> str:
        """What to expect, in the current language."""
        return _(
            "What to expect, if a share of {prevalence:g} of the posts is risky and the "
            "probabilities are right for them: of the {cases:,} cases, {right} are risky. Of the "
            "{hidden:,} posts that are not shown, {unseen} are risky."
        ).format(
            prevalence=self.prevalence,
            cases=self.cases,
            right=as_counts(self.right),
            hidden=self.hidden,
            unseen=as_counts(self.unseen),
        )


def expectation_of(
    first: Sequence[float], shown: Sequence[float], hidden: Sequence[float], prevalence: float
) -> Expectation:
    """What to expect of a list.

    Args:
        first: probability that the first post of each case is risky.
        shown: that of every post of the cases.
        hidden: that of every post that is not shown.
        prevalence: the stated share of risky posts, at which the probabilities are.
    """
    right, all_shown, rest = (risky_among(x) for x in (first, shown, hidden))
    posts = len(shown) + len(hidden)
    low, high = (float(binom.ppf(x, posts, prevalence)) for x in (0.025, 0.975))
    left = prevalence * posts - (all_shown.value or 0.0)
    return Expectation(
        len(first),
        right,
        len(hidden),
        Estimate(
            max(rest.value or 0.0, left),
            max(0.0, min(rest.low or 0.0, low - (all_shown.high or 0.0))),
            min(float(len(hidden)), max(rest.high or 0.0, high - (all_shown.low or 0.0))),
        ),
        prevalence,
    )


def risky_among(probabilities: Sequence[float]) -> Estimate:
    """The expected number of risky posts, with its 95 % interval.

    Args:
        probabilities: of each post, from 0 to 1.
    """
    chances = np.clip(np.asarray(probabilities, dtype=np.float64), 0.0, 1.0)
    reached = np.cumsum(_distribution(chances))
    low, high = (float(np.searchsorted(reached, x - 1e-9)) for x in (0.025, 0.975))
    value = float(chances.sum())
    return Estimate(value, min(low, value), max(high, value))


def _distribution(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance of each number of hits from 0 on, shape (posts + 1,): halves are convolved."""
    if len(chances) <= 64:
        few = np.ones(1)
        for chance in chances:
            few = np.convolve(few, [1 - chance, chance])
        return few
    middle = len(chances) // 2
    joined: NDArray[np.float64] = convolve(
        _distribution(chances[:middle]), _distribution(chances[middle:])
    )
    # More hits than this are as good as impossible; most chances are tiny.
    return np.trim_zeros(np.where(joined < 1e-15, 0.0, joined), "b")
