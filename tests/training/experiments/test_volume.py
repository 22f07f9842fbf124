"""The replays deal fairly, see what is true, and docs/volume.md holds what they measured."""

from __future__ import annotations

import json

import numpy as np
import pytest

from training.experiments.volume.material import IS_RISK, Material, Pool
from training.experiments.volume.replay import ONCE, SHIFTS, rare, sampled, shifted, study
from training.experiments.volume.report import PAGE, RESULTS, page, plot
from training.experiments.volume.simulated import JAPANESE, Mix, deal, labelled_posts, month_of


def _pool(gold: list[int], family: list[int], risk: np.ndarray, word: str) -> Pool:
    scores = np.stack([0.8 * risk, 0.2 * risk, 1 - risk], axis=1)
    texts = [f"{word}{number % 50}を見た" for number in range(len(gold))]
    return Pool(scores, risk > 0.6, np.array(gold), np.array(family), np.array(texts, dtype=object))


@pytest.fixture(scope="module")
def material() -> Material:
    """60 families of two risky posts and four look-alikes, and lines; harmless texts."""
    rng = np.random.default_rng(0)
    risky = np.clip(rng.normal(0.8, 0.15, 120), 0.01, 0.99)
    alike = rng.beta(1, 12, 240)
    family = [*np.repeat(np.arange(60), 2), *np.repeat(np.arange(60), 4)]
    ours = _pool([0] * 120 + [2] * 240, family, np.concatenate([risky, alike]), "山")
    others = [name for mix in SHIFTS.values() for name in mix[2].ordinary]
    lines = {
        name: _pool([2] * 400, [-1] * 400, rng.beta(1, 300, 400), name[-4:])
        for name in dict.fromkeys([*JAPANESE, *others])
    }
    slang = _pool([0] * 40, [0] * 40, rng.beta(1, 20, 40), "星")
    return Material("0123", ours, lines, slang)


def test_no_family_and_no_line_is_on_both_sides(material: Material) -> None:
    halves = deal(material, np.random.default_rng(1))
    assert not {*halves.labelled.family} & {*halves.stream.family}
    assert len(halves.labelled) + len(halves.stream) == len(material.ours)
    known = labelled_posts(material, halves, Mix(), np.random.default_rng(2))
    assert known.texts is not None
    risky = known.risky > 0.5
    assert risky.sum() == halves.labelled.risky.sum()
    assert 0.08 < (known.family[~risky] >= 0).mean() < 0.12
    few = labelled_posts(material, halves, Mix(), np.random.default_rng(2), risky=30, benign=100)
    assert (few.risky > 0.5).sum() == 30
    assert 95 <= (few.risky < 0.5).sum() <= 105


def test_a_month_holds_as_many_risky_posts_as_were_asked_for(material: Material) -> None:
    rng = np.random.default_rng(3)
    drawn = month_of(material, deal(material, rng), Mix(posts=50_000, slang=0.5), 2000, rng)
    assert drawn.month.posts == 50_000
    assert drawn.by_label[IS_RISK].sum() == 2000
    assert drawn.by_label.sum() == 50_000
    assert drawn.month.sums.sum() == pytest.approx(50_000)


def test_a_small_replay_has_every_figure_of_the_page(material: Material) -> None:
    counts = {"cc": 2, "acc": 2, "pacc": 2, "emq": 1, ONCE: 2}
    found = study(material, counts, 5)
    assert {name: found[name]["replays"] for name in counts} == counts
    assert found["first year"]["truth"][::11] == [65_000, 46_000]
    assert found["cc"]["flagged"] < 1 and found["cc"]["coverage"]["value"] == 0
    assert found["pacc"]["width"] > found[ONCE]["width"]
    assert sampled(material, 2, 5)["pacc"]["replays"] == 2
    assert rare(material, [0.01], 2, 5, few=True)["0.01"]["acc"]["replays"] == 2
    slang = shifted(material, "slang", 2, 5, "pacc")
    assert slang["estimate"] < 0.7


def test_the_page_holds_what_was_replayed() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    assert page(text, results) == text, "run python -m training.experiments.volume"
    assert plot(results).startswith(b"\x89PNG")
    assert results["study"]["pacc"]["replays"] == 500
    assert {*results["shifts"]} == {*SHIFTS}
