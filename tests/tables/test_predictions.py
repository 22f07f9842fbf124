"""A prediction survives a table, and the table says which labels are risks."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskclf.labels import Prediction
from riskclf.tables import create_table
from riskclf.tables.predictions import (
    free_columns,
    prediction_columns,
    prediction_values,
    read_risk_labels,
    scored_labels,
    scored_prefix,
)
from tests.tables.helpers import FORMATS, read

LABELS = ("a", "b b", "c_d")
PREDICTION = Prediction(
    "a",
    {"a": 0.51234567, "b b": 0.25, "c_d": 0.23765433},
    0.75,
    "flag",
    False,
    reason_codes=("blank",),
)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("risks", [("a", "b b"), ("c_d",), (), LABELS])
def test_the_risk_labels_of_a_table_survive_every_format(
    format: str, risks: tuple[str, ...], tmp_path: Path
) -> None:
    added = free_columns(prediction_columns(LABELS), ["text", "label"])
    values = dict(zip(added, prediction_values(PREDICTION, risks), strict=True))
    path = tmp_path / f"t.{format}"
    with create_table(path, columns=("text", "label"), added=added) as table:
        table.write([{"text": "雨", "label": "x", **values}])
        table.commit()
    ((row,), _) = read(path)
    columns = list(row.values)
    assert scored_prefix(columns) == "riskclf_"
    assert scored_labels(columns, "riskclf_") == LABELS
    assert read_risk_labels(row.values["riskclf_risk_labels"], LABELS) == risks
    assert float(row.values["riskclf_score_a"]) == 0.512346
    assert row.values["riskclf_reasons"] == "blank"


def test_of_two_predictions_the_last_one_is_found() -> None:
    columns = ["text"]
    for expected in ("", "riskclf_", "riskclf_riskclf_"):
        columns += free_columns(prediction_columns(LABELS), columns)
        assert scored_prefix(columns) == expected
    assert scored_prefix(["text", "label", "risk"]) is None
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize("value", ["x", "a|x", "a||b b", "b b|", "a|a", 3, True])
def test_what_names_no_scored_labels_is_not_taken_for_risk_labels(value: object) -> None:
    assert read_risk_labels(value, LABELS) is None


def test_risk_labels_are_found_in_any_order_and_with_a_bar_in_their_name() -> None:
    assert read_risk_labels("c_d|a", LABELS) == ("a", "c_d")
    assert read_risk_labels("x|y|z", ("x|y", "z", "w")) == ("x|y", "z")
    assert read_risk_labels(None, LABELS) == ()
