"""Explanations: what is said of a prediction, and when."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import riskclf
from riskclf import RiskClassifier
from riskclf.artifact import Artifact
from riskclf.aspects import Heads, Question
from riskclf.errors import NotText
from riskclf.explanation.explaining import STRENGTHS, parts_of
from riskclf.labels import Aspect, Explanation
from riskclf.stacker import Stacker
from tests.experts import BREAD, RAIN, SNOW, with_experts


@pytest.fixture(scope="module")
def weather(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> RiskClassifier:
    """Rain and snow are risks; it asks about weather and things."""
    return RiskClassifier(with_experts(model_directory, tmp_path_factory.mktemp("experts") / "m"))


@pytest.fixture(scope="module")
def packaged() -> RiskClassifier:
    return RiskClassifier.load(device="cpu", threads=1)


def examples() -> list[str]:
    file = Path(riskclf.__file__).parent / "example_posts.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        return [row["text"] for row in csv.DictReader(stream)]


def top(post: str, explanation: Explanation) -> str:
    span = explanation.spans[0]
    return "".join(post[span.start : span.end].split())


def test_the_prediction_is_that_of_predict_and_posts_stay_in_order(
    weather: RiskClassifier,
) -> None:
    posts = [*RAIN, "", *BREAD, *SNOW, "\ud800 \x00", *RAIN * 3]
    predicted = weather.predict_many(posts)
    for one, other in zip(weather.explain_many(iter(posts)), predicted, strict=True):
        assert one.prediction.decision == other.decision
        assert one.prediction.scores == pytest.approx(other.scores, abs=1e-5)


def test_words_of_the_risk_weigh_for_it_and_others_against_it(weather: RiskClassifier) -> None:
    """By the n-grams alone, for the transformer of this model has random weights."""
    loaded = weather._artifact
    manifest = replace(loaded.manifest, stacker=Stacker(("ngrams",), (1.0,), (1.0,), 0.0))
    post = "山のパン屋で雨が降った"
    explained = RiskClassifier(replace(loaded, manifest=manifest, aspects=None)).explain(post)
    weights = {post[x.start : x.end]: x.weight for x in explained.spans}
    assert weights["雨"] > 0
    assert weights["降った"] > 0
    assert weights["パン屋"] < 0


def test_the_weights_say_which_step(weather: RiskClassifier) -> None:
    for explained in weather.explain_many((*RAIN, *SNOW, *BREAD)):
        for span in explained.spans:
            steps = {name: least for name, least in STRENGTHS.items() if abs(span.weight) >= least}
            assert span.strength == max(steps, key=steps.__getitem__, default="weak")
            assert steps or span.question
        places = sorted((span.start, span.end) for span in explained.spans)
        assert all(a[1] <= b[0] for a, b in pairwise(places))


def test_without_questions_the_largest_weight_comes_first(weather: RiskClassifier) -> None:
    plain = RiskClassifier(replace(weather._artifact, aspects=None))
    for explained in plain.explain_many((*RAIN, *SNOW, *BREAD)):
        sizes = [abs(span.weight) for span in explained.spans]
        assert sizes == sorted(sizes, reverse=True)


HEADS = Heads(
    (Question("age", ("young", "none")), Question("act", ("asks", "none"))),
    np.zeros((4, 1), dtype=np.float32),
    np.zeros(4, dtype=np.float32),
)
AGE_AND_ACT = (Aspect("age", ("young",), {}), Aspect("act", ("asks",), {}))


def test_each_question_comes_first_once_and_neighbours_that_answer_the_same_are_one() -> None:
    #                   risk, young, none, asks, none
    values = np.array(
        [
            [2.0, 3.0, 0.0, 0.0, 0.0],  # these two tell the age,
            [1.0, 2.0, 0.0, 0.0, 0.0],
            [4.0, 0.1, 0.0, 0.1, 0.0],  # this one weighs most and answers nothing,
            [0.1, 0.0, 0.0, 0.9, 0.0],  # this one is the ask, and weighs little,
            [-3.5, 0.0, 0.0, 0.0, 0.0],  # this one speaks against the risk.
        ]
    )
    assert parts_of(values, AGE_AND_ACT, HEADS) == [
        (0, 2, 3.0, "age"),
        (3, 4, 0.1, "act"),
        (2, 3, 4.0, ""),
        (4, 5, -3.5, ""),
    ]


def test_a_question_that_nothing_in_the_post_answers_is_answered_by_no_phrase() -> None:
    values = np.array([[1.0, 0.2, 0.0, 0.3, 0.0], [3.0, 0.2, 0.0, 0.3, 0.0]])
    parts = [(1, 2, 3.0, ""), (0, 1, 1.0, "")]
    assert parts_of(values, AGE_AND_ACT, HEADS) == parts
    nothing = (Aspect("age", ("none",), {}), Aspect("act", ("none",), {}))
    assert parts_of(values * 9, nothing, HEADS)[0] == (1, 2, 27.0, "")


def test_answers_are_for_posts_that_a_person_is_shown(weather: RiskClassifier) -> None:
    explained = weather.explain_many((*RAIN, *BREAD, "", "\ufffd\ufffd\ufffd"))
    shown = [x for x in explained if x.aspects]
    assert 0 < len(shown) < len(explained)
    for one in explained:
        is_read = one.prediction.decision != "clear" and not one.prediction.reason_codes
        assert bool(one.aspects) == is_read
        assert is_read or not any(span.question for span in one.spans)
    weather_answer, things = shown[0].aspects
    assert weather_answer.probabilities[weather_answer.answers[0]] == max(
        weather_answer.probabilities.values()
    )
    assert set(things.answers) == {x for x, p in things.probabilities.items() if p >= 0.5}


def test_the_questions_of_spans_are_those_of_the_answers(packaged: RiskClassifier) -> None:
    post = "家出中の高校生です。今夜泊めてくれる人いませんか"
    assert post in examples()
    explained = packaged.explain(post)
    found = {post[x.start : x.end]: x.question for x in explained.spans}
    assert found["高校生です"] == "age"
    assert found["泊めてくれる人いません"] == "act"
    assert {x.question for x in explained.spans[:3]} == {"age", "act", "matter"}
    assert {x.question: x.answers for x in explained.aspects} == {
        "age": ("under_18",),
        "side": ("child",),
        "act": ("asks_or_offers",),
        "matter": ("lodging",),
    }


def test_a_blank_more_does_not_change_the_top_span(packaged: RiskClassifier) -> None:
    posts = examples()[:4]
    explained = packaged.explain_many(posts)
    for post, before in zip(posts, explained, strict=True):
        start, end = before.spans[0].start, before.spans[0].end
        versions = [f" {post}\n", post[:start] + " " + post[start:], post[:end] + " " + post[end:]]
        for version, after in zip(versions, packaged.explain_many(versions), strict=True):
            assert top(version, after) == top(post, before)


def test_of_a_long_post_the_window_that_decides_is_explained(weather: RiskClassifier) -> None:
    post = BREAD[0] * 12 + RAIN[0] + BREAD[1] * 12
    explained = weather.explain(post)
    start, end = explained.window
    assert explained.partial
    assert RAIN[0] in post[start:end]
    assert all(start <= x.start < x.end <= end for x in explained.spans)
    short = weather.explain(f" {RAIN[0]} ")
    assert not short.partial
    assert short.window == (1, 1 + len(RAIN[0]))


def test_an_explanation_as_json_has_no_text_and_no_numbers_unless_asked(
    weather: RiskClassifier,
) -> None:
    explained = weather.explain(RAIN[0])
    values = explained.to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["prediction"] == explained.prediction.to_dict()
    assert "雨" not in json.dumps(values, ensure_ascii=False)
    assert "weight" not in values["spans"][0]
    assert explained.to_dict(numbers=True)["spans"][0]["weight"] == explained.spans[0].weight


@pytest.mark.parametrize("risks", [0, 3])
def test_a_model_of_topics_is_explained_by_its_label(loaded: Artifact, risks: int) -> None:
    manifest = loaded.manifest
    changed = replace(manifest, risk_labels=manifest.labels[:risks])
    if not risks:
        changed = replace(changed, operating_points={})
    explained = RiskClassifier(replace(loaded, manifest=changed)).explain_many((*RAIN, *BREAD))
    assert any(x.spans for x in explained)
    assert not any(x.aspects for x in explained)


def test_nothing_to_read_has_no_spans(weather: RiskClassifier) -> None:
    for post in ("", " \n", "\u200b"):
        explained = weather.explain(post)
        assert (explained.spans, explained.window, explained.partial) == ((), (0, 0), False)


def test_what_is_no_post_is_refused(weather: RiskClassifier) -> None:
    with pytest.raises(NotText, match="explain_many"):
        weather.explain_many([RAIN[0], None])  # type: ignore[list-item]
    with pytest.raises(NotText):
        weather.explain([RAIN[0]])  # type: ignore[arg-type]
    assert weather.explain_many([]) == []
