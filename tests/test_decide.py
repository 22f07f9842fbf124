"""Calibration by temperature, thresholds, and posts that the model could not read."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskclf.decide import UNREADABLE_SHARE, OperatingPoint, decide, probabilities
from riskclf.errors import OperatingPointError
from riskclf.labels import Decision

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
    assert decide(risk, 0, POINT) == expected


@given(unit, unit)
def test_more_risk_never_means_less_attention(one: float, other: float) -> None:
    attention = {"clear": 0, "review": 1, "flag": 2}
    low, high = sorted((one, other))
    assert attention[decide(low, 0, POINT)] <= attention[decide(high, 0, POINT)]


@given(unit, st.floats(UNREADABLE_SHARE, 1))
def test_text_that_could_not_be_read_is_never_clear(risk: float, unknown_share: float) -> None:
    assert decide(risk, unknown_share, POINT) == ("flag" if risk >= POINT.flag else "review")


def test_some_unknown_tokens_change_nothing() -> None:
    assert decide(0.1, math.nextafter(UNREADABLE_SHARE, 0), POINT) == "clear"


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
