"""Calibration by temperature, thresholds, and posts that the model could not read."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskclf.decide import (
    OperatingPoint,
    decide,
    prior_shift,
    probabilities,
    shifted,
)
from riskclf.errors import InputError, OperatingPointError
from riskclf.labels import UNREAD_CODES, Decision, ReasonCode

POINT = OperatingPoint(flag=0.8, review=0.4)
LOGITS = np.array([[2.0, 0.0, -1.0], [-0.5, 0.25, 3.0]], dtype=np.float32)
unit = st.floats(0, 1)


def test_temperature_one_is_softmax() -> None:
    expected = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities(LOGITS, 1), expected, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.25, 1, 4])
def test_temperature_divides_the_logits(temperature: float) -> None:
    found = probabilities(LOGITS, temperature)
    np.testing.assert_allclose(found, probabilities(LOGITS / np.float32(temperature), 1))
    assert found.dtype == np.float64


@given(st.lists(st.floats(-1000, 1000, width=32), min_size=2, max_size=7), st.floats(0.05, 20))
def test_probabilities_add_up_to_one_and_keep_the_order(
    row: list[float], temperature: float
) -> None:
    logits = np.array([row], dtype=np.float32)
    found = probabilities(logits, temperature)[0]
    assert abs(found.sum() - 1) < 1e-9
    assert found[logits[0].argmax()] == found.max()


@pytest.mark.parametrize(
    ("risk", "expected"),
    [
        (0, "clear"),
        (math.nextafter(0.4, 0), "clear"),
        (0.4, "review"),
        (math.nextafter(0.8, 0), "review"),
        (0.8, "flag"),
        (1, "flag"),
    ],
)
def test_a_threshold_belongs_to_the_decision_above_it(risk: float, expected: Decision) -> None:
    assert decide(risk, POINT) == expected


@given(unit, unit)
def test_more_risk_never_means_less_attention(one: float, other: float) -> None:
    attention = {"clear": 0, "review": 1, "flag": 2}
    low, high = sorted((one, other))
    assert attention[decide(low, POINT)] <= attention[decide(high, POINT)]


@given(unit, st.sampled_from(sorted(UNREAD_CODES)))
def test_text_that_could_not_be_read_is_never_clear(risk: float, code: ReasonCode) -> None:
    assert decide(risk, POINT, (code,)) == ("flag" if risk >= POINT.flag else "review")


@given(unit, st.sampled_from(sorted(UNREAD_CODES)))
def test_without_an_operating_point_only_what_could_not_be_read_is_reviewed(
    risk: float, code: ReasonCode
) -> None:
    assert decide(risk, None) == "clear"
    assert decide(risk, None, (code,)) == "review"


@pytest.mark.parametrize(
    ("flag", "review"),
    [
        (0.4, 0.8),
        (0.5, 0.5),
        (0.5, 0),
        (1, 0.5),
        (0.5, -0.1),
        (1.5, 0.5),
        (math.nan, 0.5),
        (0.5, math.nan),
        (math.inf, 0.5),
    ],
)
def test_thresholds_that_cannot_be_used_are_refused(flag: float, review: float) -> None:
    with pytest.raises(OperatingPointError, match="review") as caught:
        OperatingPoint(flag=flag, review=review)
    assert "\n" not in str(caught.value)


def test_another_base_rate_moves_the_odds_by_the_ratio_of_the_base_rates() -> None:
    # Bayes by counting: of 1,000 posts 200 are risky; a cue stands in 90 % of those, in 5 % others.
    risk_at_200 = 180 / (180 + 40)
    risk_at_10 = 9 / (9 + 990 * 0.05)
    logits = np.log(np.array([[risk_at_200 / 2, risk_at_200 / 2, 1 - risk_at_200]], np.float32))
    is_risk = np.array([True, True, False])
    found = shifted(probabilities(logits, 1), is_risk, prior_shift(0.2, 0.01))[0]
    assert found[:2].sum() == pytest.approx(risk_at_10, rel=1e-5)
    assert found[0] == pytest.approx(found[1])


def test_the_same_base_rate_changes_nothing() -> None:
    assert prior_shift(0.2, 0.2) == 0
    assert POINT.shifted(0) == POINT


@given(unit, st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_a_shifted_operating_point_decides_as_before(
    risk: float, calibrated: float, prevalence: float
) -> None:
    shift = prior_shift(calibrated, prevalence)
    logits = np.array([[math.log(max(risk, 1e-6)), math.log(max(1 - risk, 1e-6))]], np.float32)
    scores = probabilities(logits, 1)
    moved = shifted(scores, np.array([True, False]), shift)
    before, after = float(scores[0, 0]), float(moved[0, 0])
    if min(abs(before - POINT.flag), abs(before - POINT.review)) > 1e-6:
        assert decide(after, POINT.shifted(shift)) == decide(before, POINT)


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, 1.5, math.nan])
def test_a_prevalence_that_is_no_share_is_refused(prevalence: float) -> None:
    with pytest.raises(InputError, match="prevalence"):
        prior_shift(0.2, prevalence)
