"""The steps that officers take with a case, inside a transaction of the store."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, TypeVar, Unpack

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from riskclf.casework import log
from riskclf.casework.checks import checks_of, history
from riskclf.casework.people import checked_second
from riskclf.casework.schema import Case, Event, Lease, Ruling, StoreRecord
from riskclf.casework.states import (
    Action,
    Decision,
    Outcome,
    Recipient,
    State,
    is_finished,
    needs_second_person,
    step_of,
)
from riskclf.errors import CaseError, InputError
from riskclf.language import gettext as _

__all__ = ["LEASE", "How", "Steps", "free_for", "refuse_purged"]

LEASE = timedelta(minutes=30)
"""How long a case is an officer's; every step with it begins the time anew."""

_UNDO = frozenset(Action) - {Action.ASSIGN, Action.RELEASE, Action.SKIP}


class How(TypedDict, total=False):
    """What an action asks for; all else is left out."""

    decision: str
    """With `decide` and `settle`: one of `Decision`, but `differ`."""
    note: str | None
    """With these two: the officer's own words."""
    recipient: str
    """With `refer`: one of `Recipient`."""
    outcome: str
    """With `check`: one of `Outcome`."""
    gone: bool
    """With `check`, in place of an outcome: whether the post is gone (deleted) or still there."""
    checked_at: datetime
    """With `check`: when it was looked at, with its zone. Without it, that is now."""
    post: int
    """With `check`: the id of the only post that was looked at; without it, all were."""
    template: str | None
    """With `warn`: the version of the draft that was sent (`riskclf.casework.drafts`)."""
    second: str | None
    """Id of a second person, who must agree to guidance, a referral and a settlement."""


