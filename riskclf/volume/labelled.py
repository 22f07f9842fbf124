"""Labelled posts with scores: from them the classifier's own error is measured.

**Draws.** The error of rates measured on some posts is drawn by the Bayesian bootstrap (Rubin
1981): each group of posts gets a random weight. A group is a family where families are named,
since posts of one family are right and wrong together. This error is the same in all months. The
posts of a month are other scenarios than the labelled ones; that theirs differ by chance from all
there are, as ours do, is a second part of the error, and every month has its own. So for each month
as many families as were labelled are drawn once more from the weighted ones (a Polya urn; finite
population Bayesian bootstrap, Lo 1988). Posts without a family are taken for a random sample of the
stream itself, which has no second part.

**What was never seen.** Where 0 of 500 benign posts were flagged, every draw would say that none
ever is. So each class gets half a post of every outcome (the prior of Jeffreys), which counts as
much as posts of one family do: 1 + 0.3 (m - 1) posts, where m is the mean family size, as in
`riskclf.evaluation.intervals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from riskclf.errors import EvaluationError, InputError
from riskclf.evaluation.figures import Proportion
from riskclf.evaluation.intervals import Intervals
from riskclf.evaluation.scored import ScoredRows, read_rows
from riskclf.labels import DECISIONS
from riskclf.progress import Callback
from riskclf.tables import UNCLEAR, Columns, Data, Reject
from riskclf.volume.stream import crisp, grid_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "FEWEST_BENIGN",
    "FEWEST_FAMILIES",
    "FEWEST_RISKY",
    "Labelled",
    "groups_of",
    "labelled_of",
    "read_labelled_scores",
]

FEWEST_RISKY, FEWEST_BENIGN, FEWEST_FAMILIES = 50, 200, 20
"""Labelled posts that are needed, and families of the risky ones, where families are named; a post
without one counts as one."""

_CORRELATION = 0.3
_MAX_FAMILIES, _MAX_LONE = 1000, 400


@dataclass(frozen=True)
class Labelled:
    """Scored posts with a gold label; arrays are in the order of the posts."""

    labels: tuple[str, ...]
    risk_labels: tuple[str, ...]
    target: Floats
    """Share of each label, shape (posts, labels): 1 for a clear label, halves for two labels."""
    scores: Floats
    """Shape (posts, labels)."""
    flagged: NDArray[np.bool_]
    weight: Floats
    family: NDArray[np.int64]
    """Number of its family, -1 where it has none."""
    group: NDArray[np.int64]
    """Posts of one group are weighted together in a draw, shape (posts,)."""
    families: int
    """How many of the groups are families; these come first."""
    texts: NDArray[np.object_] | None = field(default=None, repr=False)
    unclear: int = 0
    """Posts that were left out since their gold label is just `unclear`."""
    rejects: tuple[Reject, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def is_risk(self) -> NDArray[np.bool_]:
        """Which labels are risks, shape (labels,)."""
        return np.isin(self.labels, self.risk_labels)

    @property
    def risky(self) -> Floats:
        """The share of risk in the gold label, shape (posts,)."""
        found: Floats = self.target[:, self.is_risk].sum(axis=1)
        return found

    @property
    def cells(self) -> NDArray[np.int64]:
        """Cell of `riskclf.volume.stream.GRID` of each post, shape (posts,)."""
        return grid_cells(self.scores[:, self.is_risk].sum(axis=1))

    def grouped(self) -> NDArray[np.int64]:
        """`family`, with a number of its own for each post that has none."""
        lone = self.family < 0
        found = self.family.copy()
        found[lone] = self.family.max(initial=-1) + 1 + np.arange(int(lone.sum()))
        return found

    def crisp(self) -> Floats:
        """See `riskclf.volume.stream.crisp`."""
        return crisp(self.scores, self.flagged, self.is_risk)

    def rates(self) -> dict[str, Proportion]:
        """Shares of the labelled posts that are flagged: of the risky ones and of the others."""
        intervals = Intervals(len(self), self.weight, self.grouped() if self.families else None)
        risky = self.risky > 0.5
        return {
            "risky": intervals.proportion(self.flagged, risky),
            "benign": intervals.proportion(self.flagged, self.risky < 0.5),
        }

    def check_size(self) -> None:
        """Refuse too few posts.

        Raises:
            EvaluationError: there are fewer than `FEWEST_RISKY`, `FEWEST_BENIGN` or
                `FEWEST_FAMILIES`; says how many are needed.
        """
        risky = self.risky > 0.5
        families = len(np.unique(self.grouped()[risky]))
        counts = [
            (int(risky.sum()), FEWEST_RISKY, "risky posts"),
            (int((self.risky < 0.5).sum()), FEWEST_BENIGN, "posts that are not risky"),
        ]
        if self.families:
            counts.append((families, FEWEST_FAMILIES, "families of risky posts"))
        for count, needed, what in counts:
            if count < needed:
                raise EvaluationError(
                    f"the labelled posts hold {count:,} {what}, and {needed:,} are needed to "
                    "measure the classifier's error: label more posts drawn at random from this "
                    "stream"
                )

    def table(self, classes: Floats, features: Floats) -> Floats:
        """Sums by group, to which weights can be given.

        Args:
            classes: share of each class, shape (posts, classes).
            features: shape (posts, features).

        Returns:
            Shape (groups, classes, 1 + features); the first is the number of posts.
        """
        groups = int(self.group.max()) + 1
        beside = np.concatenate([np.ones((len(self), 1)), features], axis=1)
        found = np.zeros((groups, classes.shape[1], beside.shape[1]))
        for index in range(classes.shape[1]):
            part = beside * (self.weight * classes[:, index])[:, None]
            np.add.at(found[:, index], self.group, part)
        return found

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Weights of all groups, shape (count, groups): the first part of the error."""
        return rng.gamma(1.0, size=(count, int(self.group.max()) + 1))

    def draw_month(self, weights: Floats, rng: np.random.Generator) -> Floats:
        """The weights of `draw` for one month, whose scenarios are drawn from them."""
        if not self.families:
            return weights
        own = weights[:, : self.families]
        total = own.sum(axis=1, keepdims=True)
        found = weights.copy()
        drawn = rng.multinomial(self.families, own / total)
        found[:, : self.families] = drawn * (total / self.families)
        return found

    def unseen(self, classes: Floats) -> Floats:
        """How much one post of each class counts that nobody saw, shape (classes,)."""
        found = np.zeros(classes.shape[1])
        family = np.unique(self.grouped(), return_inverse=True)[1]
        for index in range(classes.shape[1]):
            mass = self.weight * classes[:, index]
            squares = float((mass**2).sum())
            size = float((np.bincount(family, mass) ** 2).sum()) / squares
            found[index] = squares / mass.sum() * (1 + _CORRELATION * max(0.0, size - 1))
        return found


