"""Replays: how often the intervals hold the truth, and how often an unlike stream is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskclf.evaluation.intervals import of_draws, wilson
from riskclf.suggestion.emerging import emerging_terms
from riskclf.volume.comparison import change_between
from riskclf.volume.estimation import MonthlyVolume, sides_of
from riskclf.volume.labelled import Labelled
from riskclf.volume.likeness import misfits, novelty
from riskclf.volume.quantifiers import estimate
from riskclf.volume.stream import Month
from training.experiments.volume.material import Material
from training.experiments.volume.simulated import (
    Mix,
    deal,
    labelled_pool,
    labelled_posts,
    month_of,
)

__all__ = ["FIRST", "LAST", "ONCE", "SHIFTS", "by_side", "rare", "sampled", "shifted", "study"]

FIRST, LAST = 65_000, 46_000
"""Risky posts of the first and the last month of the year."""

ONCE = "pacc once"
"""PACC with a bootstrap that draws families once, as if the stream had the labelled scenarios."""

_DRAWS = 1000
_WORDS = 10
_TEXTS = 1000
_TERMS = 2


@dataclass(frozen=True)
class _Replay:
    """What one replay of one method gave, by month."""

    truth: NDArray[np.float64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    flagged: NDArray[np.float64]
    change: tuple[bool, bool, float, float]
    """Whether the interval of the ratio holds the truth, and that of the difference; the width of
    the first; the probability that the volume fell."""


def study(material: Material, replays: Mapping[str, int], seed: int) -> dict[str, Any]:
    """The year of the study, by method: its first and its last month.

    The months of one replay hold the truth or miss it together, so those between tell little more.

    Args:
        material: the judged posts.
        replays: how many, by method, or `ONCE`.
        seed: of the first replay; that of another one is a number higher.

    Returns:
        Figures by method, and the ``first year`` of PACC in full.
    """
    found: dict[str, list[_Replay]] = {method: [] for method in replays}
    first: dict[str, list[float]] = {}
    for number in range(max(replays.values())):
        rng = np.random.default_rng(seed + number)
        halves = deal(material, rng)
        known = labelled_posts(material, halves, Mix(), rng)
        truths = np.rint(np.linspace(FIRST, LAST, 2 if number else 12)).astype(int)
        months = [
            month_of(material, halves, Mix(), int(truth), rng, f"2025-{place + 1:02d}").month
            for place, truth in enumerate(truths)
        ]
        if not first:
            year = _replayed(known, months, truths, "pacc", number)
            names = ("truth", "value", "low", "high", "flagged")
            first = {name: getattr(year, name).tolist() for name in names}
        ends, shown = truths[[0, -1]], [months[0], months[-1]]
        for method, count in replays.items():
            if number < count:
                # Without families, `draw_month` draws nothing.
                sample = replace(known, families=0) if method == ONCE else known
                name = "pacc" if method == ONCE else method
                found[method].append(_replayed(sample, shown, ends, name, number))
    return {method: _figures(runs) for method, runs in found.items()} | {"first year": first}


def sampled(material: Material, replays: int, seed: int) -> dict[str, Any]:
    """Labelled posts drawn at random from the stream itself, without families."""
    found: dict[str, list[_Replay]] = {"acc": [], "pacc": []}
    for number in range(replays):
        rng = np.random.default_rng(seed + number)
        halves = deal(material, rng)
        drawn = month_of(material, halves, Mix(), FIRST, rng)
        later = month_of(material, halves, Mix(), LAST, rng, "2026-02").month
        known = labelled_pool(drawn.sample, rng)
        for method, runs in found.items():
            truths = np.array([FIRST, LAST])
            runs.append(_replayed(known, [drawn.month, later], truths, method, number))
    return {method: _figures(runs) for method, runs in found.items()}


def rare(
    material: Material, shares: Sequence[float], replays: int, seed: int, few: bool = False
) -> dict[str, Any]:
    """Months with these shares of risky posts; with `few`, the smallest labelled sample allowed."""
    found: dict[str, dict[str, list[_Replay]]] = {}
    for number in range(replays):
        rng = np.random.default_rng(seed + number)
        halves = deal(material, rng)
        sizes = {"risky": 60, "benign": 250} if few else {}
        known = labelled_posts(material, halves, Mix(), rng, **sizes)
        for share in shares:
            truth = round(share * Mix().posts)
            month = month_of(material, halves, Mix(), truth, rng).month
            for method in ("acc", "pacc"):
                runs = found.setdefault(f"{share:g}", {}).setdefault(method, [])
                runs.append(_replayed(known, [month], np.array([truth]), method, number))
    return {
        share: {method: _figures(runs) for method, runs in by_method.items()}
        for share, by_method in found.items()
    }


def by_side(material: Material, replays: int, seed: int) -> dict[str, Any]:
    """Coverage and mean width, as a share of the truth, by method and risk label."""
    found: dict[str, dict[str, Any]] = {}
    for method in ("acc", "pacc"):
        held: dict[str, list[bool]] = {}
        widths: dict[str, list[float]] = {}
        for number in range(replays):
            rng = np.random.default_rng(seed + number)
            halves = deal(material, rng)
            known = labelled_posts(material, halves, Mix(), rng)
            drawn = month_of(material, halves, Mix(), FIRST, rng)
            months, posts = [drawn.month], drawn.month.posts
            whole = estimate(known, months, method, draws=_DRAWS, seed=number)
            sides = sides_of(known, months, method, whole.shares[:, 1], whole.draws[..., 1])
            for name, (value, draws) in sides.items():
                part = of_draws(value[0] * posts, draws[:, 0] * posts)
                truth = float(drawn.by_label[known.labels.index(name)])
                held.setdefault(name, []).append(_holds(part.low, part.high, truth))
                width = (part.high or 0.0) - (part.low or 0.0)
                widths.setdefault(name, []).append(width / truth)
        found[method] = {
            name: {
                "replays": replays,
                "coverage": _share(flags),
                "width": float(np.mean(widths[name])),
            }
            for name, flags in held.items()
        }
    return found


_OTHER = ("heldout_ko_reviews_nsmc", "heldout_zh_posts_cold", "heldout_en_sentences_common_voice")

SHIFTS: Mapping[str, tuple[str, Mix, Mix]] = {
    "none": ("no shift", Mix(), Mix()),
    "slang": ("half of the risky posts are in new slang", Mix(), Mix(slang=0.5)),
    "platform": (
        "another platform: film chat, labelled were other chats and posts",
        Mix(ordinary=("heldout_ja_dialogue_asdc", "heldout_ja_posts_japanese_toxic")),
        Mix(ordinary=("heldout_ja_dialogue_jmrd",)),
    ),
    "language": (
        "another platform: Korean reviews, Chinese posts, English sentences",
        Mix(),
        Mix(ordinary=_OTHER),
    ),
    "keywords": (
        "a keyword change: three times as many look-alikes",
        Mix(),
        Mix(look_alikes=0.3),
    ),
    "scenarios": (
        "scenarios have other shares in every month",
        Mix(changing=True),
        Mix(changing=True),
    ),
}
"""Shifts: in words, and what the month before and the month after are drawn from. The labelled
posts are mixed as the month before."""


def shifted(material: Material, name: str, replays: int, seed: int, method: str) -> dict[str, Any]:
    """A month before a shift and one after it: coverage after it, and how often it is refused."""
    _words, before, after = SHIFTS[name]
    runs, unlike, words, terms = [], [], [], []
    for number in range(replays):
        rng = np.random.default_rng(seed + number)
        halves = deal(material, rng)
        known = labelled_posts(material, halves, replace(before, changing=False), rng)
        first = month_of(material, halves, before, FIRST, rng)
        second = month_of(material, halves, after, LAST, rng, "2026-02")
        truths = np.array([FIRST, LAST])
        runs.append(_replayed(known, [first.month, second.month], truths, method, number))
        unlike.append(misfits(known, [second.month])[0].unlike)
        if number < _WORDS:
            texts = list(second.sample.texts[:_TEXTS])
            found = novelty(known, texts, LAST / second.month.posts)
            words.append(found is not None and found.unlike)
        if number < _TERMS:
            old, new = ([{"text": text} for text in x.texts] for x in (first.sample, second.sample))
            terms.append(len(emerging_terms(new, old, "text", lambda *_: None)[0]))
    kept = [run for run, refused in zip(runs, unlike, strict=True) if not refused]
    return {
        **_figures(runs, months=[1]),
        "refused by scores": _share(unlike),
        "refused by words": _share(words),
        "emerging terms": float(np.mean(terms)),
        "coverage where scores do not refuse": _covered(kept, [1]) if kept else None,
    }


def _replayed(
    known: Labelled,
    months: Sequence[Month],
    truths: NDArray[np.int64],
    method: str,
    seed: int,
) -> _Replay:
    found = estimate(known, months, method, draws=_DRAWS, seed=seed)
    posts = np.array([month.posts for month in months], dtype=float)
    draws = found.draws[..., 1] * posts
    parts = [
        of_draws(value, draws[:, place]) for place, value in enumerate(found.shares[:, 1] * posts)
    ]
    change = (True, True, 0.0, 0.0)
    if len(months) > 1:
        shown = [
            MonthlyVolume(month.name, month.posts, 1, month.flagged, part, part, {}, "")
            for month, part in zip(months, parts, strict=True)
        ]
        end = change_between(shown, draws, shown[0].month, shown[-1].month)
        change = (
            _holds(end.ratio.low, end.ratio.high, truths[-1] / truths[0]),
            _holds(end.difference.low, end.difference.high, truths[-1] - truths[0]),
            (end.ratio.high or np.inf) - (end.ratio.low or 0.0),
            end.fell,
        )
    return _Replay(
        truths.astype(float),
        np.array([part.value for part in parts], dtype=float),
        np.array([part.low for part in parts], dtype=float),
        np.array([part.high for part in parts], dtype=float),
        np.array([month.flagged for month in months], dtype=float),
        change,
    )


def _holds(low: float | None, high: float | None, truth: float) -> bool:
    return (low is None or low <= truth) and (high is None or truth <= high)


def _figures(runs: Sequence[_Replay], months: Sequence[int] | None = None) -> dict[str, Any]:
    """Figures over replays; those of one replay belong together, and count as one."""
    chosen = list(range(len(runs[0].truth))) if months is None else list(months)
    truth = np.array([run.truth[chosen] for run in runs])
    value, low, high, flagged = (
        np.array([getattr(run, name)[chosen] for run in runs])
        for name in ("value", "low", "high", "flagged")
    )
    changes = np.array([run.change for run in runs], dtype=float)
    return {
        "replays": len(runs),
        "coverage": _covered(runs, chosen),
        "too high": float((low > truth).mean()),
        "too low": float((high < truth).mean()),
        "width": float(((high - low) / truth).mean()),
        "estimate": float((value / truth).mean()),
        "error": float(np.abs(value / truth - 1).mean()),
        "flagged": float((flagged / truth).mean()),
        "ratio coverage": _share([bool(x) for x in changes[:, 0]]),
        "difference coverage": _share([bool(x) for x in changes[:, 1]]),
        "ratio width": float(changes[:, 2].mean()),
        "said to have fallen": float((changes[:, 3] >= 0.975).mean()),
    }


def _covered(runs: Sequence[_Replay], chosen: Sequence[int]) -> dict[str, float]:
    held = [((run.low <= run.truth) & (run.truth <= run.high))[list(chosen)].mean() for run in runs]
    share = float(np.mean(held))
    low, high = wilson(share * len(held), len(held))
    return {"value": share, "low": low, "high": high}


def _share(flags: Sequence[bool]) -> dict[str, float]:
    share = float(np.mean(flags)) if flags else 0.0
    low, high = wilson(share * len(flags), len(flags))
    return {"value": share, "low": low, "high": high}