class Steps:
    """Steps at one time, in one transaction that holds the lock of `record`."""

    def __init__(self, session: Session, record: StoreRecord, now: datetime) -> None:
        self._session, self._record, self._now = session, record, now

    def assign(self, case: Case, officer: str) -> None:
        """Give an undecided case to an officer; a lease of their own is only renewed."""
        lease = self._session.get(Lease, (case.id, officer))
        is_new = lease is None or lease.until <= self._now
        self.hold_lease(case, officer)
        if is_new:
            end = step_of(Action.ASSIGN, case.state).end
            self._event(Action.ASSIGN, officer, case, end, case.decision)

    def hold_lease(self, case: Case, officer: str) -> None:
        """Begin the time of an officer's lease anew; leases that have run out are removed."""
        self._session.execute(
            delete(Lease).where(
                Lease.case_id == case.id, Lease.officer != officer, Lease.until <= self._now
            )
        )
        until = self._now + LEASE
        self._session.merge(Lease(case_id=case.id, officer=officer, until=until))

    def refuse_others(self, case: Case, officer: str) -> None:
        """Refuse an officer who may not have the case now.

        Raises:
            CaseError: another officer has it; it is to be decided by two, and this one has; or it
                was purged.
        """
        refuse_purged(case)
        places = 1
        if case.state in (State.NEW, State.ASSIGNED):
            rulings = self._rulings(case)
            if any(ruling.officer == officer for ruling in rulings):
                raise CaseError(
                    _("case {case}: you have decided; another officer must, blind").format(
                        case=case.id
                    )
                )
            places = (2 if case.double else 1) - len(rulings)
        if len(self._others(case, officer)) >= places:
            raise _in_other_hands(case)

    def act(self, case: Case, officer: str, action: str, **how: Unpack[How]) -> Case:
        """Take a step, see `Store.act`.

        Args:
            case: with which case.
            officer: who takes it, as `riskclf.casework.people.checked_id` gave the id.
            action: one of `Action`, but `assign`.
            how: what the action asks for.
        """
        refuse_purged(case)
        note, template = how.get("note"), how.get("template")
        decision, recipient = how.get("decision"), how.get("recipient")
        what = _word(Action, action, "action")
        if what is Action.ASSIGN:
            raise InputError("a case is assigned by next_case or take")
        chosen = None if decision is None else _word(Decision, decision, "decision")
        to = None if recipient is None else _word(Recipient, recipient, "recipient")
        decides = what in (Action.DECIDE, Action.SETTLE)
        if decides != (chosen is not None) or chosen is Decision.DIFFER:
            raise InputError("give a decision with decide and settle, and with no other action")
        if note is not None and not decides:
            raise InputError("only decide and settle take a note")
        if template is not None and (
            what is not Action.WARN or re.fullmatch(r"[0-9a-f]{16}", template) is None
        ):
            raise InputError("only warn takes a template: the version of a draft")
        checked = _checked(case, what, how)
        step = step_of(what, case.state, case.decision, to)
        needed_for = None
        if needs_second_person(what, chosen):
            needed_for = str(chosen if chosen is Decision.GUIDANCE else what)
        second = checked_second(officer, how.get("second"), needed_for)
        if step.start is State.ASSIGNED:
            if self._session.get(Lease, (case.id, officer)) is None:
                raise CaseError(
                    _("case {case} is not in your hands; take it first").format(case=case.id)
                )
        else:
            self.refuse_others(case, officer)
        detail: dict[str, Any] = checked
        if to is not None:
            detail["recipient"] = str(to)
        if template is not None:
            detail["template"] = template
        end, after = step.end, case.decision
        if what in (Action.RELEASE, Action.SKIP):
            end = self._released(case, officer)
        elif what is Action.GONE and self._rulings(case):
            raise CaseError(
                _("another officer has read case {case}; decide it").format(case=case.id)
            )
        elif what is Action.WARN:
            case.warned_at = self._now
        elif what is Action.SETTLE:
            after = chosen
        elif what is Action.DECIDE:
            assert chosen is not None
            detail["decided"] = str(chosen)
            end, after = self._decided(case, chosen)
        event = self._event(what, officer, case, end, after, second=second, detail=detail)
        if what is Action.CHECK:
            case.outcome = self._outcome(case)
        if chosen is not None:
            self._session.add(
                Ruling(
                    event_id=event.id,
                    case_id=case.id,
                    officer=officer,
                    decision=chosen,
                    note=note,
                    undone=False,
                )
            )
        if is_finished(case.state, case.decision) or case.decision is Decision.DIFFER:
            self._session.execute(delete(Lease).where(Lease.case_id == case.id))
        elif what is Action.DECIDE and case.state is State.ASSIGNED:  # blind: the other one's turn
            self._drop_lease(case, officer)
        elif what not in (Action.RELEASE, Action.SKIP):
            self.hold_lease(case, officer)
        return case

    def undo(self, case: Case, officer: str, second: str | None) -> Case:
        """Take back the last step; see `Store.undo`."""
        refuse_purged(case)
        events = self._session.scalars(
            select(Event).where(Event.case_id == case.id).order_by(Event.id)
        ).all()
        undone = {event.undoes for event in events}
        steps = [x for x in events if x.action in _UNDO and x.id not in undone]
        if not steps:
            raise CaseError(_("case {case}: there is nothing to undo").format(case=case.id))
        last = steps[-1]
        if last.officer != officer:
            if case.double and last.action == Action.DECIDE:
                raise CaseError(
                    _("case {case} is decided blind: only who decided can undo it").format(
                        case=case.id
                    )
                )
            checked_second(officer, second, _("undoing the step of another officer"))
        assert last.start is not None
        blind = case.double and case.state is State.ASSIGNED
        if not blind and self._others(case, officer):
            raise _in_other_hands(case)
        if last.action == Action.WARN:
            case.warned_at = None
        ruling = self._session.get(Ruling, last.id)
        if ruling is not None:
            ruling.undone = True
        self._event("undo", officer, case, last.start, last.before, second=second, undoes=last.id)
        if last.action == Action.CHECK:
            case.outcome = self._outcome(case)
        self.hold_lease(case, officer)
        return case

    def _event(
        self,
        action: str,
        officer: str,
        case: Case,
        end: State,
        after: Decision | None,
        **further: Any,
    ) -> Event:
        return log.add_event(
            self._session,
            self._record,
            self._now,
            action,
            officer,
            case=case,
            end=end,
            after=after,
            **further,
        )

    def _outcome(self, case: Case) -> Outcome | None:
        """What the case is after all of its checks."""
        events = select(Event).where(Event.case_id == case.id).order_by(Event.id)
        found = history(checks_of(self._session.scalars(events)), case.size)
        return found[-1][1] if found else None

    def _decided(self, case: Case, chosen: Decision) -> tuple[State, Decision | None]:
        """State and decision after an officer's decision."""
        if not case.double:
            return State.DECIDED, chosen
        rulings = self._rulings(case)
        if not rulings:
            return State.ASSIGNED, None
        agreed = rulings[0].decision is chosen
        return State.DECIDED, chosen if agreed else Decision.DIFFER

    def _others(self, case: Case, officer: str) -> list[Lease]:
        """Leases of other officers that have not run out."""
        return list(
            self._session.scalars(
                select(Lease).where(
                    Lease.case_id == case.id, Lease.officer != officer, Lease.until > self._now
                )
            )
        )

    def _rulings(self, case: Case) -> list[Ruling]:
        return list(
            self._session.scalars(
                select(Ruling).where(Ruling.case_id == case.id, Ruling.undone.is_(False))
            )
        )

    def _released(self, case: Case, officer: str) -> State:
        self._drop_lease(case, officer)
        left = select(Lease).where(Lease.case_id == case.id, Lease.until > self._now)
        return State.ASSIGNED if self._session.scalars(left).first() else State.NEW

    def _drop_lease(self, case: Case, officer: str) -> None:
        self._session.execute(
            delete(Lease).where(Lease.case_id == case.id, Lease.officer == officer)
        )


