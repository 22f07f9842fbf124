"""Temperature, bias and thresholds are fitted on what is served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskclf.calibration import (
    choose_operating_point,
    fit_calibration,
    fit_stacker,
    fit_temperature_and_bias,
    served_risk,
)
from riskclf.decide import OperatingPoint, probabilities, served_rows, windows_read
from riskclf.encoder import Outputs
from riskclf.errors import OperatingPointError
from riskclf.manifest import Manifest
from riskclf.stacker import EXPERTS, Stacker
from riskclf.tokens import Encoding, Tokenizer
from tests.models import outputs_of

LABELS = ("minor_solicitation", "adult_solicitation", "benign")


def manifest() -> Manifest:
    points = {"standard": OperatingPoint(flag=0.8, review=0.3)}
    return Manifest(LABELS, LABELS[:2], points, temperature=1.0, prevalence=0.5)


@pytest.mark.parametrize(("temperature", "bias"), [(0.5, 0.0), (1.0, -1.5), (2.5, 0.7)])
def test_temperature_and_bias_are_found_again(temperature: float, bias: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (5_000, 3)).astype(np.float32)
    is_risk = np.array([True, True, False])
    # Soft targets that such a calibration explains exactly.
    targets = probabilities(logits, temperature, bias * is_risk.astype(np.float64))
    found = fit_temperature_and_bias(logits, targets, is_risk)
    assert found == pytest.approx((temperature, bias), abs=1e-3)


def test_the_riskiest_window_is_what_is_fitted(tokenizer: Tokenizer) -> None:
    long = "今日は図書館で本を借りました。" * 20
    encodings = tokenizer.encode_batch([long] * 40)
    counts = [len(read) for read in windows_read(encodings, manifest())]
    assert min(counts) > 1
    # The first window says nothing. Of half of the posts another one does, a little too loudly.
    rows = []
    for post, count in enumerate(counts):
        windows = np.tile([-6.0, -6.0, 0.0], (count, 1))
        windows[count - 1] = (4.0, -4.0, 0.0) if post % 2 else (-4.0, -4.0, 0.0)
        rows.append(windows)
    outputs = outputs_of(np.concatenate(rows).astype(np.float32))
    last = outputs.logits[np.cumsum(counts) - 1]
    targets = probabilities(last, 2.0)
    fitted = fit_calibration(encodings, outputs, targets, manifest(), biased=False)
    assert fitted.temperature == pytest.approx(2.0, rel=1e-2)
    expected = targets[:, :2].sum(axis=1)
    assert served_risk(encodings, outputs, fitted) == pytest.approx(expected, abs=1e-2)


def test_a_model_without_risk_labels_is_fitted_on_the_heads(tokenizer: Tokenizer) -> None:
    topics = Manifest(("a", "b"), (), {}, temperature=1.0, prevalence=0.0)
    encodings = tokenizer.encode_batch(["雨", "空 " * 200])
    outputs = outputs_of(np.array([[2.0, 0.0], [0.0, 2.0]]))
    targets = np.array([[0.7, 0.3], [0.3, 0.7]])
    fitted = fit_calibration(encodings, outputs, targets, topics, biased=False)
    expected = probabilities(outputs.logits, fitted.temperature)
    assert expected[0, 0] == pytest.approx(0.7, abs=1e-3)
    assert fitted.bias == 0


def test_with_experts_a_stacker_is_fitted_on_the_windows_that_are_served(
    tokenizer: Tokenizer,
) -> None:
    rng = np.random.default_rng(0)
    encodings = tokenizer.encode_batch(["今日は図書館で本を借りました。" * 20] * 60)
    count = sum(len(read) for read in windows_read(encodings, manifest()))
    logits = rng.normal(0, 2, (3, count, 3)).astype(np.float32)
    logits[:, :, :2] -= 9 * (np.arange(count) % (count // 60) != 1)[:, None]  # all agree on one
    outputs = replace(outputs_of(logits[0]), ngrams=logits[1], neighbours=logits[2])
    targets = rng.dirichlet([1, 1, 1], 60)
    weights = rng.uniform(0.5, 2, 60)
    fitted = fit_calibration(encodings, outputs, targets, manifest(), biased=True, weights=weights)
    assert fitted.stacker is not None
    assert (fitted.temperature, fitted.bias) == (1.0, 0.0)
    # Fitted on the rows that it then serves, nothing changes any more.
    rows = served_rows(encodings, outputs, fitted)
    served = logits[:, rows].astype(np.float64)
    again = fit_stacker(served, targets, weights, fitted.is_risk, EXPERTS)
    assert again.risk == pytest.approx(fitted.stacker.risk, abs=1e-6)
    assert again.side == pytest.approx(fitted.stacker.side, abs=1e-6)
    # A stacker of these experts is where it starts from; one of others is not.
    away = replace(fitted, stacker=Stacker(EXPERTS, (9.0, 9.0, 9.0), (9.0, 9.0, 9.0), 9.0))
    few = encodings[:2], outputs_of_first(outputs, encodings[:2]), targets[:2]
    near = fit_calibration(*few, away, biased=False).stacker
    assert near is not None and min(near.risk) > 2
    two = fit_calibration(*few, away, biased=False, experts=EXPERTS[:2]).stacker
    assert two is not None and two.experts == EXPERTS[:2] and max(two.risk) < 2


def outputs_of_first(outputs: Outputs, encodings: Sequence[Encoding]) -> Outputs:
    count = sum(len(read) for read in windows_read(encodings, manifest()))
    assert outputs.ngrams is not None and outputs.neighbours is not None
    first = outputs_of(outputs.logits[:count])
    return replace(first, ngrams=outputs.ngrams[:count], neighbours=outputs.neighbours[:count])


@given(st.integers(0, 10_000))
def test_flag_is_the_lowest_threshold_with_the_weighted_precision_and_its_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    risk, weights = rng.choice(np.linspace(0.05, 0.95, 12), 40), rng.choice([0.5, 1.0, 6.0], 40)
    target = (rng.random(40) < risk).astype(float)

    def bound(right: Any, flagged: Any) -> float:
        return (float(right.sum()) - 1) / float(flagged.sum())

    def does(at: float) -> bool:
        flagged = risk >= at
        reached = (weights * target)[flagged].sum() / weights[flagged].sum() >= 0.6 - 1e-9
        return bool(reached and bound(flagged & (target == 1), flagged) >= 0.6)

    expected = min((x for x in risk if does(x)), default=None)
    try:
        found = choose_operating_point(
            risk, target, precision=0.6, recall=0.9, weights=weights, bound=bound
        )
    except OperatingPointError as error:
        assert (expected is None) == ("no threshold reaches" in str(error))
        return
    assert found.flag == expected


def test_flag_reaches_the_precision_with_unclear_posts_counted_as_wrong() -> None:
    risk = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.2])
    target = np.array([1, 1, 0.5, 1, 0, 1])
    point = choose_operating_point(risk, target, precision=0.75, recall=1)
    assert point.flag == 0.6  # 3 of 4; at 0.7 it is 2 of 3
    assert point.review < 0.6


def test_review_reaches_the_recall_and_most_of_the_unclear_posts() -> None:
    risk = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.1])
    target = np.array([1, 1, 1, 1, 0.5, 0])
    assert choose_operating_point(risk, target, precision=1, recall=1).review == 0.3


@given(st.integers(0, 1000))
def test_chosen_thresholds_do_what_they_are_chosen_for(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = (rng.random(60) < 0.4).astype(float)
    risk = np.clip(rng.normal(0.3 + 0.4 * target, 0.2), 0.001, 0.999)
    try:
        point = choose_operating_point(risk, target, precision=0.8, recall=0.9)
    except OperatingPointError:
        return
    assert target[risk >= point.flag].mean() >= 0.8
    assert (risk[target == 1] >= point.review).mean() >= 0.9
    assert point.review < point.flag


@pytest.mark.parametrize(
    ("risk", "target", "message"),
    [
        ([0.9, 0.1], [0, 0], "no risky posts"),
        ([0.9, 0.1], [0, 1], "precision"),
        ([0.9, 0.9], [1, 1], "0 < review < flag"),
    ],
)
def test_thresholds_that_cannot_be_chosen_are_refused(
    risk: list[float], target: list[float], message: str
) -> None:
    with pytest.raises(OperatingPointError, match=message):
        choose_operating_point(np.array(risk), np.array(target), precision=0.9, recall=0.9)
