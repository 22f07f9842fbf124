"""From scores to the share of risky posts: methods of QuaPy, and draws of their error.

- ``cc``: classify and count (Forman 2008): the flagged posts. It is not corrected for errors of the
  classifier, and neither is its interval. It is there to compare with.
- ``acc``: adjusted classify and count (Forman 2008): solves ``q = M p``, where ``q`` is the share
  of the stream's posts that get each label, and ``M`` the same in each class of labelled posts.
- ``pacc``: probabilistic adjusted classify and count (Bella et al. 2010): likewise, with the mean
  of the scores in the place of shares.
- ``emq``: expectation maximisation (Saerens, Latinne and Decaestecker 2002), on scores that are
  calibrated on the labelled posts (Platt 1999), since the stored ones belong to another base rate.

QuaPy estimates from posts that all count the same. Here posts have weights, in draws for instance,
so its estimators are given what it makes of posts: rates and shares (`ACC.solve_adjustment`), or
posteriors (`EMQ.EM`). A test compares both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from riskclf.errors import InputError, MissingExtra
from riskclf.volume.labelled import Labelled
from riskclf.volume.stream import GRID, Month

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["DEFAULT", "DRAWS", "METHODS", "Estimates", "check_method", "estimate"]

METHODS = ("cc", "acc", "pacc", "emq")
DEFAULT = "pacc"

DRAWS = 2000
"""Draws behind an interval."""

_EMQ_DRAWS = 200
_EMQ_POSTS = 4000
_RIDGE = 1e-3


@dataclass(frozen=True)
class Estimates:
    """Shares of the classes in every month, and draws of them."""

    shares: Floats
    """Shape (months, classes)."""
    draws: Floats
    """The same where the classifier's error and the month's posts are drawn: shape (draws, months,
    classes). What is unknown of the labelled posts is the same in all months of a draw."""


def check_method(method: str) -> None:
    """Refuse an unknown method, or one that cannot run here.

    Raises:
        InputError: there is no such method.
        MissingExtra: QuaPy is not installed.
    """
    if method not in METHODS:
        raise InputError(f"'{method}' is no method; choose one of {', '.join(METHODS)}")
    if find_spec("quapy") is None:
        raise MissingExtra("volume needs the library QuaPy: pip install 'riskclf[volume]'")


def estimate(
    labelled: Labelled,
    months: Sequence[Month],
    method: str,
    *,
    by_label: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimates:
    """The share of each class in every month.

    Args:
        labelled: posts from which the classifier's error is measured.
        months: of the stream, each with a post.
        method: one of `METHODS`.
        by_label: the classes are the labels. If not, they are two: not risky, and risky.
        draws: how many; EMQ, which takes long, makes a tenth of them.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    risk = labelled.is_risk
    merge = np.eye(len(risk)) if by_label else np.stack([~risk, risk]).astype(float)
    classes = labelled.target @ merge.T
    if method == "emq":
        if by_label:
            raise ValueError("EMQ has two classes here")
        return _emq(labelled, classes, months, max(_EMQ_DRAWS, draws // 10), rng)
    soft = method == "pacc"
    features = (labelled.scores if soft else labelled.crisp()) @ merge.T
    counts = np.array([month.posts for month in months], dtype=float)
    sums = np.array([month.sums if soft else month.counts for month in months]) @ merge.T
    q = sums / counts[:, None]
    noisy = _noisy(months, q, merge, soft, draws, rng)
    if method == "cc":
        return Estimates(q, noisy)
    table = labelled.table(classes, features)
    unseen = labelled.unseen(classes)[:, None]
    whole = _rates(table.sum(axis=0)[None])[0]
    weights = labelled.draw(draws, rng)
    prior = unseen * rng.gamma(0.5, size=(draws, len(merge), len(merge)))
    drawn = np.empty_like(noisy)
    for index in range(len(months)):
        sums_drawn = np.tensordot(labelled.draw_month(weights, rng), table, axes=1)
        sums_drawn[..., 1:] += prior
        sums_drawn[..., 0] += prior.sum(axis=2)
        drawn[:, [index]] = _solve(_rates(sums_drawn), noisy[:, [index]])
    return Estimates(_solve(whole[None], q[None])[0], drawn)


def _rates(sums: Floats) -> Floats:
    """Means of features by class: ``M[d, feature, class]`` from sums (draws, classes, 1 + ...)."""
    return np.swapaxes(sums[..., 1:] / sums[..., :1], -1, -2)


def _solve(rates: Floats, q: Floats) -> Floats:
    """Shares of classes by QuaPy: (draws, classes, classes) and (draws, months, classes)."""
    import quapy.functional as functional
    from quapy.method.aggregative import ACC

    solved = [
        ACC.solve_adjustment(matrix, part.T, method="inversion", solver="exact-cc").T
        for matrix, part in zip(rates, q, strict=True)
    ]
    found = np.array(solved)
    flat = functional.normalize_prevalence(found.reshape(-1, found.shape[-1]), method="clip")
    result: Floats = np.asarray(flat).reshape(found.shape)
    return result


def _noisy(
    months: Sequence[Month],
    q: Floats,
    merge: Floats,
    soft: bool,
    draws: int,
    rng: np.random.Generator,
) -> Floats:
    """The mean features of months of which other posts were written, as many: normal draws."""
    found = np.empty((draws, *q.shape))
    for index, (month, mean) in enumerate(zip(months, q, strict=True)):
        second = merge @ (month.products if soft else np.diag(month.counts)) @ merge.T
        covariance = second / month.posts - np.outer(mean, mean)
        values, vectors = np.linalg.eigh(covariance / month.posts)
        scale = vectors * np.sqrt(np.clip(values, 0.0, None))
        found[:, index] = mean + rng.standard_normal((draws, len(mean))) @ scale.T
    return np.clip(found, 0.0, 1.0)


def _emq(
    labelled: Labelled,
    classes: Floats,
    months: Sequence[Month],
    draws: int,
    rng: np.random.Generator,
) -> Estimates:
    cells = np.eye(len(GRID))[labelled.cells]
    table = labelled.table(classes, cells)[..., 1:]
    kept = np.flatnonzero(table.any(axis=(0, 1)))
    table = table[..., kept]
    unseen = labelled.unseen(classes)
    whole = table.sum(axis=0)
    shares = np.array([_em(whole, kept, month.grid) for month in months])
    drawn = np.empty((draws, *shares.shape))
    for number, weights in enumerate(labelled.draw(draws, rng)):
        # Half a post of each class at both ends, which nobody saw.
        prior = unseen[:, None] * rng.gamma(0.5, size=(2, 2))
        for index, month in enumerate(months):
            counts = np.tensordot(labelled.draw_month(weights[None], rng)[0], table, axes=1)
            counts[:, [0, -1]] += prior
            noisy = rng.multinomial(month.posts, month.grid / month.grid.sum())
            drawn[number, index] = _em(counts, kept, noisy.astype(float))
    return Estimates(shares, drawn)


def _em(counts: Floats, kept: NDArray[np.int64], grid: Floats) -> Floats:
    """Shares of two classes in a stream by QuaPy's EM.

    Args:
        counts: labelled posts by class and cell, shape (2, cells).
        kept: the cells, shape (cells,).
        grid: posts of the stream by cell of `GRID`, shape (all cells,).
    """
    from quapy.method.aggregative import EMQ

    share = counts.sum(axis=1) / counts.sum()
    slope, intercept = _platt(counts, GRID[kept])
    # Posts that stand for all: equal steps through them in the order of their risk.
    total = grid.sum()
    steps = (np.arange(_EMQ_POSTS) + 0.5) * total / _EMQ_POSTS
    odds = slope * GRID[np.searchsorted(np.cumsum(grid), steps)] + intercept
    risk = 1 / (1 + np.exp(-odds))
    found, _ = EMQ.EM(share, np.stack([1 - risk, risk], axis=1), epsilon=1e-6)
    result: Floats = np.asarray(found)
    return result


def _platt(counts: Floats, odds: Floats) -> tuple[float, float]:
    """Slope and intercept that calibrate log-odds on the labelled posts.

    A logistic regression by Newton's method, with a ridge that keeps separable posts finite.
    """
    x = np.stack([odds, np.ones_like(odds)], axis=1)
    total = counts.sum(axis=0)
    found = np.array([1.0, 0.0])
    for _step in range(50):
        risk = 1 / (1 + np.exp(-np.clip(x @ found, -500, 500)))
        gradient = x.T @ (counts[1] - total * risk) - _RIDGE * (found - [1.0, 0.0])
        curvature = (x * (total * risk * (1 - risk))[:, None]).T @ x + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        found = found + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-6:
            break
    return float(found[0]), float(found[1])
