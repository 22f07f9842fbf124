"""Intervals hold the truth as often as they say, and where they do not, the docs say so."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, binomtest
from sklearn.metrics import f1_score

from riskclf.evaluation.figures import Estimate, Proportion
from riskclf.evaluation.intervals import MIN_FAMILIES, Intervals, mcnemar, precision_at, wilson
from riskclf.evaluation.metrics import macro_f1


def flags(hits: int, of: int) -> NDArray[np.bool_]:
    return np.arange(of) < hits


def coverage(n: int, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often Wilson's interval holds each rate, exactly: summed over all possible hits."""
    hits = np.arange(n + 1)
    bounds = np.array([wilson(k, n) for k in range(n + 1)])
    return np.array(
        [
            binom.pmf(hits, n, rate)[(bounds[:, 0] <= rate) & (rate <= bounds[:, 1])].sum()
            for rate in rates
        ]
    )


@pytest.mark.parametrize(("hits", "of"), [(0, 20), (3, 40), (50, 100), (99, 100), (7, 7)])
def test_wilson_is_that_of_scipy(hits: int, of: int) -> None:
    expected = binomtest(hits, of).proportion_ci(method="wilson")
    assert wilson(hits, of) == pytest.approx((expected.low, expected.high))
    assert wilson(hits, of)[0] <= hits / of <= wilson(hits, of)[1]


@pytest.mark.parametrize("n", [100, 200, 500, 1000])
def test_wilson_covers_as_often_as_it_says_from_100_rows_on(n: int) -> None:
    covered = coverage(n, np.linspace(0.1, 0.9, 401))
    assert 0.94 <= covered.mean() <= 0.965
    assert covered.min() >= 0.93  # the docs name it


def test_wilson_fails_where_the_docs_say_it_does() -> None:
    corner = coverage(100, np.linspace(0.0005, 0.01, 200))
    assert round(float(corner.min()), 2) == 0.84


def test_a_proportion_counts_and_knows_nothing_without_rows() -> None:
    found = Intervals(40).proportion(flags(3, 40), flags(40, 40))
    assert (found.hits, found.of, found.value, found.effective) == (3, 40, 3 / 40, 40)
    assert (found.low, found.high) == pytest.approx(wilson(3, 40))
    nothing = Intervals(5).proportion(flags(5, 5), flags(0, 5))
    assert (nothing.of, nothing.value, nothing.low, nothing.high) == (0, None, 0, 1)


def test_hits_outside_of_the_rows_do_not_count() -> None:
    found = Intervals(4).proportion(np.ones(4, dtype=bool), flags(3, 4))
    assert (found.hits, found.of) == (3, 3)


def test_weights_of_one_size_change_nothing_and_unequal_ones_widen() -> None:
    hits, of = flags(30, 100), flags(100, 100)
    plain = Intervals(100).proportion(hits, of)
    doubled = Intervals(100, np.full(100, 2.0)).proportion(hits, of)
    assert doubled == pytest.approx(plain)
    weight = np.where(np.arange(100) % 2, 1.0, 9.0)
    uneven = Intervals(100, weight).proportion(hits, of)
    assert uneven.value == pytest.approx(np.average(hits, weights=weight))
    assert uneven.effective == pytest.approx(500**2 / (50 * 81 + 50))
    assert uneven.high - uneven.low > plain.high - plain.low


def clustered(rng: np.random.Generator, families: int, size: int) -> NDArray[np.bool_]:
    """Posts of a family mostly agree: family rates from a U-shaped beta with mean 0.7."""
    return rng.random((families, size)) < rng.beta(0.7, 0.3, size=(families, 1))


def test_families_are_drawn_and_hold_the_truth_where_wilson_does_not() -> None:
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(60), 8)
    everything = np.ones(480, dtype=bool)
    held = np.zeros((400, 2), dtype=bool)
    for draw in held:
        hits = clustered(rng, 60, 8).ravel()
        for place, maker in enumerate((Intervals(480, family=family), Intervals(480))):
            found = maker.proportion(hits, everything)
            draw[place] = found.low <= 0.7 <= found.high
    by_family, by_row = held.mean(axis=0)
    assert 0.92 <= by_family <= 0.985  # 95 %, give or take three standard errors
    assert by_row < 0.75


