"""Is the stream of the same kind as the labelled posts?

Every method here assumes that a risky post of the stream gets the scores that labelled risky posts
get, and that the others get those of the labelled others. Their shares may differ, and do.

**Scores.** The month's posts are counted in ten intervals of the risk, and the shares of the
labelled risky and other posts in them are mixed as the mean score says. What the mixture leaves
unexplained is compared with what it leaves of streams drawn from the labelled posts, as large
(`Labelled.draw_month`): by its Mahalanobis distance, since families move several intervals at once.
A month is unlike if 2 in 1,000 of these streams or fewer are as far away, and the unexplained
posts (half the sum of absolute differences) are more than these streams mostly have, and more than
a twentieth of the estimated risky posts. Risky posts that get the scores of ordinary ones leave no
trace in scores: no test of scores finds them.

**Words.** Where both tables hold the texts: the share of a post's three-character pieces that half
of the labelled posts lack, for posts of the stream and for those of the other half, weighted so
that as many are risky as is estimated. A tenth more than there, and three standard errors more, is
unlike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from riskclf.text import normalise
from riskclf.volume.labelled import Labelled
from riskclf.volume.stream import GRID, Month

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Misfit", "Novelty", "misfits", "novelty"]

_DRAWS = 2000
_INTERVALS = 10
_PROBABILITY, _LEAST = 0.002, 0.05
_NEW_PIECES, _ERRORS = 0.1, 3.0
_PIECE = 3
_POSTS = 1000


@dataclass(frozen=True)
class Misfit:
    """How far the scores of a month are from any mixture of the labelled posts' scores."""

    value: float
    """Unexplained posts as a share of the estimated risky posts."""
    usual: float
    """The median of this for streams drawn from the labelled posts."""
    probability: float
    """Share of these that are as far from a mixture, or farther."""

    @property
    def unlike(self) -> bool:
        """Whether the month is refused."""
        return self.probability <= _PROBABILITY and self.value > max(self.usual, _LEAST)


def misfits(labelled: Labelled, months: Sequence[Month], seed: int = 0) -> list[Misfit]:
    """The misfit of every month, each with a post."""
    rng = np.random.default_rng(seed)
    risk = labelled.is_risk
    classes = np.stack([1 - labelled.risky, labelled.risky], axis=1)
    cells = labelled.cells
    # The ends of the intervals are quantiles of the risky posts: below lie most of the others.
    order = np.argsort(cells, kind="stable")
    mass = np.cumsum((labelled.weight * labelled.risky)[order])
    steps = np.arange(1, _INTERVALS) / _INTERVALS * mass[-1]
    ends = np.unique(cells[order][np.searchsorted(mass, steps)])
    place = np.searchsorted(ends, np.arange(len(GRID)), side="right")
    counted = np.eye(len(ends) + 1)
    soft = labelled.scores[:, risk].sum(axis=1)
    table = labelled.table(classes, np.column_stack([counted[place[cells]], soft]))
    whole = table.sum(axis=0)
    shares, means = whole[:, 1:-1] / whole[:, :1], whole[:, -1] / whole[:, 0]
    drawn = np.tensordot(labelled.draw_month(labelled.draw(_DRAWS, rng), rng), table, axes=1)
    drawn_shares, drawn_means = drawn[..., 1:-1] / drawn[..., :1], drawn[..., -1] / drawn[..., 0]
    result = []
    for month in months:
        mean = np.array(float(month.sums[risk].sum()) / month.posts)
        seen = np.bincount(place, month.grid, len(ends) + 1) / month.posts
        share = _share(mean, means)
        mixed = (1 - share) * drawn_shares[:, 0] + share * drawn_shares[:, 1]
        drawn_mean = (1 - share) * drawn_means[:, 0] + share * drawn_means[:, 1]
        others = rng.multinomial(month.posts, mixed / mixed.sum(axis=1, keepdims=True))
        part = _share(drawn_mean, means)
        left = _left(seen, share, shares)
        drawn_left = _left(others / month.posts, part, shares)
        # What is left adds up to 0: one interval tells nothing more.
        middle = drawn_left[:, 1:].mean(axis=0)
        spread = np.atleast_2d(np.cov(drawn_left[:, 1:], rowvar=False))
        inverse = np.asarray(np.linalg.pinv(spread, hermitian=True), dtype=np.float64)
        distance = _distance(left[None, 1:] - middle, inverse)
        distances = _distance(drawn_left[:, 1:] - middle, inverse)
        sizes = np.abs(drawn_left).sum(axis=1) / 2 / part
        result.append(
            Misfit(
                float(np.abs(left).sum() / 2 / share),
                float(np.median(sizes)),
                float((distances >= distance).mean()),
            )
        )
    return result


def _distance(left: Floats, inverse: Floats) -> Floats:
    found: Floats = ((left @ inverse) * left).sum(axis=1)
    return found


def _share(mean: Floats, means: Floats) -> Floats:
    """The share of risky posts by the mean score, at least one in 100,000."""
    found: Floats = np.clip((mean - means[0]) / (means[1] - means[0]), 1e-5, 1.0)
    return found


def _left(seen: Floats, share: Floats, shares: Floats) -> Floats:
    """What a mixture leaves unexplained in each interval."""
    part = np.asarray(share)[..., None]
    found: Floats = seen - (1 - part) * shares[0] - part * shares[1]
    return found


@dataclass(frozen=True)
class Novelty:
    """How much of the stream's text the labelled posts do not have."""

    stream: float
    """Share of a post's pieces that are new, in the mean."""
    labelled: float
    """The same for labelled posts, against other labelled posts."""
    error: float
    """Standard error of the difference."""

    @property
    def unlike(self) -> bool:
        """Whether the stream is refused."""
        more = self.stream - self.labelled
        return more > _NEW_PIECES and more > _ERRORS * self.error


def novelty(labelled: Labelled, texts: Sequence[str], share: float) -> Novelty | None:
    """Compare the texts of a stream with those of the labelled posts.

    Args:
        labelled: with texts.
        texts: of the stream.
        share: of the stream's posts that is risky.

    Returns:
        None where one of them has no texts.
    """
    if labelled.texts is None or not texts:
        return None
    rng = np.random.default_rng(0)
    half = rng.permutation(labelled.group.max() + 1) % 2 == 0
    known_half = half[labelled.group]
    known: set[str] = set()
    for text in labelled.texts[known_half]:
        known |= _pieces(text)
    chosen = rng.permutation(len(texts))[:_POSTS]
    here = np.array([_new(texts[index], known) for index in chosen])
    others = np.flatnonzero(~known_half)
    others = rng.permutation(others)[:_POSTS]
    there = np.array([_new(text, known) for text in labelled.texts[others]])
    risky = labelled.risky[others]
    weight = labelled.weight[others]
    of_risky, of_rest = (weight * x / max(1e-9, (weight * x).sum()) for x in (risky, 1 - risky))
    weight = share * of_risky + (1 - share) * of_rest
    mean = float(weight @ there)
    errors = np.bincount(labelled.group[others], weight * (there - mean))
    variance = float((errors**2).sum()) + float(here.var()) / len(here)
    return Novelty(float(here.mean()), mean, float(np.sqrt(variance)))


def _pieces(text: str) -> set[str]:
    plain = normalise(text).text.lower()[:_POSTS]
    return {plain[start : start + _PIECE] for start in range(max(1, len(plain) - _PIECE + 1))}


def _new(text: str, known: set[str]) -> float:
    pieces = _pieces(text)
    return len(pieces - known) / len(pieces)
