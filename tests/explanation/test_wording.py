"""Explanations in words."""

from __future__ import annotations

from riskclf.explanation.wording import sentence, window_words
from riskclf.labels import Aspect, Explanation, Prediction
from riskclf.language import speaking

ASPECTS = (
    Aspect("age", ("under_18",), {}),
    Aspect("side", ("child",), {}),
    Aspect("act", ("asks_or_offers",), {}),
    Aspect("matter", ("company", "lodging"), {}),
)


def test_the_answers_are_told_in_one_line_in_both_languages() -> None:
    assert sentence(ASPECTS) == (
        "reads as under 18, the child's side, asks or offers, company, lodging"
    )
    with speaking("ja"):
        assert sentence(ASPECTS) == "18歳未満と読める、本人側、自分で募集・提案、対面・同伴、宿泊"
    assert sentence(()) == ""


def test_questions_of_another_guide_are_named() -> None:
    assert sentence([Aspect("weather", ("rain",), {})]) == "weather: rain"


def test_it_is_said_which_part_of_a_long_post_was_explained() -> None:
    prediction = Prediction("benign", {}, 0.0, "clear", False)
    assert window_words(Explanation(prediction, (), (), (0, 9), False)) == ""
    told = window_words(Explanation(prediction, (), (), (1200, 1300), True))
    assert "1,201 to 1,300" in told
