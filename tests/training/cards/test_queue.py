"""How many risky posts are in the first of a queue: the figure and its two intervals."""

from __future__ import annotations

import numpy as np

from training.cards.queue import queue_figures


def test_risky_posts_above_every_line_are_all_found() -> None:
    found = queue_figures(np.linspace(0, 0.5, 3000), np.full(60, 0.9), ["f"] * 60)
    assert found["found"] == {"mean": 20.0, "low": 20.0, "high": 20.0}
    assert found["share of draws with 18 or more"] == 1.0


def test_the_mean_is_as_unsure_as_the_families_differ() -> None:
    natural = np.linspace(0, 0.5, 3000)
    risky = np.repeat([0.9, 0.0], 40)
    few = queue_figures(natural, risky, ["a"] * 40 + ["b"] * 40)
    many = queue_figures(natural, risky, [str(n) for n in range(80)])
    assert few["found"]["mean"] == many["found"]["mean"]
    assert 9 < few["found"]["mean"] < 11
    width = [x["mean"]["high"] - x["mean"]["low"] for x in (few, many)]
    assert width[0] > 2 * width[1]
