"""The estimates are QuaPy's, and their intervals know what the labelled posts do not."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from quapy.method.aggregative import ACC, CC, EMQ, PACC
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from riskclf.volume.labelled import Labelled, groups_of
from riskclf.volume.quantifiers import METHODS, estimate
from riskclf.volume.stream import Month
from tests.volume.helpers import LABELS

RISK = np.array([True, True, False])


def _known(risks: Any, risky: Any, family: Any = None) -> Labelled:
    risks, risky = np.asarray(risks, dtype=float), np.asarray(risky)
    count = len(risks)
    families = np.full(count, -1) if family is None else np.asarray(family)
    group, named = groups_of(families, np.random.default_rng(0))
    return Labelled(
        LABELS,
        LABELS[:2],
        np.eye(3)[np.where(risky, 0, 2)],
        _scores(risks),
        risks > 0.5,
        np.ones(count),
        families,
        group,
        named,
    )


def _scores(risks: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([0.75 * risks, 0.25 * risks, 1 - risks], axis=1)


def _month(risks: NDArray[np.float64], name: str = "2026-01") -> Month:
    month = Month(name)
    month.add(_scores(risks), risks > 0.5, RISK)
    return month


def _drawn(rng: np.random.Generator, risky: int, benign: int) -> NDArray[np.float64]:
    return np.concatenate([rng.beta(4, 2, risky), rng.beta(1, 8, benign)])


class _AsGiven(BaseEstimator):  # type: ignore[misc]
    """A classifier for QuaPy whose posts are their probabilities."""

    def __init__(self) -> None:
        self.classes_ = np.array([0, 1])

    def fit(self, *_: Any) -> Any:
        return self

    def predict_proba(self, x: Any) -> Any:
        return x

    def predict(self, x: Any) -> Any:
        return (x[:, 1] > 0.5).astype(int)


@pytest.mark.parametrize("method", METHODS)
def test_the_estimate_is_that_of_quapy_on_the_same_posts(method: str) -> None:
    rng = np.random.default_rng(3)
    risks, stream = _drawn(rng, 300, 700), _drawn(rng, 200, 3800)
    y = np.repeat([1, 0], [300, 700])
    found = estimate(_known(risks, y == 1), [_month(stream)], method, draws=20).shares[0]
    x, z = (np.stack([1 - risk, risk], axis=1) for risk in (risks, stream))
    if method == "emq":
        odds = np.log(risks / (1 - risks))[:, None]
        platt = LogisticRegression(C=1e6).fit(odds, y)
        x, z = (platt.predict_proba(np.log(part[:, 1:] / part[:, :1])) for part in (x, z))
    theirs: Any = {
        "cc": CC(_AsGiven(), fit_classifier=False),
        "acc": ACC(_AsGiven(), fit_classifier=False, val_split=None),
        "pacc": PACC(_AsGiven(), fit_classifier=False, val_split=None),
        "emq": EMQ(_AsGiven(), fit_classifier=False),
    }[method]
    theirs.fit(x, y)
    expected = theirs.predict(z)
    # For EMQ, some posts stand for all.
    assert found == pytest.approx(expected, abs=2e-3 if method == "emq" else 1e-4)


@pytest.mark.parametrize("method", ["acc", "pacc"])
def test_intervals_hold_where_no_false_positive_was_seen(method: str) -> None:
    """0.3 % of ordinary posts are flagged, of 500 labelled ones often none; 0.5 % are risky."""
    held = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        alarms = rng.random(500) < 0.003
        risks = np.concatenate([np.full(60, 0.9), np.where(alarms, 0.9, 0.001)])
        known = _known(risks, np.repeat([True, False], [60, 500]))
        false = rng.binomial(99_500, 0.003)
        month, stream = Month("2026-01"), np.array([0.9, 0.001])
        counts = np.array([500.0 + false, 99_500.0 - false])
        month.add_counted(_scores(stream), stream > 0.5, RISK, counts)
        draws = estimate(known, [month], method, draws=400, seed=seed).draws[:, 0, 1]
        low, high = np.percentile(draws, [2.5, 97.5])
        held.append(low <= 0.005 <= high)
    assert np.mean(held) >= 0.93


def test_families_make_the_interval_wider_than_single_posts_do() -> None:
    rng = np.random.default_rng(0)
    # 20 families of 10 posts that are found or missed together.
    found = np.repeat(rng.random(20) < 0.6, 10)
    risks = np.concatenate([np.where(found, 0.9, 0.05), np.full(400, 0.01)])
    risky = np.repeat([True, False], [200, 400])
    family = np.concatenate([np.repeat(np.arange(20), 10), np.full(400, -1)])
    stream = [_month(np.repeat([0.9, 0.01], [600, 9400]))]
    widths = []
    for named in (None, family):
        draws = estimate(_known(risks, risky, named), stream, "acc").draws[:, 0, 1]
        widths.append(float(np.ptp(np.percentile(draws, [2.5, 97.5]))))
    assert widths[1] > 3 * widths[0]


def test_one_error_of_the_classifier_is_drawn_for_all_months() -> None:
    rng = np.random.default_rng(1)
    known = _known(_drawn(rng, 100, 400), np.repeat([True, False], [100, 400]))
    months = [_month(_drawn(rng, count, 100_000 - count)) for count in (6000, 5000)]
    draws = estimate(known, months, "pacc").draws[..., 1]
    assert np.asarray(np.corrcoef(draws.T))[0, 1] > 0.9
    assert (draws[:, 1] < draws[:, 0]).mean() > 0.99


def test_with_families_each_month_has_scenarios_of_its_own() -> None:
    rng = np.random.default_rng(1)
    risks, risky = _drawn(rng, 120, 400), np.repeat([True, False], [120, 400])
    months = [_month(_drawn(rng, count, 100_000 - count)) for count in (6000, 5000)]
    spread = []
    for family in (None, np.arange(520) // 4):
        draws = estimate(_known(risks, risky, family), months, "pacc").draws[..., 1]
        spread.append(float((draws[:, 1] - draws[:, 0]).std()))
    assert spread[1] > 2 * spread[0]


def test_weights_say_how_many_posts_each_stands_for() -> None:
    rng = np.random.default_rng(2)
    risks, risky = _drawn(rng, 60, 200), np.repeat([True, False], [60, 200])
    known = _known(risks, risky)
    twice = np.concatenate([np.arange(260), np.flatnonzero(risks > 0.4)])
    weighted = replace(known, weight=np.where(risks > 0.4, 2.0, 1.0))
    stream = [_month(_drawn(rng, 50, 950))]
    expected = estimate(_known(risks[twice], risky[twice]), stream, "pacc", draws=10).shares
    assert estimate(weighted, stream, "pacc", draws=10).shares == pytest.approx(expected)


def test_quapy_is_loaded_on_first_use_and_asks_no_network() -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise SystemExit('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "import riskclf.volume.estimation\n"
        "assert 'quapy' not in sys.modules\n"
        "from riskclf.volume import quantifiers\n"
        "import numpy as np\n"
        "print(quantifiers._solve(np.eye(2)[None], np.array([[[0.9, 0.1]]]))[0, 0, 1])\n"
        "assert 'quapy' in sys.modules\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.stdout.strip() == "0.1", done.stderr
