"""Figures are typed, cannot be changed, and become the JSON of report.json."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from riskclf.evaluation.figures import Bin, Estimate, Proportion, Slice, Threshold
from tests.evaluation.helpers import measure, rows_of

SHARE = Proportion(hits=1, of=2, value=0.5, low=0.1, high=0.9, effective=2.0)


def test_a_figure_is_read_by_name_and_cannot_be_changed() -> None:
    figures = measure(rows_of(60)).figures
    assert figures.operating_points["flag"].precision.value is not None
    with pytest.raises(dataclasses.FrozenInstanceError):
        figures.accuracy.value = 1.0  # type: ignore[misc]


def test_what_does_not_apply_is_left_out_and_what_is_unknown_is_null() -> None:
    assert "families" not in SHARE.to_dict()
    assert dataclasses.replace(SHARE, families=2).to_dict()["families"] == 2
    assert Estimate(None, 0.0, 1.0).to_dict() == {"value": None, "low": 0.0, "high": 1.0}


def test_a_bin_has_the_keys_of_its_share_beside_its_own() -> None:
    assert Bin(0.1, 0.2, 0.15, SHARE).to_dict() == {
        "from": 0.1, "to": 0.2, "risk": 0.15,
        "hits": 1, "of": 2, "value": 0.5, "low": 0.1, "high": 0.9, "effective": 2.0,
    }  # fmt: skip


def test_the_json_of_an_evaluation_keeps_its_keys() -> None:
    rows = [row | {"slice": "a"} for row in rows_of(200)]
    result = measure(
        rows, prevalence=0.01, volume="100/hour", min_recall=0.8, against=["keywords=" + __file__]
    )
    found = result.figures.to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found) == {
        *("lang", "riskclf", "model", "data", "stream", "counts", "labels", "macro", "accuracy"),
        *("confusion", "areas", "operating_points", "other_risk_label", "unclear", "calibration"),
        *("curve", "slices", "first", "thresholds", "comparisons", "notes"),
    }
    assert {"recall", "recall_flag", "accuracy", "counts", "too_small"} < set(found["slices"]["a"])
    assert {"unit", "alarms", "found", "missed", "prevalence", "measured", "asked"} < set(
        found["thresholds"][0]
    )
    assert "macro_f1" not in found["comparisons"][0]


def test_types_of_figures_cost_nothing_to_import() -> None:
    code = (
        "import sys, riskclf.evaluation.figures\n"
        "print([x for x in ('numpy', 'sklearn', 'torch') if x in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_optional_parts_have_a_default() -> None:
    for kind in (Slice, Threshold):
        needed = {x.name for x in dataclasses.fields(kind) if x.default is dataclasses.MISSING}
        assert not {"recall", "measured", "expected"} & needed
