"""An explanation in words, in the current language (`riskclf.language`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from riskclf.labels import Aspect, Explanation, Strength
from riskclf.language import gettext as _
from riskclf.language import listed, marked

__all__ = [
    "answer_words",
    "explanation_values",
    "question_words",
    "sentence",
    "strength_words",
    "window_words",
]

_QUESTIONS: Mapping[str, str] = {
    "age": marked("age"),
    "side": marked("side"),
    "act": marked("act"),
    "matter": marked("matter"),
}

_ANSWERS: Mapping[tuple[str, str], str] = {
    ("age", "under_18"): marked("reads as under 18"),
    ("age", "not_stated"): marked("age not stated"),
    ("age", "adult"): marked("reads as 18 or older"),
    ("age", "none"): marked("nobody is sought or offered"),
    ("side", "child"): marked("the child's side"),
    ("side", "seeker"): marked("the side of someone who seeks or pays"),
    ("side", "not_stated"): marked("side not stated"),
    ("side", "other"): marked("neither side"),
    ("act", "asks_or_offers"): marked("asks or offers"),
    ("act", "refuses_or_reports"): marked("refuses, reports or quotes"),
    ("act", "none"): marked("asks and offers nothing"),
    ("matter", "company"): marked("company"),
    ("matter", "lodging"): marked("lodging"),
    ("matter", "images"): marked("images"),
    ("matter", "money_or_goods"): marked("money or goods"),
    ("matter", "work"): marked("work"),
    ("matter", "threat"): marked("a threat"),
}

_STRENGTHS: Mapping[Strength, str] = {
    "strong": marked("strong"),
    "medium": marked("medium"),
    "weak": marked("weak"),
}


def sentence(aspects: Iterable[Aspect]) -> str:
    """All answers in one line, such as "reads as under 18, the child's side, asks or offers".

    Empty without aspects. Questions that are not those of docs/labelling-guide.md are named.
    """
    words = []
    for aspect in aspects:
        for answer in aspect.answers:
            told = answer_words(aspect.question, answer)
            known = (aspect.question, answer) in _ANSWERS
            words.append(told if known else f"{question_words(aspect.question)}: {told}")
    return listed(words)


def explanation_values(explanation: Explanation, *, numbers: bool = False) -> dict[str, Any]:
    """An explanation as JSON values: offsets, no text of the post; with the sentence."""
    values = explanation.to_dict(numbers=numbers)
    return {"sentence": sentence(explanation.aspects), **values}


def question_words(question: str) -> str:
    """The name of a question; one that is not known as it is."""
    return _(_QUESTIONS[question]) if question in _QUESTIONS else question


def answer_words(question: str, answer: str) -> str:
    """An answer in words; one that is not known as it is."""
    known = _ANSWERS.get((question, answer))
    return answer if known is None else _(known)


def strength_words(strength: Strength) -> str:
    """One of the three steps."""
    return _(_STRENGTHS[strength])


def window_words(explanation: Explanation) -> str:
    """Which part of a long post was explained; empty where it is all of it."""
    if not explanation.partial:
        return ""
    start, end = explanation.window
    return _(
        "The post is long. Explained is the part that decided: characters {start:,} to {end:,}."
    ).format(start=start + 1, end=end)
