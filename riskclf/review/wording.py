"""Words of the page that stand for values, in the current language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from riskclf.casework.states import Action, Decision, Outcome, Recipient
from riskclf.language import gettext as _
from riskclf.language import marked, pgettext

__all__ = [
    "action_words",
    "age_words",
    "decision_words",
    "label_words",
    "likelihood",
    "outcome_words",
    "recipient_words",
    "risk_words",
    "urgency_words",
]

_DECISIONS: Mapping[Decision, str] = {
    Decision.MINOR: marked("Minor's side"),
    Decision.ADULT: marked("Adult's side"),
    Decision.UNCLEAR: marked("Risky, side unclear"),
    Decision.BENIGN: marked("Benign"),
    Decision.NEEDS_SUPPORT: marked("Needs support"),
    Decision.GUIDANCE: marked("Guidance"),
    Decision.CANNOT_TELL: marked("Cannot tell"),
    Decision.DIFFER: marked("Two officers differ"),
}

_ACTIONS: Mapping[Action, str] = {
    Action.ASSIGN: marked("taken"),
    Action.RELEASE: marked("given back"),
    Action.SKIP: marked("skipped"),
    Action.GONE: marked("the post is gone"),
    Action.DECIDE: marked("decided"),
    Action.SETTLE: marked("settled"),
    Action.SECURE_EVIDENCE: marked("evidence secured"),
    Action.WARN: marked("warned"),
    Action.CHECK: marked("checked"),
    Action.REFER: marked("referred"),
    Action.DO_NOT_WARN: marked("not to be warned: another unit is active"),
    Action.WITHDRAW: marked("warning withdrawn"),
}

_OUTCOMES: Mapping[Outcome, str] = {
    Outcome.DELETED: marked("the post is deleted"),
    Outcome.EDITED: marked("the post is edited"),
    Outcome.STILL_THERE: marked("the post is still there"),
    Outcome.ACCOUNT_GONE: marked("the account is gone"),
    Outcome.UNKNOWN: marked("not known"),
}

_RECIPIENTS: Mapping[Recipient, str] = {
    Recipient.INVESTIGATORS: marked("Investigators"),
    Recipient.OTHER_PREFECTURE: marked("Another prefecture"),
    Recipient.CHILD_GUIDANCE: marked("Child guidance centre"),
    Recipient.HOTLINE: marked("Hotline"),
    Recipient.PLATFORM: marked("Platform"),
}

_URGENCIES: Mapping[str, str] = {
    "flag": marked("look at it first"),
    "review": marked("look at it"),
    "clear": marked("nothing found; that does not mean safe"),
}


def decision_words(decision: Decision | str) -> str:
    """An officer's decision."""
    return _(_DECISIONS[Decision(decision)])


def action_words(action: str) -> str:
    """A step that was taken."""
    return _(_ACTIONS[Action(action)])


def outcome_words(outcome: Outcome) -> str:
    """What a check found."""
    return _(_OUTCOMES[outcome])


def recipient_words(recipient: Recipient) -> str:
    """To whom a case is referred."""
    return _(_RECIPIENTS[recipient])


def label_words(label: str) -> str:
    """A label of the packaged model; one of another model as it is."""
    known = {str(decision): words for decision, words in _DECISIONS.items()}
    return _(known[label]) if label in known else label


def urgency_words(decision: str) -> str:
    """What the model's `flag`, `review` or `clear` asks for."""
    return _(_URGENCIES[decision])


def risk_words(decision: str) -> str:
    """The model's `flag`, `review` or `clear` in a word.

    Not by the probability: where risky posts are rare (`--prevalence`), that of nearly every
    flagged post is small.
    """
    words = {
        "flag": pgettext("probability", "high"),
        "review": pgettext("probability", "medium"),
        "clear": pgettext("probability", "low"),
    }
    return words[decision]


def likelihood(probability: float) -> str:
    """A probability in three words, cut at one third and two thirds."""
    if probability >= 2 / 3:
        return pgettext("probability", "high")
    if probability >= 1 / 3:
        return pgettext("probability", "medium")
    return pgettext("probability", "low")


def age_words(age: timedelta | None) -> str:
    """How long ago something was; None where nobody knows."""
    if age is None:
        return _("time not known")
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 60:
        return _("{count:,} min ago").format(count=minutes)
    if minutes < 48 * 60:
        return _("{count:,} h ago").format(count=minutes // 60)
    return _("{count:,} days ago").format(count=minutes // (24 * 60))