def free_for(officer: str, now: datetime) -> ColumnElement[bool]:
    """An undecided case that this officer may read: see `Steps.refuse_others`."""
    holding = (
        select(func.count())
        .where(Lease.case_id == Case.id, Lease.officer != officer, Lease.until > now)
        .scalar_subquery()
    )
    ruled = (
        select(func.count())
        .where(Ruling.case_id == Case.id, Ruling.undone.is_(False))
        .scalar_subquery()
    )
    own = exists().where(
        Ruling.case_id == Case.id, Ruling.officer == officer, Ruling.undone.is_(False)
    )
    busy = holding + ruled
    return and_(or_(busy == 0, and_(Case.double, busy == 1)), ~own)


def _checked(case: Case, what: Action, how: How) -> dict[str, Any]:
    """What an event says of a check; empty for other actions.

    Raises:
        InputError: a check lacks an outcome, or has two; another action has one; or the post is
            none of the case.
    """
    gone, word = how.get("gone"), how.get("outcome")
    is_check = what is Action.CHECK
    if ((gone is None) == (word is None)) if is_check else (gone, word) != (None, None):
        raise InputError("say with check, and with no other action, whether the post is gone")
    if not is_check:
        return {}
    found = _word(Outcome, word, "outcome") if word is not None else None
    detail = {"outcome": str(found or (Outcome.DELETED if gone else Outcome.STILL_THERE))}
    if (at := how.get("checked_at")) is not None:
        detail["checked_at"] = at.astimezone(UTC).isoformat()
    if (post := how.get("post")) is not None:
        if all(x.id != post for x in case.posts):
            raise InputError(f"case {case.id} has no post {post}")
        return {**detail, "post": post}
    return detail


def refuse_purged(case: Case) -> None:
    """Refuse a case of which nothing is left to read.

    Raises:
        CaseError: it was purged.
    """
    if case.purged_at is not None:
        raise CaseError(
            _("case {case} was purged: nothing can be done with it").format(case=case.id)
        )


def _in_other_hands(case: Case) -> CaseError:
    return CaseError(
        _("another officer has case {case} in hand until their time ends").format(case=case.id)
    )


_Word = TypeVar("_Word", Action, Decision, Outcome, Recipient)


def _word(kind: type[_Word], word: str, what: str) -> _Word:
    try:
        return kind(word)
    except ValueError:
        known = ", ".join(kind)
        raise InputError(f"'{word}' is no {what}: choose one of {known}") from None
