"""Figures equal scikit-learn's, each with its counts and its interval."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from riskclf.evaluation.intervals import wilson
from riskclf.evaluation.metrics import TOO_WIDE, label_figures
from tests.evaluation.helpers import (
    ADULT,
    BENIGN,
    LABELS,
    MINOR,
    arrays,
    assert_close,
    measure,
    rows_of,
)


@pytest.mark.parametrize("weighted", [False, True])
def test_figures_equal_scikit_learns(weighted: bool) -> None:
    rows = rows_of(400)
    weight = None
    if weighted:
        weight = np.random.default_rng(5).uniform(0.2, 3, len(rows))
        rows = [row | {"weight": x} for row, x in zip(rows, weight, strict=True)]
    gold, predicted, scores = arrays(rows)
    found = measure(rows).figures.to_dict()

    columns = metrics.precision_recall_fscore_support(
        gold, predicted, labels=LABELS, sample_weight=weight
    )
    for index, label in enumerate(LABELS):
        own = found["labels"][label]
        assert own["precision"]["value"] == pytest.approx(columns[0][index])
        assert own["recall"]["value"] == pytest.approx(columns[1][index])
        assert own["f1"]["value"] == pytest.approx(columns[2][index])
        assert own["support"] == gold.count(label)
    for name, function in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        expected = function(gold, predicted, average="macro", sample_weight=weight)
        assert found["macro"][name]["value"] == pytest.approx(expected)
        assert found["macro"][name]["low"] < expected < found["macro"][name]["high"]
    expected = metrics.accuracy_score(gold, predicted, sample_weight=weight)
    assert found["accuracy"]["value"] == pytest.approx(expected)
    confusion = metrics.confusion_matrix(gold, predicted, labels=LABELS)
    assert found["confusion"] == {"labels": list(LABELS), "counts": confusion.tolist()}

    risky = [label != BENIGN for label in gold]
    risk = scores[:, :2].sum(axis=1)
    for name, true, score in (
        ("risk", risky, risk),
        (ADULT, np.array(gold) == ADULT, scores[:, 1]),
    ):
        pr = metrics.average_precision_score(true, score, sample_weight=weight)
        roc = metrics.roc_auc_score(true, score, sample_weight=weight)
        assert found["areas"][name] == {"pr": pytest.approx(pr), "roc": pytest.approx(roc)}
    for name, least in (("flag", 0.7), ("flag_or_review", 0.4)):
        point, alarm = found["operating_points"][name], risk >= least
        expected = metrics.precision_score(risky, alarm, sample_weight=weight)
        assert point["precision"]["value"] == pytest.approx(expected)
        expected = metrics.recall_score(risky, alarm, sample_weight=weight)
        assert point["recall"]["value"] == pytest.approx(expected)
        raised = 1 - metrics.recall_score(risky, alarm, pos_label=False, sample_weight=weight)
        assert point["false_positive_rate"]["value"] == pytest.approx(raised)
        assert point["workload"]["value"] == pytest.approx(np.average(alarm, weights=weight))
    brier = metrics.brier_score_loss(risky, risk, sample_weight=weight)
    assert found["calibration"]["brier"] == pytest.approx(brier)


def test_every_proportion_has_hits_total_and_a_wilson_interval() -> None:
    proportions: list[dict[str, Any]] = []

    def collect(value: Any) -> None:
        if isinstance(value, Mapping):
            if "hits" in value:
                proportions.append(dict(value))
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    rows = [row | {"slice": f"s{number % 3}"} for number, row in enumerate(rows_of(120))]
    collect(measure(rows).figures.to_dict())
    assert {x["of"] for x in proportions} >= {40, 120}  # slices and all rows are among them
    for found in proportions:
        if found["of"]:
            assert found["value"] == pytest.approx(found["hits"] / found["of"])
        expected = wilson(found["hits"], found["of"])
        assert (found["low"], found["high"]) == pytest.approx(expected)


def test_f1_is_as_sure_as_the_rows_allow_even_where_all_is_right() -> None:
    rows = [{"text": "0.9 0.05 0.05", "label": MINOR}] * 4
    rows += [{"text": "0.05 0.05 0.9", "label": BENIGN}] * 6
    found = measure(rows).figures.to_dict()
    low = wilson(4, 4)[0]
    assert found["labels"][MINOR]["f1"] == {
        "value": 1,
        "low": pytest.approx(2 * low / (1 + low)),
        "high": 1,
    }
    assert found["labels"][ADULT]["f1"] == {"value": None, "low": 0, "high": 1}
    assert found["macro"]["f1"]["value"] == 1
    assert found["macro"]["f1"]["low"] < 0.8


def test_the_interval_of_f1_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([[0.12, 0.03], [0.05, 0.8]])  # by gold and given label
    truth = 2 * 0.12 / (2 * 0.12 + 0.03 + 0.05)
    held = 0
    for _ in range(250):
        cell = rng.choice(4, size=150, p=shares.ravel())
        found = label_figures(("a", "b"), cell // 2, cell % 2).labels["a"].f1.to_dict()
        held += found["low"] <= truth <= found["high"]
    assert 0.91 <= held / 250 <= 0.99  # 95 %, give or take three standard errors


def test_families_widen_the_intervals_and_few_are_said_to_be_few() -> None:
    rows = rows_of(400)
    alone = measure(rows).figures.accuracy
    many = measure([row | {"family": number // 8} for number, row in enumerate(rows)]).figures
    assert many.counts.families == 50
    assert many.accuracy.families == 50
    assert any("Intervals allow for families" in note for note in many.notes)
    few = measure([row | {"family": number % 9} for number, row in enumerate(rows)]).figures
    assert any("There are only 9 families" in note for note in few.notes)
    for found in (many.accuracy, few.accuracy):
        assert found.value == alone.value and found.effective <= alone.effective
        assert found.low <= alone.low < alone.high <= found.high
    assert few.accuracy.effective < 200


def test_a_row_without_a_family_counts_as_one_of_its_own() -> None:
    rows = [
        row | {"family": "a" if number < 50 else None} for number, row in enumerate(rows_of(100))
    ]
    found = measure(rows).figures.to_dict()
    assert found["counts"]["families"] == 51
    assert any("50 rows name no family" in note for note in found["notes"])


def test_slices_and_languages_are_figures_of_their_rows_and_small_ones_are_marked() -> None:
    rows = rows_of(300)
    for number, row in enumerate(rows):
        row |= {"slice": "rare" if number < 6 else "学校", "language": "ja" if number % 2 else ""}
    found = measure(rows).figures.to_dict()
    assert set(found["slices"]) == {"rare", "学校"}
    assert set(found["languages"]) == {"ja", "(none)"}
    alone = measure([row for row in rows if row["slice"] == "学校"]).figures.to_dict()
    expected = alone["operating_points"]["flag_or_review"]["recall"]
    assert found["slices"]["学校"]["recall"] == expected
    assert found["slices"]["学校"]["too_small"] == []
    assert "recall" in found["slices"]["rare"]["too_small"]
    low, high = (found["slices"]["rare"]["recall"][x] for x in ("low", "high"))
    assert high - low > TOO_WIDE
    assert sum(x["counts"]["rows"] for x in found["languages"].values()) == 300


def test_of_very_many_slices_the_rarest_are_put_together_and_none_is_lost() -> None:
    rows = [row | {"slice": f"s{max(0, number - 49)}"} for number, row in enumerate(rows_of(350))]
    found = measure(rows).figures.to_dict()["slices"]
    assert found["s0"]["counts"]["rows"] == 50
    assert found["(all others)"]["counts"]["rows"] == 101
    assert len(found) == 201
    assert sum(x["counts"]["rows"] for x in found.values()) == 350


def test_unclear_posts_count_for_the_workload_and_apart_only() -> None:
    rows = rows_of(100)
    unclear = [
        {"text": "0.5 0.3 0.2", "label": "unclear"},
        {"text": "0.3 0.2 0.5", "label": {MINOR: 0.5, BENIGN: 0.5}},
        {"text": "0.1 0.1 0.8", "label": json.dumps({ADULT: 0.5, BENIGN: 0.5})},
    ]
    found, without = measure([*rows, *unclear]).figures.to_dict(), measure(rows).figures.to_dict()
    for name in ("labels", "macro", "accuracy", "confusion", "areas", "calibration", "curve"):
        assert_close(found[name], without[name])
    assert found["counts"]["unclear"] == 3
    assert found["operating_points"]["flag"]["workload"]["of"] == 103
    assert found["operating_points"]["flag"]["unclear_alarms"] == 1
    for name in ("precision", "recall", "false_positive_rate"):
        assert_close(*(x["operating_points"]["flag"][name] for x in (found, without)))
    shares = found["unclear"]
    assert (shares["all"]["flag"]["hits"], shares["all"]["flag_or_review"]["hits"]) == (1, 2)
    assert set(shares["kinds"]) == {
        "unclear",
        "minor_solicitation+benign",
        "adult_solicitation+benign",
    }
