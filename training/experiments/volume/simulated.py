"""Simulated streams: months of posts that are drawn from judged ones, and a labelled sample.

For each replay the families are dealt into two halves, and so are the natural lines. The labelled
posts come from one half, the stream from the other: what is measured on one must hold on the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from riskclf.labels import LABELS, RISK_LABELS
from riskclf.volume.labelled import Labelled, groups_of
from riskclf.volume.stream import Month
from training.experiments.volume.material import IS_RISK, Material, Pool

__all__ = ["Drawn", "Halves", "Mix", "deal", "labelled_pool", "labelled_posts", "month_of"]

JAPANESE = (
    "heldout_ja_dialogue_asdc",
    "heldout_ja_posts_japanese_toxic",
    "heldout_ja_dialogue_jmrd",
)


_SAMPLE = 4000


@dataclass(frozen=True)
class Mix:
    """What a month is drawn from."""

    posts: int = 1_500_000
    look_alikes: float = 0.1
    """Share of look-alikes (our benign posts) among the posts that are not risky."""
    ordinary: tuple[str, ...] = JAPANESE
    """The corpora of the other ones."""
    slang: float = 0.0
    """Share of risky posts that are in new slang."""
    changing: bool = False
    """Scenarios have other shares in every month (a Dirichlet draw)."""


@dataclass(frozen=True)
class Halves:
    """The two halves of one replay."""

    labelled: Pool
    stream: Pool
    lines: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    """By corpus, which lines the labelled posts are drawn from."""


@dataclass(frozen=True)
class Drawn:
    """A month that was drawn."""

    month: Month
    by_label: NDArray[np.float64]
    """How many posts have each label, shape (labels,)."""
    sample: Pool
    """Some of its posts, at random; without families."""


def deal(material: Material, rng: np.random.Generator) -> Halves:
    """Deal families and lines into halves."""
    ours = material.ours
    families = int(ours.family.max()) + 1
    chosen = (rng.permutation(families) < families // 2)[ours.family]
    lines = {
        name: rng.permutation(len(pool)) < len(pool) // 2
        for name, pool in material.ordinary.items()
    }
    return Halves(ours.only(chosen), ours.only(~chosen), lines)


def labelled_posts(
    material: Material,
    halves: Halves,
    mix: Mix,
    rng: np.random.Generator,
    *,
    risky: int | None = None,
    benign: int | None = None,
) -> Labelled:
    """The labelled sample: risky posts and look-alikes by family, and natural lines.

    Args:
        material: the judged posts.
        halves: of this replay.
        mix: look-alikes and natural lines are mixed as in it.
        rng: draws.
        risky: how many risky posts; None takes all of the half.
        benign: how many others; None takes all natural lines of the half.
    """
    ours = halves.labelled
    lines = _joined(material, mix, {x: halves.lines[x] for x in mix.ordinary})
    count = len(lines) if benign is None else round(benign * (1 - mix.look_alikes))
    lines = lines.only(rng.permutation(len(lines))[:count])
    alike = np.flatnonzero(~ours.risky)
    wanted = round(len(lines) * mix.look_alikes / (1 - mix.look_alikes))
    found = rng.permutation(np.flatnonzero(ours.risky))[:risky]
    pool = ours.only(np.concatenate([found, rng.permutation(alike)[:wanted]])).beside(lines)
    return labelled_pool(pool, rng)


def labelled_pool(pool: Pool, rng: np.random.Generator) -> Labelled:
    """Judged posts as labelled ones."""
    named = pool.family >= 0
    family = pool.family.copy()
    family[named] = np.unique(pool.family[named], return_inverse=True)[1]
    group, families = groups_of(family, rng)
    return Labelled(
        tuple(map(str, LABELS)),
        tuple(map(str, RISK_LABELS)),
        np.eye(len(LABELS))[pool.gold],
        pool.scores,
        pool.flagged,
        np.ones(len(pool)),
        family,
        group,
        families,
        pool.texts,
    )


def month_of(
    material: Material,
    halves: Halves,
    mix: Mix,
    risky: int,
    rng: np.random.Generator,
    name: str = "2026-01",
) -> Drawn:
    """Draw a month.

    Args:
        material: the judged posts.
        halves: of this replay; posts are drawn from `stream`.
        mix: of the month.
        risky: how many posts are risky.
        rng: draws.
        name: of the month.
    """
    ours = halves.stream
    new = rng.binomial(risky, mix.slang)
    other = mix.posts - risky
    alike = rng.binomial(other, mix.look_alikes)
    lines = _joined(material, mix, {x: ~halves.lines[x] for x in mix.ordinary})
    parts = [
        (ours.only(ours.risky), risky - new, mix.changing),
        (material.slang, new, False),
        (ours.only(~ours.risky), alike, mix.changing),
        (lines, other - alike, False),
    ]
    month, pools, counts = Month(name, days={1}), [], []
    for pool, count, changing in parts:
        share = np.full(len(pool), 1 / len(pool))
        if changing:
            share = rng.dirichlet(np.ones(int(pool.family.max()) + 1))[pool.family]
            share /= share.sum()
        drawn = rng.multinomial(count, share).astype(float)
        month.add_counted(pool.scores, pool.flagged, IS_RISK, drawn)
        pools.append(pool)
        counts.append(drawn)
    whole = pools[0].beside(pools[1]).beside(pools[2]).beside(pools[3])
    share = np.concatenate(counts) / month.posts
    sample = whole.only(rng.choice(len(whole), _SAMPLE, p=share))
    by_label = np.bincount(whole.gold, np.concatenate(counts), len(LABELS)).astype(np.float64)
    return Drawn(month, by_label, replace(sample, family=np.full(_SAMPLE, -1)))


def _joined(material: Material, mix: Mix, chosen: dict[str, NDArray[np.bool_]]) -> Pool:
    first, *rest = (material.ordinary[name].only(rows) for name, rows in chosen.items())
    for pool in rest:
        first = first.beside(pool)
    return first
