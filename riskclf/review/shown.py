"""A case as the page shows it, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from riskclf.casework.blind import is_hidden
from riskclf.casework.handover import state_words
from riskclf.casework.states import STEPS, Action, Decision, Recipient
from riskclf.explanation.wording import question_words, sentence, strength_words, window_words
from riskclf.labels import UNREAD_CODES
from riskclf.language import gettext as _
from riskclf.language import listed
from riskclf.review.wording import (
    age_words,
    decision_words,
    label_words,
    likelihood,
    risk_words,
    urgency_words,
)

if TYPE_CHECKING:
    from riskclf.casework.schema import Case
    from riskclf.labels import Explanation, Span

__all__ = ["Opened", "Part", "Phrase", "Shown", "opened_text", "shown"]

_NOTHING: dict[str, Any] = {
    "side": "", "risk": 0.0, "scores": {}, "reason_codes": [], "truncated": False,
}  # fmt: skip
"""In place of what the model said."""


@dataclass(frozen=True)
class Part:
    """A stretch of a post."""

    text: str = field(repr=False)
    kind: str = ""
    """``for`` or ``against`` the risk where it is evidence; else empty."""


@dataclass(frozen=True)
class Phrase:
    """A piece of evidence, in words."""

    text: str = field(repr=False)
    words: str


@dataclass(frozen=True)
class Opened:
    """The text of a case, with the reasons."""

    parts: Sequence[Part]
    context: str | None = field(repr=False)
    others: Sequence[str] = field(repr=False)
    """Texts of the near-duplicates."""
    reasons: str
    """The aspects, in a sentence; empty where there are none."""
    phrases: Sequence[Phrase]
    window: str


@dataclass(frozen=True)
class Shown:
    """A case without its text, which is `opened` where the officer has opened it."""

    id: int
    state: str
    decision: str
    """Of the officers; empty where there is none."""
    support: bool
    double: bool
    hidden: bool
    """Nothing that the model says may be shown yet; the fields on it are empty then."""
    held: bool
    is_reply: bool
    references: Sequence[str] = field(repr=False)
    age: str
    label: str
    side: str
    risk: str
    """How likely, in words."""
    side_likelihood: str
    urgency: str
    unreadable: bool
    truncated: bool
    numbers: Sequence[tuple[str, str]]
    earlier: str
    """What was decided when the same text was posted before; empty where it was not."""
    actions: frozenset[Action]
    """What may be done now, by the table of steps."""
    recipients: Sequence[Recipient]
    """To whom it may be referred now."""
    other_model: bool
    opened: Opened | None


def shown(
    case: Case,
    *,
    now: datetime,
    model: str,
    earlier: Case | None = None,
    opened: Opened | None = None,
) -> Shown:
    """A case in words, in the current language.

    Args:
        case: of the store, with its posts.
        now: the time.
        model: fingerprint of the model that explains.
        earlier: the case of the same text under another reference.
        opened: its text, where the officer has opened it.
    """
    hidden = is_hidden(case)
    said = _NOTHING if hidden else case.suggested
    side, risk, scores = said["side"], said["risk"], said["scores"]
    posted = case.posts[0].posted_at if case.posts else None
    return Shown(
        id=case.id,
        state=state_words(case.state),
        decision="" if case.decision is None else decision_words(case.decision),
        support=case.support,
        double=case.double,
        hidden=hidden,
        held=case.held,
        is_reply=case.because == "reply" and not hidden,
        references=[post.reference for post in case.posts],
        age=age_words(None if posted is None else now - posted),
        label="" if hidden else label_words(said["label"]),
        side=label_words(side) if side else "",
        risk="" if hidden else risk_words(said["decision"]),
        side_likelihood=likelihood(scores[side] / risk) if side and risk else "",
        urgency="" if hidden else urgency_words(said["decision"]),
        unreadable=not UNREAD_CODES.isdisjoint(said["reason_codes"]),
        truncated=said["truncated"],
        numbers=[(label_words(name), f"{value:.1%}") for name, value in scores.items()],
        earlier="" if hidden else _earlier_words(earlier),
        actions=_actions(case),
        recipients=_recipients(case),
        other_model=case.model != model and not hidden,
        opened=opened,
    )


def opened_text(case: Case, explanation: Explanation | None) -> Opened:
    """The text of a case with the model's reasons, in the current language.

    Args:
        case: of the store, with its posts.
        explanation: of its first post; None where the model is hidden.
    """
    first, *others = case.posts
    if explanation is None:
        texts = [post.text for post in others]
        return Opened([Part(first.text)], first.context, texts, "", [], "")
    spans = sorted(explanation.spans, key=lambda span: span.start)
    return Opened(
        parts=_parts(first.text, spans),
        context=first.context,
        others=[post.text for post in others],
        reasons=sentence(explanation.aspects),
        phrases=[
            Phrase(first.text[span.start : span.end], _span_words(span))
            for span in explanation.spans
        ],
        window=window_words(explanation),
    )


def _actions(case: Case) -> frozenset[Action]:
    return frozenset(
        step.action
        for step in STEPS
        if step.start is case.state and case.decision in step.decisions
        # Two officers differ: that must be settled first.
        if case.decision is not Decision.DIFFER or step.action is Action.SETTLE
    )


def _recipients(case: Case) -> list[Recipient]:
    found = {
        recipient
        for step in STEPS
        if step.start is case.state and case.decision in step.decisions
        for recipient in step.recipients
    }
    return [recipient for recipient in Recipient if recipient in found]


def _earlier_words(earlier: Case | None) -> str:
    if earlier is None:
        return ""
    state = state_words(earlier.state)
    if earlier.decision is None:
        return _("Case {number}: {state}").format(number=earlier.id, state=state)
    return _("Case {number}: {decision}; {state}").format(
        number=earlier.id, decision=decision_words(earlier.decision), state=state
    )


def _parts(text: str, spans: Sequence[Span]) -> list[Part]:
    parts, position = [], 0
    for span in spans:
        parts.append(Part(text[position : span.start]))
        kind = "for" if span.weight > 0 else "against"
        parts.append(Part(text[span.start : span.end], kind))
        position = span.end
    return [part for part in (*parts, Part(text[position:])) if part.text]


def _span_words(span: Span) -> str:
    towards = _("for the risk") if span.weight > 0 else _("against the risk")
    question = [question_words(span.question)] if span.question else []
    return listed([towards, strength_words(span.strength), *question])
