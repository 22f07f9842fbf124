"""How often the interval of a proportion holds the true rate, where posts come in families.

``python -m tests.evaluation.coverage`` prints the whole table (minutes); `test_intervals` simulates
a smaller one. Families draw their own rate from a beta distribution with the true rate as its mean
and the intra-class correlation as its spread, and their posts from that rate.

What is required was set before anything was measured: 0.93 on average and 0.90 in every cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from riskclf.evaluation.figures import Proportion
from riskclf.evaluation.intervals import Intervals, wilson

__all__ = [
    "CORRELATIONS",
    "FAMILIES",
    "RATES",
    "SIZES",
    "before",
    "by_family",
    "coverage",
    "table",
]

FAMILIES = (8, 26, 40, 100)
CORRELATIONS = (0.0, 0.1, 0.3)
RATES = (0.02, 0.1, 0.5, 0.9)

Interval = Callable[[NDArray[np.bool_], NDArray[np.int64]], Proportion]
"""From hits and families, both of shape (rows,), to the share of the hits."""


def _equal(families: int) -> NDArray[np.int64]:
    return np.full(families, 15)


def _unequal(families: int) -> NDArray[np.int64]:
    return np.round(np.linspace(1, 30, families)).astype(np.int64)


def _skewed(families: int) -> NDArray[np.int64]:
    """A sixth of the families has 30 posts, a third 5, half of them 1."""
    sizes = np.ones(families, dtype=np.int64)
    large = max(2, families // 6)
    sizes[:large], sizes[large : families // 2] = 30, 5
    return sizes


SIZES: dict[str, Callable[[int], NDArray[np.int64]]] = {
    "15 each": _equal,
    "1 to 30": _unequal,
    "skewed": _skewed,
}
"""How many posts the families have."""


def by_family(hits: NDArray[np.bool_], family: NDArray[np.int64]) -> Proportion:
    """What `riskclf.evaluate` does."""
    return Intervals(len(hits), family=family).proportion(hits, np.ones(len(hits), dtype=bool))


def before(hits: NDArray[np.bool_], family: NDArray[np.int64]) -> Proportion:
    """What it did before: Wilson on rows, widened by a cluster bootstrap from 40 families on."""
    low, high = wilson(int(hits.sum()), len(hits))
    families = int(family.max()) + 1
    if families >= 40:
        draws = np.random.default_rng(0).multinomial(
            families, np.full(families, 1 / families), size=500
        )
        shares = (draws @ np.bincount(family, hits)) / (draws @ np.bincount(family))
        ends = np.percentile(shares, (2.5, 97.5))
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
    return Proportion(int(hits.sum()), len(hits), float(hits.mean()), low, high, len(hits))


def coverage(
    interval: Interval,
    sizes: NDArray[np.int64],
    rate: float,
    correlation: float,
    draws: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """The share of `draws` whose interval holds the true rate, and the mean width."""
    family = np.repeat(np.arange(len(sizes)), sizes)
    held, width = 0, 0.0
    for _ in range(draws):
        rates = np.full(len(sizes), rate)
        if correlation:
            spread = 1 / correlation - 1
            rates = rng.beta(rate * spread, (1 - rate) * spread, size=len(sizes))
        found = interval(rng.random(len(family)) < rates[family], family)
        held += found.low <= rate + 1e-12 and rate - 1e-12 <= found.high
        width += found.high - found.low
    return held / draws, width / draws


def table(
    interval: Interval,
    shapes: Iterable[str],
    draws: int,
    correlations: Iterable[float] = CORRELATIONS,
) -> Iterator[tuple[str, int, float, float, float, float]]:
    """Sizes, families, correlation, rate, coverage and mean width for every cell."""
    rng = np.random.default_rng(0)
    for shape, families, correlation, rate in product(shapes, FAMILIES, correlations, RATES):
        sizes = SIZES[shape](families)
        yield (
            shape,
            families,
            correlation,
            rate,
            *coverage(interval, sizes, rate, correlation, draws, rng),
        )


def main(draws: int = 2000) -> None:
    """Print coverage and mean width of the old and the new interval for every cell."""
    print("posts a family | families | correlation | rate | before | width | now | width")
    correlations = (*CORRELATIONS, 0.6)
    cells = zip(
        table(before, SIZES, draws, correlations),
        table(by_family, SIZES, draws, correlations),
        strict=True,
    )
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for old, new in cells:
        print(*old[:4], *(f"{x:.3f}" for x in (*old[4:], *new[4:])), sep=" | ", flush=True)
        found[new[2] > max(CORRELATIONS)].append((old[4], new[4]))
    for is_beyond, covered in found.items():
        for name, values in zip(("before", "now"), zip(*covered, strict=True), strict=True):
            kind = "correlation 0.6" if is_beyond else "correlations 0 to 0.3"
            print(f"{kind}, {name}: mean {np.mean(values):.3f}, least {min(values):.3f}")


if __name__ == "__main__":
    main()
