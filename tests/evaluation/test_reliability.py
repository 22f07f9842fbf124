"""Calibration is measured in bins, and chance is not called an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.evaluation.helpers import (
    ADULT,
    BENIGN,
    MINOR,
    measure,
)


def test_calibration_bins_hold_all_rows_and_tell_risk_from_truth() -> None:
    rows = [
        {"text": "0.15 0.0 0.85", "label": MINOR},
        {"text": "0.17 0.0 0.83", "label": BENIGN},
        {"text": "1.0 0.0 0.0", "label": ADULT},
        {"text": "0.0 0.0 1.0", "label": "unclear"},
    ]
    found = measure(rows).figures.to_dict()["calibration"]
    assert [(x["from"], x["hits"], x["of"]) for x in found["bins"]] == [(0.1, 1, 2), (0.9, 1, 1)]
    assert found["bins"][0]["risk"] == pytest.approx(0.16)
    assert found["ece"] == pytest.approx((2 * (0.5 - 0.16) + 0) / 3)


def calibrated(rng: np.random.Generator, bend: float) -> list[dict[str, Any]]:
    """Posts whose truth is drawn from their risk, bent away from it by a power."""
    rows = []
    for risk in rng.uniform(0.02, 0.98, 300):
        label = MINOR if rng.random() < risk**bend else BENIGN
        rows.append({"text": f"{risk:.4f} 0.0 {1 - risk:.4f}", "label": label})
    return rows


def test_calibrated_risks_are_seldom_called_wrong_and_bent_ones_mostly() -> None:
    rng = np.random.default_rng(0)
    values = {
        bend: [
            measure(calibrated(rng, bend)).figures.to_dict()["calibration"]["ece_p_value"]
            for _ in range(60)
        ]
        for bend in (1.0, 2.0)
    }
    assert np.mean(np.array(values[1.0]) < 0.05) <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5
    assert 0.35 < np.mean(values[1.0]) < 0.65
    assert np.mean(np.array(values[2.0]) < 0.05) > 0.9
