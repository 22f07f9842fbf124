"""Thresholds meet their constraint, and say what they do on a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskclf import Evaluation
from riskclf.errors import EvaluationError, InputError
from riskclf.evaluation.sections import sections_of
from riskclf.evaluation.thresholds import Rate, halves
from tests.evaluation.helpers import (
    BENIGN,
    arrays,
    measure,
    rows_of,
)


def by_constraint(result: Evaluation) -> dict[str, Any]:
    return {x["constraint"]: x for x in result.figures.to_dict()["thresholds"]}


def test_precision_at_a_base_rate_is_lower_than_in_rich_rows() -> None:
    found = measure(rows_of(400), prevalence=0.001).figures.to_dict()["operating_points"]["flag"]
    recall, raised = (found[x]["value"] for x in ("recall", "false_positive_rate"))
    expected = 0.001 * recall / (0.001 * recall + 0.999 * raised)
    assert found["precision_at_prevalence"]["value"] == pytest.approx(expected)
    assert found["precision_at_prevalence"]["high"] < found["precision"]["low"]


def test_the_first_posts_of_a_stream_hold_what_a_drawn_stream_holds() -> None:
    rows = rows_of(6000, minor_solicitation=0.1, adult_solicitation=0.1, benign=0.8)
    (found,) = measure(rows, prevalence=0.01, volume="2000/hour").figures.to_dict()["first"]
    assert (found["first"], found["of"], found["resolved"]) == (20, 2000, True)
    gold, _, scores = arrays(rows)
    risky, risk = np.array(gold) != BENIGN, scores[:, :2].sum(axis=1)
    rng = np.random.default_rng(0)
    held = []
    for _ in range(300):
        ours, others = rng.choice(risk[risky], 20), rng.choice(risk[~risky], 1980)
        least = np.sort(np.concatenate([ours, others]))[-20]
        held.append((ours >= least).sum())
    assert found["risky"]["low"] < np.mean(held) < found["risky"]["high"]
    assert found["risky"]["value"] == pytest.approx(np.mean(held), rel=0.15)


def test_what_the_benign_rows_cannot_tell_is_said_to_be_unresolved() -> None:
    found = measure(rows_of(200), prevalence=0.001).figures.to_dict()["first"]
    assert [x["of"] for x in found] == [1_000, 10_000, 100_000]
    assert found[-1]["resolved"] is False
    assert found[0]["risky"]["high"] <= 1  # a thousand posts hold no more of them


@pytest.mark.parametrize(
    ("text", "per_hour"),
    [("20/hour", 20), ("480 / day", 20), ("1,000/hours", 1000), ("0.5/minute", 30)],
)
def test_rates_are_read(text: str, per_hour: float) -> None:
    assert Rate.parse(text).per("hour") == pytest.approx(per_hour)


@pytest.mark.parametrize("text", ["20", "hour", "20/fortnight", "-5/hour", "0/hour", "x/hour", "/"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a rate"):
        measure(rows_of(30), volume=text)


def test_thresholds_do_what_was_asked_on_the_rows_they_were_chosen_on() -> None:
    rows = rows_of(2000, minor_solicitation=0.1, adult_solicitation=0.1, benign=0.8)
    gold, _, scores = arrays(rows)
    risky, risk = np.array(gold) != BENIGN, scores[:, :2].sum(axis=1)
    found = by_constraint(
        measure(
            rows,
            capacity="100/hour",
            volume="2000/hour",
            min_recall=0.9,
            min_precision=0.8,
            same_rows=True,
        )
    )
    levels = np.unique(risk)
    full = found["capacity"]["threshold"]
    assert (risk >= full).mean() <= 0.05 < (risk >= levels[levels < full][-1]).mean()
    recall = found["recall"]["threshold"]
    assert (risk[risky] >= recall).mean() >= 0.9
    assert (risk[risky] >= levels[levels > recall][0]).mean() < 0.9
    precise = found["precision"]["threshold"]
    assert risky[risk >= precise].mean() >= 0.8
    lower = [risky[risk >= level].mean() for level in levels[levels < precise]]
    assert max(lower) < 0.8
    assert all(x["same_rows"] for x in found.values())


def test_thresholds_are_measured_on_families_that_they_were_not_chosen_on() -> None:
    rows = [row | {"family": f"f{number // 5}"} for number, row in enumerate(rows_of(500))]
    result = measure(rows, min_recall=0.9, volume="1000/day", prevalence=0.01)
    found = by_constraint(result)["recall"]
    one, other = halves(result.rows)
    assert result.rows.family is not None and one.family is not None and other.family is not None
    assert not set(one.family.codes) & set(other.family.codes)
    assert len(one) + len(other) == 500
    assert abs(int(one.risky.sum()) - int(other.risky.sum())) < 60
    measured = found["measured"]["recall"]
    assert measured["of"] == other.risky.sum()
    assert measured["hits"] == (other.risk[other.risky] >= found["threshold"]).sum()
    for name, opposite in (("value", "value"), ("low", "high"), ("high", "low")):
        assert found["missed"][name] == pytest.approx(10 * (1 - measured[opposite]))
        assert found["found"][name] == pytest.approx(10 * measured[name])
    assert found["alarms"]["low"] < found["alarms"]["value"] < found["alarms"]["high"]
    assert found["unit"] == "day"


def test_without_families_equal_texts_stay_on_one_side() -> None:
    rows = [row for row in rows_of(100) for _ in range(2)]
    one, other = halves(measure(rows).rows)
    assert not set(one.text_key) & set(other.text_key)


def test_choosing_and_measuring_on_the_same_rows_must_be_asked_for_by_name() -> None:
    rows = [row | {"family": "only one"} for row in rows_of(60)]
    with pytest.raises(EvaluationError, match=r"too few risky or benign posts .* --same-rows"):
        measure(rows, min_recall=0.9)
    (found,) = measure(rows, min_recall=0.9, same_rows=True).figures.to_dict()["thresholds"]
    assert found["chosen_on"] == found["measured_on"]


def test_a_constraint_out_of_reach_says_so(tmp_path: Path) -> None:
    rows = [row | {"text": "0.4 0.2 0.4"} for row in rows_of(60)]
    result = measure(rows, min_precision=0.99, same_rows=True)
    assert by_constraint(result)["precision"]["threshold"] is None
    result.save(tmp_path)
    assert "No threshold meets" in (tmp_path / "report.md").read_text(encoding="utf-8")


def with_unclear(count: int = 1000) -> list[dict[str, Any]]:
    """Posts of which a quarter is unclear, and those are mostly alarming."""
    rows = rows_of(count, minor_solicitation=0.1, adult_solicitation=0.1, benign=0.8)
    rng = np.random.default_rng(9)
    for row in rows_of(count // 3, seed=3):
        risk = rng.uniform(0.4, 1)
        rows.append({"text": f"{risk:.4f} 0.0 {1 - risk:.4f}", "label": "unclear", "id": row["id"]})
    return rows


def test_a_capacity_is_kept_where_there_are_unclear_posts() -> None:
    rows = with_unclear()
    result = measure(rows, capacity="50/hour", volume="1000/hour", same_rows=True)
    (found,) = result.figures.thresholds
    assert found.threshold is not None and found.expected is not None
    # A stream like the rows: every alarm takes an officer's time, whatever the post is.
    alarms = 1000 * np.mean(result.rows.risk >= found.threshold)
    assert 40 < alarms <= 50
    assert found.expected.alarms.value == pytest.approx(alarms)
    unclear = ~result.rows.clearly
    assert found.expected.unclear.value == pytest.approx(
        1000 * np.mean(unclear & (result.rows.risk >= found.threshold))
    )
    assert found.measured is not None and found.measured.unclear_alarms > 10
    assert found.chosen_on.unclear == unclear.sum()
    lines = next(
        x.lines for x in sections_of(result.figures) if x.title.startswith("Thresholds for")
    )
    assert any(
        "per hour are unclear posts. The stream is assumed to hold 25.0 %" in x for x in lines
    )


def test_unclear_posts_are_as_rare_in_a_stream_as_its_risky_ones() -> None:
    rows = with_unclear()
    result = measure(rows, capacity="2/hour", volume="1000/hour", prevalence=0.001, same_rows=True)
    (found,) = result.figures.thresholds
    assert found.expected is not None and found.measured is not None
    counts = result.figures.counts
    share = 0.001 * counts.unclear / counts.risky
    assert found.expected.unclear_share == pytest.approx(share)
    recall, raised = found.measured.recall.value, found.measured.false_positive_rate.value
    assert recall is not None and raised is not None and found.threshold is not None
    unclear = np.mean(result.rows.risk[~result.rows.clearly] >= found.threshold)
    expected = 1000 * (0.001 * recall + (0.999 - share) * raised + share * unclear)
    assert found.expected.alarms.value == pytest.approx(expected)
    assert expected <= 2


def test_on_halves_both_hold_unclear_posts_and_a_capacity_is_met_about() -> None:
    rows = with_unclear(4000)
    (found,) = measure(rows, capacity="50/hour", volume="1000/hour").figures.thresholds
    assert found.expected is not None and found.expected.alarms.value is not None
    assert min(found.chosen_on.unclear, found.measured_on.unclear) > 500
    assert 35 < found.expected.alarms.value < 65


@pytest.mark.parametrize("volume", ["0.4/hour", "1/hour", "0.001/minute"])
def test_a_stream_of_less_than_a_post_at_a_time_is_no_error(volume: str) -> None:
    result = measure(rows_of(300), volume=volume, prevalence=0.01, capacity="1/day", min_recall=0.9)
    (found,) = result.figures.first
    assert (found.first, found.of) == (1, 1)
    assert found.risky.high is not None and found.risky.high <= 0.01
    assert len(result.figures.thresholds) == 2
