"""Shapley values: what each part adds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from riskclf.explanation.shapley import Orders


@pytest.mark.parametrize("parts", [0, 1, 4, 6, 7, 20, 60])
def test_the_values_of_a_sum_are_its_parts_and_always_add_up(parts: int) -> None:
    orders, rng = Orders.of(parts), np.random.default_rng(1)
    weights = rng.normal(size=(parts, 2))
    assert np.allclose(orders.values(orders.members @ weights), weights)
    figures = rng.normal(size=len(orders.members))
    assert orders.values(figures).sum() == pytest.approx(figures[-1] - figures[0])
    assert orders.members[-1].all()
    assert not orders.members[0].any()


def test_few_parts_are_exact() -> None:
    """Two that do the same share what they do; one that does nothing gets nothing."""
    orders = Orders.of(5)
    figures = (orders.members[:, 1] | orders.members[:, 3]).astype(float)
    assert np.allclose(orders.values(figures), [0, 0.5, 0, 0.5, 0])
    assert len(orders.members) == 2**5


def test_many_parts_cost_little_and_come_near() -> None:
    orders = Orders.of(12)
    assert len(orders.members) <= 4 * 11 + 2
    pairs = [*itertools.combinations(range(12), 2)]
    weights = np.random.default_rng(2).normal(size=len(pairs))
    figures = sum(
        w * (orders.members[:, a] & orders.members[:, b])
        for (a, b), w in zip(pairs, weights, strict=True)
    )
    exact = np.zeros(12)
    for (a, b), w in zip(pairs, weights, strict=True):
        exact[[a, b]] += w / 2
    # An order and its reverse are exact for pairs.
    assert np.allclose(orders.values(np.asarray(figures)), exact)


def test_the_same_number_of_parts_gets_the_same_orders() -> None:
    assert (Orders.of(9).members == Orders.of(9).members).all()
