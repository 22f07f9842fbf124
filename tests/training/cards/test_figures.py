"""The figures of the model card are counted as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from riskclf import Prediction, evaluate
from riskclf.evaluation.scored import ScoredRows
from tests.tiny_base import benign_rows
from tests.training.cards.fakes import ADULT, BENIGN, MINOR, FakeModel, post, said
from training.cards.figures import (
    base_rates,
    calibration_slope,
    described,
    hours,
    judged_rows,
    macro_f1_of_language,
    officers_hour,
    side,
    weighted,
)
from training.cards.measure import measure_posts
from training.posts.post import Post

SOFT = {"minor_solicitation": 0.5, "benign": 0.5}


def test_figures_count_labels_and_decisions_apart_and_leave_soft_posts_out() -> None:
    posts = [
        post(f"{MINOR} one", MINOR, "a"),
        post("missed", MINOR, "a"),
        post(f"{MINOR} wrong side", ADULT, "b"),
        post(f"{ADULT} false alarm", BENIGN, "b"),
        post("fine", BENIGN, "c"),
        post(f"{MINOR} soft", BENIGN, "c", target=SOFT),
        post(f"{MINOR} not judged", BENIGN, "d", split="aspects", fold="1"),
    ]
    model = FakeModel()
    found = measure_posts(model, posts)
    recall = {label: found["labels"][label]["recall"] for label in (MINOR, ADULT)}
    assert (recall[MINOR]["hits"], recall[MINOR]["of"]) == (1, 2)
    assert (recall[ADULT]["hits"], recall[ADULT]["of"]) == (0, 1)
    assert (found["other_risk_label"]["hits"], found["other_risk_label"]["of"]) == (1, 2)
    false = found["operating_points"]["flag"]["false_positive_rate"]
    assert (false["hits"], false["of"]) == (1, 2)
    assert found["unclear"]["all"]["flag_or_review"]["hits"] == 1
    assert found["counts"]["clear_cut"] == 5
    assert found["languages"]["en"] == found["macro"]["f1"]
    # Predictions that were made before give the same figures.
    told = judged_rows(posts, model.predict_many(x.text for x in posts))
    assert described(told) == found


def test_the_side_is_the_likelier_risky_label_of_every_risky_post_also_of_a_missed_one() -> None:
    posts = [post(str(number), kind, str(number)) for number, kind in enumerate([MINOR] * 4)]
    predictions = [said(MINOR), said(ADULT), said(BENIGN, 0.1, MINOR), said(BENIGN, 0.1, ADULT)]
    rows = judged_rows([*posts, post("x", BENIGN, "x")], [*predictions, said(BENIGN, 0.2, ADULT)])
    found = side(rows)
    assert (found.hits, found.of) == (2, 4)


def _with_risks(risk: np.ndarray, risky: np.ndarray) -> tuple[list[Post], list[Prediction]]:
    posts = [
        post(str(i), MINOR if x else BENIGN, f"f{i // 4}") for i, x in enumerate(risky.tolist())
    ]
    return posts, [said(MINOR if x > 0.5 else BENIGN, x) for x in risk.tolist()]


@pytest.mark.parametrize("bend", [0.5, 1.0, 2.0])
def test_the_slope_is_1_for_calibrated_risks_and_lower_for_risks_that_are_too_sure(
    bend: float,
) -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 3000)
    risky = rng.random(3000) < expit(odds)
    found = calibration_slope(judged_rows(*_with_risks(expit(bend * odds), risky)))
    assert found.value == pytest.approx(1 / bend, rel=0.15)
    assert found.low is not None and found.high is not None
    assert found.low < 1 / bend < found.high


def test_where_the_risk_makes_no_fault_there_is_no_slope() -> None:
    risky = np.array([True, True, False, False])
    for risk in (np.array([0.9, 0.8, 0.2, 0.1]), np.array([1.0, 1.0, 0.0, 0.0])):
        assert calibration_slope(judged_rows(*_with_risks(risk, risky))).value is None
    of_one_kind = judged_rows(*_with_risks(np.array([0.9, 0.8]), np.array([True, True])))
    assert calibration_slope(of_one_kind).value is None


def test_close_twins_count_a_quarter_where_they_do_in_the_fit() -> None:
    rng = np.random.default_rng(0)
    risk = rng.random(400)
    posts, predictions = _with_risks(risk, rng.random(400) < risk)
    twins = [replace(x, slice="close_refused") if i % 3 == 0 else x for i, x in enumerate(posts)]
    silent = post("silent", BENIGN, "z", split="aspects", fold="1")
    both = [silent, *twins], [said(BENIGN), *predictions]
    rows = weighted(judged_rows(*both), both[0])
    assert rows.weight is not None
    assert rows.weight.tolist() == [0.25 if i % 3 == 0 else 1.0 for i in range(400)]
    assert calibration_slope(rows).value != calibration_slope(judged_rows(*both)).value


def test_a_language_is_counted_alone() -> None:
    posts = [
        post("a", MINOR, "a", lang="ko"),
        post("b", BENIGN, "a", lang="ko"),
        post("c", MINOR, "b", lang="zh"),
    ]
    rows = judged_rows(posts, [said(MINOR), said(BENIGN), said(BENIGN)])
    assert macro_f1_of_language(rows, "ko").value == 1
    assert macro_f1_of_language(rows, "zh").value == 0


def test_an_officers_hour_counts_risky_posts_among_the_twenty_riskiest() -> None:
    calm, risky = np.linspace(0, 0.5, 20_000), np.full(30, 0.9)
    assert officers_hour(calm, risky) == {"mean": 10, "low": 10, "high": 10}
    # As risky as a thousand ordinary lines: those come first.
    assert officers_hour(np.full(20_000, 0.9), risky)["mean"] == 0
    half = np.where(np.arange(30) % 2 == 0, 0.9, 0.0)
    assert 4 < officers_hour(calm, half)["mean"] < 6


def test_japanese_posts_are_sought_among_japanese_lines() -> None:
    posts = [post(f"ja {n}", MINOR, f"a{n}", lang="ja") for n in range(10)]
    posts += [post(f"en {n}", MINOR, f"b{n}") for n in range(10)]
    rows = judged_rows(posts, [said(MINOR)] * 10 + [said(BENIGN)] * 10)
    lines: list[ScoredRows] = [
        evaluate(benign_rows([right] * 30, "a" * 30)).rows for right in (0.9, 0.1)
    ]
    natural = dict(zip(("heldout_ja_x.txt", "heldout_en_x.txt"), lines, strict=True))
    japanese, every = (found["mean"] for found in hours(rows, natural).values())
    assert japanese == 10 and every < 10


def test_precision_falls_with_the_base_rate() -> None:
    found = measure_posts(FakeModel(), [post(f"{MINOR} x", MINOR, "a"), post("y", BENIGN, "a")])
    lines = [{"text": f"line {n}", "label": "benign"} for n in range(999)]
    lines.append({"text": f"{ADULT} line", "label": "benign"})
    natural = {"file": evaluate(lines, model=FakeModel()).rows}
    flags = [x for x in base_rates(found, natural) if x["alarm"] == "flag"]
    assert [x["prevalence"] for x in flags] == [0.01, 0.001, 0.0001]
    # One false alarm in a thousand lines, every risky post found.
    assert flags[1]["value"] == pytest.approx(0.001 / (0.001 + 0.999 * 0.001))
    assert flags[0]["value"] > flags[1]["value"] > flags[2]["value"]
    assert all(x["low"] < x["value"] < x["high"] for x in flags)
