"""Two models on the same posts: differences, tests, and the posts that they differ on."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from riskclf import evaluate
from riskclf.labels import Prediction
from tests.evaluation.helpers import (
    BENIGN,
    MINOR,
    Fake,
    Worse,
    measure,
    only,
    rows_of,
)


def test_another_model_is_scored_on_the_same_rows() -> None:
    rows = rows_of(400)
    result = measure(rows, against=[Worse()])
    found = only(result)
    ours, theirs = found["ours"], found["theirs"]
    assert ours["recall"]["value"] > theirs["recall"]["value"]
    alone = evaluate(rows, model=Worse()).figures.to_dict()
    assert theirs["recall"] == alone["operating_points"]["flag_or_review"]["recall"]
    difference = found["difference"]["recall"]
    expected = ours["recall"]["value"] - theirs["recall"]["value"]
    assert difference["value"] == pytest.approx(expected)
    assert 0 < difference["low"] < difference["value"] < difference["high"]
    assert found["macro_f1"]["theirs"]["value"] == pytest.approx(alone["macro"]["f1"]["value"])
    expected = found["macro_f1"]["ours"]["value"] - found["macro_f1"]["theirs"]["value"]
    assert found["difference"]["macro_f1"]["value"] == pytest.approx(expected)
    test = found["mcnemar"]["risky"]
    assert test["both"] + test["only_ours"] == ours["recall"]["hits"]
    assert test["both"] + test["only_theirs"] == theirs["recall"]["hits"]
    assert test["p_value"] < 0.001


def test_a_model_does_not_differ_from_itself() -> None:
    result = measure(rows_of(100), against=[Fake()])
    found = only(result)
    assert found["differ"] == 0 and len(result.differing[0]) == 0
    for difference in found["difference"].values():
        assert (difference["value"], difference["low"], difference["high"]) == (0, 0, 0)
    assert [x["p_value"] for x in found["mcnemar"].values()] == [1, 1, 1]


def test_the_posts_on_which_they_differ_are_listed_by_id(tmp_path: Path) -> None:
    rows = rows_of(100)
    result = measure(rows, against=[Worse()])
    result.save(tmp_path)
    with (tmp_path / "differences-1.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    found, other = (
        list(Fake().stream(x["text"] for x in rows)),
        list(Worse().stream(x["text"] for x in rows)),
    )
    expected = [
        (f"p{n}", str(x.decision == "clear").lower())
        for n, (x, y) in enumerate(zip(found, other, strict=True))
        if (x.decision == "clear") != (y.decision == "clear")
    ]
    assert [(x["id"], x["other_alarm"]) for x in listed] == expected
    assert "text" not in listed[0]
    result.save(tmp_path, include_text=True)
    with (tmp_path / "differences-1.csv").open(encoding="utf-8", newline="") as file:
        assert {x["id"]: x["text"] for x in csv.DictReader(file)} == {
            x["id"]: x["text"] for x in rows if x["id"] in dict(expected)
        }


def test_several_comparisons_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("0.9\n")
    others: list[Any] = [Worse(), f"keywords={tmp_path / 'words.txt'}"]
    result = measure(rows_of(100), against=others)
    result.save(tmp_path / "report")
    assert [x["name"] for x in result.figures.to_dict()["comparisons"]] == [
        "another model",
        "words.txt",
    ]
    for number in (1, 2):
        lines = (tmp_path / "report" / f"differences-{number}.csv").read_text().splitlines()
        assert len(lines) == 1 + result.figures.to_dict()["comparisons"][number - 1]["differ"]


def test_posts_of_one_family_lost_together_are_not_taken_for_evidence() -> None:
    rows = [
        {"text": "0.9 0.05 0.05", "label": MINOR, "family": number // 10} for number in range(80)
    ]
    rows += [{"text": "0.1 0.1 0.8", "label": BENIGN, "family": 99} for _ in range(10)]

    class Blind(Fake):
        """Takes the first two families for benign."""

        def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
            return super().stream("0.1 0.1 0.8" if n < 20 else post for n, post in enumerate(posts))

    with_families = measure(rows, against=[Blind()]).figures.comparisons[0]
    for row in rows:
        del row["family"]
    without = measure(rows, against=[Blind()]).figures.comparisons[0]
    assert with_families.mcnemar.risky.only_ours == without.mcnemar.risky.only_ours == 20
    assert with_families.mcnemar.risky.p_value == pytest.approx(0.5)
    assert without.mcnemar.risky.p_value < 1e-5
    low, high = with_families.difference.recall.low, without.difference.recall.low
    assert low is not None and high is not None
    assert low < 0 < high
    assert with_families.difference.recall.value == without.difference.recall.value == 0.25


def test_macro_f1_of_two_models_that_are_always_right_is_not_certain() -> None:
    rows = [{"text": "0.9 0.05 0.05", "label": MINOR}] * 5
    rows += [{"text": "0.1 0.1 0.8", "label": BENIGN}] * 5
    found = measure(rows, against=[Fake()]).figures.comparisons[0].macro_f1
    assert found is not None and found.ours.low is not None
    assert found.ours.value == 1 and found.ours.low < 0.8
