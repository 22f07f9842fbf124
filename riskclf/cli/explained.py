"""Explanations on the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.text import Text

from riskclf.cli.console import Screen, visible
from riskclf.explanation.scenarios import scenario_words
from riskclf.explanation.wording import (
    answer_words,
    explanation_values,
    question_words,
    sentence,
    strength_words,
    window_words,
)
from riskclf.labels import Aspect, Explanation, Scenario, Span
from riskclf.language import gettext as _
from riskclf.language import listed

__all__ = ["explanation_json", "print_explanation", "print_nearest"]

_FOR = {"strong": "bold white on red", "medium": "black on yellow", "weak": "underline"}
_AGAINST = {"strong": "bold white on blue", "medium": "black on cyan", "weak": "dim underline"}


def explanation_json(explanation: Explanation) -> str:
    """An explanation on one line without the prediction, for a cell of a table."""
    values = explanation_values(explanation)
    del values["prediction"]
    return json.dumps(values, ensure_ascii=False)


def print_explanation(post: str, explanation: Explanation, *, numbers: bool) -> None:
    """Print why a post got its prediction: the answers, the post in colours, and its phrases.

    Args:
        post: as it was given.
        explanation: of it.
        numbers: with the weights of the phrases.
    """
    screen = Screen()
    found = explanation.prediction
    codes = f" ({', '.join(found.reason_codes)})" if found.reason_codes else ""
    screen.print(Text(visible(f"{found.decision}{codes}  {found.label}  {found.risk:.3f}")))
    if explanation.aspects:
        screen.print(Text(visible(sentence(explanation.aspects)), style="bold"))
        answers = "  ".join(map(_answers, explanation.aspects))
        screen.print(Text(visible(answers)), soft_wrap=True)
    screen.print(_coloured(post, explanation), soft_wrap=True)
    for span in explanation.spans:
        screen.print(_line(post, span, numbers), soft_wrap=True)
    if not explanation.spans:
        screen.print(Text(_("No phrase counts for much.")))
    if words := window_words(explanation):
        screen.print(Text(visible(words)), soft_wrap=True)


def print_nearest(scenarios: Sequence[Scenario]) -> None:
    """Print the known scenarios that a post is nearest to."""
    screen = Screen()
    if not scenarios:
        screen.print(Text(_("No known scenario.")))
    for scenario in scenarios:
        words = _("Known scenario: {name} ({label}, similarity {similarity:.2f})").format(
            name=scenario_words(scenario.name),
            label=scenario.label,
            similarity=scenario.similarity,
        )
        screen.print(Text(visible(words)), soft_wrap=True)


def _answers(aspect: Aspect) -> str:
    told = listed(
        f"{answer_words(aspect.question, x)} {aspect.probabilities[x]:.2f}" for x in aspect.answers
    )
    return f"{question_words(aspect.question)}: {told or '–'}"


def _coloured(post: str, explanation: Explanation) -> Text:
    """The part of the post that was explained, with its spans in colours."""
    text, position = Text(), explanation.window[0]
    for span in sorted(explanation.spans, key=lambda span: span.start):
        text.append(_part(post, position, span.start))
        text.append(_part(post, span.start, span.end), style=_style(span))
        position = span.end
    return text.append(_part(post, position, explanation.window[1]))


def _part(post: str, start: int, end: int) -> str:
    """A stretch of a post that is safe on a terminal; a blank at its ends stays."""
    part = post[start:end]
    shown = visible(part)
    before, after = (" " if part[:1].isspace() else ""), (" " if part[-1:].isspace() else "")
    return f"{before}{shown}{after}" if shown else before


def _line(post: str, span: Span, numbers: bool) -> Text:
    shown = visible(post[span.start : span.end])
    towards = _("for the risk") if span.weight > 0 else _("against the risk")
    strength = strength_words(span.strength)
    if numbers:
        strength += f" ({span.weight:+.2f})"
    words = [towards, strength, *([question_words(span.question)] if span.question else [])]
    return Text.assemble("  ", (shown, _style(span)), f"  {visible(listed(words))}")


def _style(span: Span) -> str:
    return (_FOR if span.weight > 0 else _AGAINST)[span.strength]