def test_few_families_are_not_drawn() -> None:
    hits, of = flags(30, 78), flags(78, 78)
    few = Intervals(78, family=np.arange(78) // 2).proportion(hits, of)
    assert few.families == MIN_FAMILIES - 1
    assert (few.low, few.high) == pytest.approx(wilson(30, 78))


def test_an_interval_never_shrinks_to_a_point_where_all_families_agree() -> None:
    of = flags(100, 100)
    found = Intervals(100, family=np.arange(100) // 2).proportion(of, of)
    assert found.high == 1
    assert found.low == pytest.approx(wilson(100, 100)[0])


def test_very_many_families_are_put_together_without_harm() -> None:
    rng = np.random.default_rng(1)
    hits = rng.random(5000) < 0.3
    of = np.ones(5000, dtype=bool)
    drawn = Intervals(5000, family=rng.permutation(5000)).proportion(hits, of)
    low, high = wilson(int(hits.sum()), 5000)
    assert drawn.families == 5000
    assert (drawn.low, drawn.high) == pytest.approx((low, high), abs=0.003)
    assert drawn.low <= low and drawn.high >= high


def test_a_figure_of_sums_is_scikit_learns_and_the_same_every_time() -> None:
    rng = np.random.default_rng(2)
    gold = rng.integers(0, 3, 300)
    predicted = np.where(rng.random(300) < 0.7, gold, rng.integers(0, 3, 300))
    weight = rng.uniform(0.5, 2, 300)
    everything = np.ones(300, dtype=bool)
    found = [
        maker.statistic(maker.table(everything, gold * 3 + predicted, 9), macro_f1(3))
        for maker in (Intervals(300, weight), Intervals(300, weight))
    ]
    expected = f1_score(gold, predicted, average="macro", sample_weight=weight)
    value, low, high = known(found[0])
    assert value == pytest.approx(expected)
    assert low < expected < high
    assert found[0] == found[1]


def test_a_figure_that_the_rows_do_not_determine_is_none() -> None:
    maker = Intervals(3)
    table = maker.table(np.zeros(3, dtype=bool), np.zeros(3, dtype=np.int64), 4)
    assert maker.statistic(table, macro_f1(2)) == Estimate(None, None, None)


def rate(hits: int, of: int) -> Proportion:
    return Proportion(hits, of, hits / of, *wilson(hits, of), of)


def known(found: Estimate) -> tuple[float, float, float]:
    """Value, low and high of a figure that the rows determine."""
    assert found.value is not None and found.low is not None and found.high is not None
    return found.value, found.low, found.high


def test_precision_at_a_base_rate_is_bayes_rule() -> None:
    found = precision_at(0.001, rate(90, 100), rate(10, 1000))
    value, low, high = known(found)
    assert value == pytest.approx(0.0009 / (0.0009 + 0.00999))
    assert low < value < high
    _, more_low, more_high = known(precision_at(0.001, rate(900, 1000), rate(100, 10000)))
    assert more_high - more_low < high - low


def test_no_false_alarm_does_not_mean_certainty() -> None:
    value, low, _ = known(precision_at(0.001, rate(90, 100), rate(0, 300)))
    assert value == 1
    assert low < 0.2
    unseen = precision_at(0.001, rate(0, 100), rate(0, 300))
    assert unseen.value is None
    assert unseen.low is not None and unseen.high is not None
    assert 0 <= unseen.low < unseen.high <= 1


def test_precision_at_a_base_rate_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    recall, false_rate, prevalence = 0.8, 0.02, 0.01
    truth = prevalence * recall / (prevalence * recall + (1 - prevalence) * false_rate)
    held = 0
    for _ in range(400):
        hits, raised = int(rng.binomial(150, recall)), int(rng.binomial(1000, false_rate))
        _, low, high = known(precision_at(prevalence, rate(hits, 150), rate(raised, 1000)))
        held += low <= truth <= high
    assert 0.92 <= held / 400 <= 0.985


def test_mcnemar_is_the_exact_binomial_test_of_the_rows_that_differ() -> None:
    ours = np.array([True] * 30 + [False] * 20)
    theirs = np.array([True] * 18 + [False] * 12 + [True] * 3 + [False] * 17)
    found = mcnemar(ours, theirs)
    assert (found.both, found.only_ours, found.only_theirs, found.neither) == (18, 12, 3, 17)
    assert found.p_value == pytest.approx(binomtest(3, 15).pvalue)
    assert mcnemar(ours, ours).p_value == 1
