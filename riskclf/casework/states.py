"""What may be done with a case: its states, an officer's decisions, and the steps between states.

`STEPS` is the whole practice in one table. A step that is not in it is refused. A case that is on
hold takes every step; a hold only blocks purging.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from riskclf.errors import CaseError
from riskclf.language import gettext as _

__all__ = [
    "GONE",
    "SETTLED_DECISIONS",
    "STEPS",
    "Action",
    "Decision",
    "Outcome",
    "Recipient",
    "State",
    "Step",
    "is_finished",
    "needs_second_person",
    "step_of",
]


class State(StrEnum):
    """Where a case is."""

    NEW = "new"
    ASSIGNED = "assigned"
    DECIDED = "decided"
    EVIDENCE_SECURED = "evidence_secured"
    WARNED = "warned"
    CHECKED = "checked"
    REFERRED = "referred"
    DO_NOT_WARN = "do_not_warn"
    """Another unit is active."""
    GONE_BEFORE_READING = "gone_before_reading"
    WITHDRAWN = "withdrawn"
    """A wrong warning, corrected."""


class Decision(StrEnum):
    """What an officer decides about a post, or says of it."""

    MINOR = "minor_solicitation"
    ADULT = "adult_solicitation"
    UNCLEAR = "unclear"
    """Risky, and the side is not certain."""
    BENIGN = "benign"
    NEEDS_SUPPORT = "needs_support"
    GUIDANCE = "guidance"
    """An officer decides on contact or support instead of a warning."""
    CANNOT_TELL = "cannot_tell"
    DIFFER = "differ"
    """Two officers who decided blind differ. Never chosen by an officer; `settle` ends it."""


class Recipient(StrEnum):
    """To whom a case is referred."""

    INVESTIGATORS = "investigators"
    OTHER_PREFECTURE = "other_prefecture"
    CHILD_GUIDANCE = "child_guidance"
    HOTLINE = "hotline"
    PLATFORM = "platform"


class Outcome(StrEnum):
    """What a check of an answered post found."""

    DELETED = "deleted"
    EDITED = "edited"
    STILL_THERE = "still_there"
    ACCOUNT_GONE = "account_gone"
    UNKNOWN = "unknown"
    """The check did not tell."""


GONE = (Outcome.DELETED, Outcome.ACCOUNT_GONE)
"""Outcomes after which a post is gone."""


class Action(StrEnum):
    """A step that an officer takes with a case."""

    ASSIGN = "assign"
    RELEASE = "release"
    SKIP = "skip"
    """Give it back: another officer is to read it first."""
    GONE = "gone"
    """The post was gone before anybody read it."""
    DECIDE = "decide"
    SETTLE = "settle"
    SECURE_EVIDENCE = "secure_evidence"
    WARN = "warn"
    CHECK = "check"
    REFER = "refer"
    DO_NOT_WARN = "do_not_warn"
    WITHDRAW = "withdraw"


_ANY = frozenset({None, *Decision})
_MINOR = frozenset({Decision.MINOR})
_TO_WARN = frozenset({Decision.MINOR, Decision.ADULT, Decision.UNCLEAR})
_PERHAPS_ADULT = frozenset({Decision.ADULT, Decision.UNCLEAR})
_BY_CONTACT = frozenset({Decision.NEEDS_SUPPORT, Decision.GUIDANCE})
_DIFFER = frozenset({Decision.DIFFER})
_EVERYBODY = frozenset(Recipient)
_NOT_PLATFORM = _EVERYBODY - {Recipient.PLATFORM}

SETTLED_DECISIONS = frozenset({Decision.BENIGN, Decision.CANNOT_TELL, Decision.UNCLEAR})
"""A decided case with one of these may rest as it is; the others ask for a further step."""


@dataclass(frozen=True, slots=True)
class Step:
    """A row of the table: this action leads from one state to another."""

    action: Action
    start: State
    end: State
    decisions: frozenset[Decision | None] = field(default=_ANY)
    """Decisions of the case (None: not decided yet) with which the step is allowed."""
    recipients: frozenset[Recipient] = frozenset()
    """To whom a case may be referred by this step; empty for steps that refer nothing."""


_S, _A = State, Action

STEPS: tuple[Step, ...] = (
    Step(_A.ASSIGN, _S.NEW, _S.ASSIGNED),
    Step(_A.ASSIGN, _S.ASSIGNED, _S.ASSIGNED),  # the lease before has expired, or a blind second
    Step(_A.RELEASE, _S.ASSIGNED, _S.NEW),
    Step(_A.SKIP, _S.ASSIGNED, _S.NEW),
    Step(_A.GONE, _S.ASSIGNED, _S.GONE_BEFORE_READING),
    Step(_A.DECIDE, _S.ASSIGNED, _S.DECIDED),
    Step(_A.SETTLE, _S.DECIDED, _S.DECIDED, _DIFFER),
    # A warning makes posts vanish: what may be an adult's is secured before.
    Step(_A.SECURE_EVIDENCE, _S.DECIDED, _S.EVIDENCE_SECURED, _TO_WARN | _BY_CONTACT),
    Step(_A.SECURE_EVIDENCE, _S.REFERRED, _S.EVIDENCE_SECURED, _TO_WARN | _BY_CONTACT),
    Step(_A.WARN, _S.DECIDED, _S.WARNED, _MINOR),
    Step(_A.WARN, _S.EVIDENCE_SECURED, _S.WARNED, _TO_WARN),
    Step(_A.CHECK, _S.WARNED, _S.CHECKED),
    Step(_A.CHECK, _S.CHECKED, _S.CHECKED),  # still there: look again
    Step(_A.CHECK, _S.REFERRED, _S.CHECKED),
    Step(_A.CHECK, _S.DECIDED, _S.CHECKED, _BY_CONTACT),
    Step(_A.CHECK, _S.EVIDENCE_SECURED, _S.CHECKED, _BY_CONTACT),
    Step(_A.REFER, _S.DECIDED, _S.REFERRED, _MINOR | _BY_CONTACT, _EVERYBODY),
    Step(_A.REFER, _S.DECIDED, _S.REFERRED, _PERHAPS_ADULT, _NOT_PLATFORM),  # it deletes posts too
    Step(_A.REFER, _S.EVIDENCE_SECURED, _S.REFERRED, _ANY, _EVERYBODY),
    Step(_A.REFER, _S.WARNED, _S.REFERRED, _ANY, _EVERYBODY),
    Step(_A.REFER, _S.CHECKED, _S.REFERRED, _ANY, _EVERYBODY),
    Step(_A.REFER, _S.REFERRED, _S.REFERRED, _MINOR | _BY_CONTACT, _EVERYBODY),
    Step(_A.REFER, _S.REFERRED, _S.REFERRED, _PERHAPS_ADULT, _NOT_PLATFORM),
    Step(_A.DO_NOT_WARN, _S.DECIDED, _S.DO_NOT_WARN, _TO_WARN),
    Step(_A.DO_NOT_WARN, _S.EVIDENCE_SECURED, _S.DO_NOT_WARN, _TO_WARN),
    Step(_A.WITHDRAW, _S.WARNED, _S.WITHDRAWN),
    Step(_A.WITHDRAW, _S.CHECKED, _S.WITHDRAWN, _TO_WARN),
)

_FINISHED = frozenset(
    {_S.CHECKED, _S.REFERRED, _S.DO_NOT_WARN, _S.GONE_BEFORE_READING, _S.WITHDRAWN}
)


def step_of(
    action: Action,
    state: State,
    decision: Decision | None = None,
    recipient: Recipient | None = None,
) -> Step:
    """The step that this action is, for a case in this state with this decision.

    Args:
        action: what is to be done.
        state: of the case, before.
        decision: of the case, before; None where there is none yet.
        recipient: to whom it is referred.

    Raises:
        CaseError: it is not allowed. The message says what is.
    """
    rows = [x for x in STEPS if x.action is action and x.start is state]
    fitting = [x for x in rows if decision in x.decisions]
    for row in fitting:
        if recipient in row.recipients or (recipient is None and not row.recipients):
            return row
    what = _("'{action}' is not allowed").format(action=action)
    if not rows:
        starts = _listed({x.start for x in STEPS if x.action is action})
        raise CaseError(
            _("{what} in the state '{state}': the state must be {states}").format(
                what=what, state=state, states=starts
            )
        )
    if decision is Decision.DIFFER:
        raise CaseError(
            _("{what}: the two officers differ; settle the decision first").format(what=what)
        )
    if action is Action.WARN and decision in _TO_WARN:
        raise CaseError(
            _(
                "{what}: the decision is '{decision}', and a warning makes posts vanish; mark the "
                "evidence as secured first"
            ).format(what=what, decision=decision)
        )
    if not fitting:
        decisions = _listed({str(x) for row in rows for x in row.decisions if x})
        raise CaseError(
            _("{what} with the decision '{decision}': it must be {decisions}").format(
                what=what, decision=decision, decisions=decisions
            )
        )
    if recipient is None:
        raise CaseError(
            _("{what} without a recipient: name one of {recipients}").format(
                what=what, recipients=_listed(Recipient)
            )
        )
    if action is Action.REFER:
        raise CaseError(
            _(
                "{what} to '{recipient}': the decision is '{decision}', and a platform deletes "
                "posts; mark the evidence as secured first"
            ).format(what=what, recipient=recipient, decision=decision)
        )
    raise CaseError(_("{what} with a recipient: only 'refer' has one").format(what=what))


def needs_second_person(action: Action, decision: Decision | None = None) -> bool:
    """Whether a second person must agree to it.

    Args:
        action: the step.
        decision: that is made by it.
    """
    return action in (Action.REFER, Action.SETTLE) or decision is Decision.GUIDANCE


def is_finished(state: State, decision: Decision | None) -> bool:
    """Whether nothing more must be done, so that the text may be purged.

    Unread cases are not finished; retention removes them all the same (`riskclf.casework.purge`).
    """
    return state in _FINISHED or (state is State.DECIDED and decision in SETTLED_DECISIONS)


def _listed(names: Iterable[str]) -> str:
    return " or ".join(f"'{name}'" for name in sorted(names))
