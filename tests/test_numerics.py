"""Log-odds and softmax: what scipy says, to the last digits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special

from riskclf import numerics

_LOGITS = arrays(
    np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.floats(-1e6, 1e6)
)


@pytest.mark.parametrize("name", ["expit", "log_expit"])
@given(values=_LOGITS)
def test_of_log_odds(name: str, values: np.ndarray) -> None:
    found = getattr(numerics, name)(values)
    np.testing.assert_allclose(found, getattr(special, name)(values), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", ["logsumexp", "log_softmax", "softmax"])
@given(values=_LOGITS, axis=st.integers(0, 1))
def test_along_an_axis(name: str, values: np.ndarray, axis: int) -> None:
    found = getattr(numerics, name)(values, axis)
    np.testing.assert_allclose(
        found, getattr(special, name)(values, axis=axis), rtol=1e-9, atol=1e-12
    )


@given(probability=st.floats(0, 1))
def test_log_odds_of_a_probability(probability: float) -> None:
    found = numerics.logit(probability)
    np.testing.assert_allclose(found, special.logit(probability), rtol=1e-12, atol=1e-15)


def test_certainty_is_infinite_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert numerics.logit([0.0, 1.0]).tolist() == [-np.inf, np.inf]
        assert numerics.expit([-np.inf, np.inf]).tolist() == [0.0, 1.0]