def labelled_of(
    rows: ScoredRows, rejects: tuple[Reject, ...] = (), rng: np.random.Generator | None = None
) -> Labelled:
    """Posts with a label for the methods, from rows as `riskclf.evaluate` reads them.

    A post with two possible labels counts half for each. One that is only `unclear` is left out.

    Raises:
        EvaluationError: no post has a label.
    """
    target = np.zeros((len(rows), len(rows.labels)))
    clear = rows.clearly
    target[np.flatnonzero(clear), rows.gold[clear]] = 1.0
    for code, kind in enumerate(rows.kind.names):
        parts = [rows.labels.index(name) for name in kind.split("+") if name in rows.labels]
        if parts:
            target[np.ix_(~clear & (rows.kind.codes == code), parts)] = 1 / len(parts)
    known = target.sum(axis=1) > 0
    if not known.any():
        raise EvaluationError(f"no labelled post has a label but '{UNCLEAR}'")
    kept = rows.only(known)
    rng = rng or np.random.default_rng(0)
    family = np.full(len(kept), -1) if kept.family is None else kept.family.codes
    group, families = groups_of(family, rng)
    return Labelled(
        rows.labels,
        rows.risk_labels,
        target[known],
        kept.scores,
        kept.decision == DECISIONS.index("flag"),
        np.ones(len(kept)) if kept.weight is None else kept.weight,
        family,
        group,
        families,
        kept.text,
        int((~known).sum()),
        rejects,
    )


def groups_of(family: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], int]:
    """Number of each post's group, and how many groups are families; lone posts come after them.

    Many lone posts, or families, are put together at random: groups as independent, and the work
    does not grow with their number (random groups, Wolter 2007).
    """
    named = family >= 0
    group = np.zeros(len(family), dtype=np.int64)
    found, codes = np.unique(family[named], return_inverse=True)
    families = min(len(found), _MAX_FAMILIES)
    if families:
        group[named] = rng.permutation(len(found))[codes] % _MAX_FAMILIES
    lone = int((~named).sum())
    group[~named] = families + rng.permutation(lone) % _MAX_LONE
    return group, families


def read_labelled_scores(
    data: Data,
    *,
    columns: Columns,
    label_map: Mapping[str, str],
    keep_text: bool,
    tell: Callback,
) -> Labelled:
    """Read scored posts with gold labels.

    Raises:
        InputError: the data cannot be read, or hold no scores.
        EvaluationError: no row can be used.
    """

    def no_model() -> NoReturn:
        raise InputError(
            "the labelled posts hold no scores: score them first, as the stream was scored, with "
            "`riskclf predict --input FILE --output SCORED`"
        )

    rows, rejects, _ = read_rows(
        data,
        None,
        no_model,
        columns=columns,
        label_map=label_map,
        keep_text=keep_text,
        progress=tell,
    )
    return labelled_of(rows, tuple(rejects))
