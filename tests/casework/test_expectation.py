"""Expected numbers are those of the Poisson binomial distribution, and do not flatter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from riskclf.casework.expectation import expectation_of, risky_among
from riskclf.language import speaking


@pytest.mark.parametrize("count, chance", [(1, 0.3), (40, 0.5), (160, 0.05), (5000, 0.001)])
def test_equal_probabilities_give_the_binomial_interval(count: int, chance: float) -> None:
    found = risky_among([chance] * count)
    assert found.value == pytest.approx(count * chance)
    for end, quantile in ((found.low, 0.025), (found.high, 0.975)):
        assert end == pytest.approx(binom.ppf(quantile, count, chance))


def test_unequal_probabilities_give_the_interval_of_a_simulation() -> None:
    rng = np.random.default_rng(0)
    chances = rng.beta(0.3, 2, size=300)
    hits = (rng.random((4000, 300)) < chances).sum(axis=1)
    found = risky_among(list(chances))
    assert found.low == pytest.approx(np.percentile(hits, 2.5), abs=1)
    assert found.high == pytest.approx(np.percentile(hits, 97.5), abs=1)


def test_of_no_posts_none_are_risky() -> None:
    found = risky_among([])
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_what_the_model_is_sure_of_does_not_hide_what_the_prevalence_says() -> None:
    # 1 in 100 of 1,000 posts is risky; the model sees 4 and is sure that there are no others.
    found = expectation_of([0.8] * 5, [0.8] * 5, [1e-9] * 995, 0.01)
    assert found.right.value == pytest.approx(4)
    assert found.unseen.value == pytest.approx(6)
    assert found.unseen.low == 0
    assert found.unseen.high is not None and found.unseen.high > 10


def test_where_the_model_expects_more_than_the_prevalence_its_estimate_counts() -> None:
    found = expectation_of([0.9], [0.9], [0.5] * 100, 0.01)
    assert found.unseen.value == pytest.approx(50)
    assert found.unseen.high is not None and found.unseen.high <= 100


def test_it_is_said_in_both_languages() -> None:
    found = expectation_of([0.9] * 10, [0.9] * 12, [0.001] * 988, 0.01)
    assert "of the 10 cases, 9.0 (" in found.words()
    with speaking("ja"):
        assert found.words() != expectation_of([0.9], [0.9], [], 0.01).words()
        assert "988" in found.words() and "cases" not in found.words()
