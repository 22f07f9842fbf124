"""Intervals hold the truth as often as they say, and where they do not, the docs say so."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta, binom, binomtest, t
from sklearn.metrics import f1_score

from riskclf.evaluation.figures import Estimate, Proportion
from riskclf.evaluation.intervals import Intervals, mcnemar, precision_at, ratio, wilson
from riskclf.evaluation.metrics import macro_f1
from tests.evaluation import coverage as simulated


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


@pytest.mark.parametrize(
    ("hits", "of"), [(0, 20), (3, 40), (50, 100), (99, 100), (7, 7), (1, 1), (0, 1)]
)
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
    assert (Intervals(5).families, nothing.families) == (0, None)
    family = Intervals(5, family=np.zeros(5, dtype=np.int64))
    assert (family.families, family.proportion(flags(5, 5), flags(0, 5)).families) == (1, 0)


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


def test_the_interval_holds_the_truth_for_few_families_and_many() -> None:
    """Required beforehand: 0.93 on average and 0.90 in every cell.

    Three standard errors of the simulation are allowed for.
    """
    draws = 300
    found = [x[4] for x in simulated.table(simulated.by_family, ["1 to 30"], draws)]
    assert len(found) == 4 * 3 * 4
    assert np.mean(found) >= 0.93
    assert min(found) >= 0.90 - 3 * (0.90 * 0.10 / draws) ** 0.5


def test_26_families_of_15_posts_are_not_taken_for_390_independent_posts() -> None:
    rng = np.random.default_rng(0)
    covered, _ = simulated.coverage(simulated.by_family, np.full(26, 15), 0.5, 0.3, 400, rng)
    assert covered >= 0.92
    covered, _ = simulated.coverage(simulated.before, np.full(26, 15), 0.5, 0.3, 400, rng)
    assert covered < 0.65  # rows taken for independent


def test_no_hits_in_few_families_tell_less_than_as_many_independent_posts() -> None:
    of = flags(390, 390)
    for hits in (flags(0, 390), of):
        found = Intervals(390, family=np.arange(390) // 15).proportion(hits, of)
        # As stated: an intra-class correlation of 0.3, and t(25) for t(389).
        expected = 390 / (1 + 0.3 * 14) * (t.ppf(0.975, 389) / t.ppf(0.975, 25)) ** 2
        assert found.effective == pytest.approx(expected)
        assert found.value is not None
        assert (found.low, found.high) == pytest.approx(wilson(found.value * expected, expected))


def test_one_more_hit_does_not_make_the_interval_jump() -> None:
    of, family = flags(390, 390), np.arange(390) // 15
    scattered = np.argsort(np.arange(390) % 15, kind="stable")  # one post a family, then the next
    effective = []
    for hits in range(8):
        hit = np.zeros(390, dtype=bool)
        hit[scattered[:hits]] = True
        effective.append(Intervals(390, family=family).proportion(hit, of).effective)
    assert all(one <= other < 1.6 * one for one, other in pairwise(effective))


def test_the_design_effect_of_many_families_is_that_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(2000), 5)
    rates = rng.beta(0.5 * 9, 0.5 * 9, 2000)  # an intra-class correlation of 0.1
    hits = rng.random(10_000) < rates[family]
    found = Intervals(10_000, family=family).proportion(hits, np.ones(10_000, dtype=bool))
    assert found.effective == pytest.approx(10_000 / 1.4, rel=0.06)


def test_an_interval_is_never_narrower_than_that_of_independent_rows() -> None:
    # One hit in each family: less varied than chance would have it.
    hits = np.arange(400) % 4 == 0
    of = np.ones(400, dtype=bool)
    found = Intervals(400, family=np.arange(400) // 4).proportion(hits, of)
    low, high = wilson(100, 400)
    assert found.low <= low and found.high >= high


def test_a_family_for_each_row_is_as_good_as_none() -> None:
    rng = np.random.default_rng(1)
    for rate in (0.0, 0.05, 0.3):
        hits = rng.random(5000) < rate
        of = np.ones(5000, dtype=bool)
        found = Intervals(5000, family=rng.permutation(5000)).proportion(hits, of)
        assert found.families == 5000
        assert (found.low, found.high) == pytest.approx(wilson(int(hits.sum()), 5000))


def test_weights_and_families_count_together() -> None:
    rng = np.random.default_rng(4)
    family = np.repeat(np.arange(60), 8)
    hits = rng.random(480) < rng.beta(1.4, 0.6, 60)[family]
    of = np.ones(480, dtype=bool)
    equal = Intervals(480, np.full(480, 3.0), family).proportion(hits, of)
    plain = Intervals(480, family=family).proportion(hits, of)
    assert equal.to_dict() == pytest.approx(plain.to_dict())
    weight = rng.uniform(0.1, 4, 480)
    weighted = Intervals(480, weight, family).proportion(hits, of)
    assert weighted.value == pytest.approx(np.average(hits, weights=weight))
    assert weighted.effective < plain.effective


def test_a_single_family_tells_next_to_nothing() -> None:
    found = Intervals(50, family=np.zeros(50, dtype=np.int64)).proportion(
        flags(20, 50), flags(50, 50)
    )
    assert found.low < 0.1 and found.high > 0.9


def test_a_figure_of_sums_is_scikit_learns_and_the_same_every_time() -> None:
    rng = np.random.default_rng(2)
    gold = rng.integers(0, 3, 300)
    predicted = np.where(rng.random(300) < 0.7, gold, rng.integers(0, 3, 300))
    weight = rng.uniform(0.5, 2, 300)
    everything = np.ones(300, dtype=bool)
    found = [
        maker.score(maker.table(everything, gold * 3 + predicted, 9), macro_f1(3))
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
    assert maker.score(table, macro_f1(2)) == Estimate(None, None, None)


def test_macro_figures_and_differences_hold_the_truth_where_families_are_few() -> None:
    """Required beforehand: 0.90 each, less three standard errors of the simulation."""
    rng = np.random.default_rng(0)
    shares = np.array([0.3, 0.7])  # of the two labels
    truth = float(macro_f1(2)(np.array([0.3 * 0.8, 0.3 * 0.2, 0.7 * 0.2, 0.7 * 0.8])))
    family = np.repeat(np.arange(8), 15)
    every = np.ones(120, dtype=bool)
    held = np.zeros(2)
    for _ in range(400):
        maker = Intervals(120, family=family)
        gold = rng.choice(2, 120, p=shares)
        rates = rng.beta(0.8 * 4, 0.2 * 4, size=(8, 2))  # an intra-class correlation of 0.2
        right = rng.random((2, 120)) < rates[family, gold]
        given = np.where(right, gold, 1 - gold)
        tables = [maker.table(every, gold * 2 + x, 4) for x in given]
        _, low, high = known(maker.score(tables[0], macro_f1(2)))
        held[0] += low <= truth <= high
        accuracy = np.stack([tables[0][:, [0, 3]].sum(1), tables[1][:, [0, 3]].sum(1)], axis=1)
        found = maker.difference(accuracy, lambda x: (x[..., 0] - x[..., 1]) / 120)
        _, low, high = known(found)
        held[1] += low <= 0 <= high
    assert (held / 400 >= 0.90 - 3 * (0.90 * 0.10 / 400) ** 0.5).all()


def test_a_difference_that_rests_on_one_family_is_not_certain() -> None:
    family = np.array([0] * 10 + [1] * 10)
    risky = flags(10, 20)
    maker = Intervals(20, family=family)
    table = np.stack([maker.table(risky), maker.table(risky & (np.arange(20) < 5))], axis=1)
    found = maker.difference(table, lambda x: ratio(x[..., 1], x[..., 0]))
    assert found == Estimate(0.5, -1.0, 1.0)


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


@pytest.mark.parametrize(
    ("prevalence", "hits", "of", "raised", "ordinary"),
    [(0.4, 19, 20, 2, 30), (0.001, 90, 100, 10, 1000), (0.9, 3, 3, 0, 5), (0.5, 0, 12, 7, 8)],
)
def test_precision_at_a_base_rate_has_the_quantiles_of_the_jeffreys_posteriors(
    prevalence: float, hits: int, of: int, raised: int, ordinary: int
) -> None:
    """By quadrature: P(precision <= x) = P(recall <= x / (1 - x) * odds * false rate)."""
    _, low, high = known(precision_at(prevalence, rate(hits, of), rate(raised, ordinary)))
    recall = beta(hits + 0.5, of - hits + 0.5)
    false_rates = beta(raised + 0.5, ordinary - raised + 0.5).ppf((np.arange(4000) + 0.5) / 4000)

    def below(x: float) -> float:
        odds = x / (1 - x) * (1 - prevalence) / prevalence
        return float(recall.cdf(odds * false_rates).mean())

    value = prevalence * hits / of
    value /= value + (1 - prevalence) * raised / ordinary
    # The interval always holds the value, which lies outside of the quantiles at the edges.
    if low < value:
        assert below(low) == pytest.approx(0.025, abs=0.005)
    if high > value:
        assert below(high) == pytest.approx(0.975, abs=0.005)


def test_a_figure_of_one_family_alone_has_no_bounds() -> None:
    maker = Intervals(10, family=np.zeros(10, dtype=np.int64))
    table = np.stack([maker.table(flags(4, 10)), maker.table(flags(10, 10))], axis=1)
    found = maker.score(table, lambda x: ratio(x[..., 0], x[..., 1]))
    assert found == Estimate(0.4, 0.0, 1.0)


def effective(hit: NDArray[np.bool_], weight: NDArray[np.float64], names: list[int]) -> float:
    """The effective number of rows as the module describes it, one family after the other."""
    total, share = weight.sum(), float(np.average(hit, weights=weight))
    rows = total**2 / (weight**2).sum()
    families = [[i for i, x in enumerate(names) if x == name] for name in sorted(set(names))]
    size = sum(weight[f].sum() ** 2 for f in families) / (weight**2).sum()
    supposed = 1 + 0.3 * (size - 1)
    with_hit = sum(hit[f].any() for f in families)
    with_miss = sum(not hit[f].all() for f in families)
    evidence, count = min(with_hit, with_miss) - 1, len(families)
    design = supposed
    if evidence > 0:
        spread = sum((weight[f] * (hit[f] - share)).sum() ** 2 for f in families) / total**2
        measured = count / (count - 1) * spread / (share * (1 - share) / (rows - 1))
        design = (evidence * measured + 4 * supposed) / (evidence + 4)
    quantiles = t.ppf(0.975, len(hit) - 1) / t.ppf(0.975, count - 1)
    return float(rows / max(1.0, design) * quantiles**2)


@given(st.integers(0, 10_000))
def test_the_effective_number_of_rows_is_the_one_that_the_docs_describe(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = rng.integers(0, rng.integers(3, 9), 30)
    weight = rng.choice([0.5, 1.0, 3.0], 30)
    hit = rng.random(30) < np.where(rng.random(9) < 0.5, 0.05, 0.9)[names]
    if len(set(names.tolist())) < 2:
        return
    found = Intervals(30, weight, names).proportion(hit, np.ones(30, dtype=bool))
    assert found.effective == pytest.approx(effective(hit, weight, names.tolist()))


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


def test_mcnemar_by_families_does_not_take_posts_lost_together_for_evidence() -> None:
    ours, theirs = np.zeros(100, dtype=bool), np.zeros(100, dtype=bool)
    theirs[:20] = True  # 20 posts that only they find
    assert mcnemar(ours, theirs).p_value < 1e-5
    found = mcnemar(ours, theirs, np.arange(100) // 10)  # of two families
    assert found.only_theirs == 20
    assert found.p_value == pytest.approx(2 / 4)
    assert mcnemar(ours, theirs, np.arange(100)).p_value == pytest.approx(2 / 2**20)


def test_mcnemar_by_families_counts_every_toss_of_coins() -> None:
    rng = np.random.default_rng(0)
    family = rng.integers(0, 9, 60)
    ours, theirs = rng.random(60) < 0.6, rng.random(60) < 0.5
    sums = np.bincount(family, ours.astype(int) - theirs, 9)
    tosses = np.array(list(product((-1, 1), repeat=9))) @ sums
    expected = float(np.mean(np.abs(tosses) >= abs(sums.sum())))
    assert mcnemar(ours, theirs, family).p_value == pytest.approx(expected)


def test_mcnemar_by_families_rarely_finds_a_difference_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(20), 10)
    by_rows, by_families = [], []
    for _ in range(300):
        # In each family one of the two is better, by the toss of a coin.
        better = (rng.random(20) < 0.5)[family]
        ours = rng.random(200) < np.where(better, 0.8, 0.4)
        theirs = rng.random(200) < np.where(better, 0.4, 0.8)
        by_rows.append(mcnemar(ours, theirs).p_value < 0.05)
        by_families.append(mcnemar(ours, theirs, family).p_value < 0.05)
    assert np.mean(by_families) <= 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5
    assert np.mean(by_rows) > 0.15


def test_mcnemar_of_very_many_rows_is_quick_and_a_probability() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.random(200_000) < 0.5, rng.random(200_000) < 0.5
    family = rng.integers(0, 20_000, 200_000)
    for found in (mcnemar(ours, theirs), mcnemar(ours, theirs, family)):
        assert 0.001 < found.p_value <= 1
