"""Average precision is scikit-learn's, and its interval respects families."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from riskclf import evaluate
from riskclf.evaluation.intervals import Intervals
from tests.evaluation.helpers import Fake, rows_of
from training.experiments.ranking import average_precision, average_precision_of


def test_the_value_is_that_of_scikit_learn_also_where_risks_are_equal() -> None:
    rng = np.random.default_rng(0)
    risky = rng.random(300) < 0.2
    risk = np.round(np.clip(0.3 * risky + 0.7 * rng.random(300), 0, 1), 1).astype(np.float64)
    of = rng.random(300) < 0.9
    found = average_precision(risk, risky, of, Intervals(300))
    assert found.value == pytest.approx(average_precision_score(risky[of], risk[of]))
    assert found.value is not None and found.low is not None and found.high is not None
    assert found.low < found.value < found.high


def test_posts_that_come_in_families_tell_less() -> None:
    rng = np.random.default_rng(0)
    risky = rng.random(40) < 0.3
    risk = 0.3 * risky + 0.7 * rng.random(40)
    family = np.repeat(np.arange(40), 5)
    alone, together = (
        average_precision(np.repeat(risk, 5), np.repeat(risky, 5), np.ones(200, bool), intervals)
        for intervals in (Intervals(200), Intervals(200, None, family))
    )
    assert alone.value == together.value
    assert together.low is not None and alone.low is not None and together.low < alone.low


def test_without_a_risky_post_there_is_none() -> None:
    found = average_precision(
        np.array([0.1, 0.5]), np.zeros(2, bool), np.ones(2, bool), Intervals(2)
    )
    assert (found.value, found.low, found.high) == (None, None, None)


def test_unclear_posts_are_left_out() -> None:
    soft = {"text": "0.9 0.05 0.05", "label": '{"benign": 0.5, "adult_solicitation": 0.5}'}
    rows = evaluate([*rows_of(60), soft], model=Fake()).rows
    hard = rows.clearly
    expected = average_precision_score(rows.risky[hard], rows.risk[hard])
    assert average_precision_of(rows).value == pytest.approx(expected)
