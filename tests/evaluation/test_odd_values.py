"""Rows whose values are of no use in any column: they are rejected, and nothing breaks."""

from __future__ import annotations

from typing import Any

import pytest

from riskclf import evaluate
from riskclf.tables.predictions import prediction_columns
from tests.evaluation.helpers import ADULT, BENIGN, LABELS, MINOR

ODD: tuple[Any, ...] = (
    *([], {}, [1], {"a": [1]}, [[[]]], {BENIGN: 10**400}),
    *(10**400, -(10**400), 1e308, 1e-300, float("nan"), -1, True, None),
    *("", "x" * 100_000, "\ud800", "\0"),
)


def rows() -> list[dict[str, Any]]:
    return [
        {
            "text": f"今日は雨 {number}",
            "label": label,
            "id": f"{number}",
            "slice": "weather",
            "language": "ja",
            "family": f"{number % 4}",
            "weight": 1,
            "riskclf_label": label,
            "riskclf_decision": "flag" if risk else "clear",
            "riskclf_risk": risk,
            f"riskclf_score_{MINOR}": risk,
            f"riskclf_score_{ADULT}": 0.0,
            f"riskclf_score_{BENIGN}": 1 - risk,
            "riskclf_truncated": False,
            "riskclf_reasons": "",
            "riskclf_risk_labels": f"{MINOR}|{ADULT}",
        }
        for number in range(12)
        for label in [LABELS[number % 3]]
        for risk in [0.0 if label == BENIGN else 0.9]
    ]


@pytest.mark.parametrize("column", rows()[0])
def test_odd_values_in_a_column_cost_their_rows_at_most(column: str) -> None:
    assert set(prediction_columns(LABELS)) < {x.removeprefix("riskclf_") for x in rows()[0]}
    given = rows()
    for number, odd in enumerate(ODD):
        given.append(given[number % 12] | {column: odd})
    found = evaluate(given).figures.to_dict()["counts"]
    assert 12 <= found["rows"] <= len(given)
