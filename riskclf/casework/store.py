"""The case store: who reads which case, what was decided, and which steps followed.

::

    store = Store.open("cases.db")
    case = store.next_case("officer-7")
    store.act(case.id, "officer-7", Action.DECIDE, decision=Decision.MINOR)
    store.act(case.id, "officer-7", Action.WARN)  # the officer has sent it, by the agency's means

Every method is one transaction, and transactions that write follow one another. A case in the
hands of an officer is theirs until a time (a lease): no other officer gets it before, unless the
case was drawn to be decided by two officers, blind. The store is a record of work, no original
evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Self, Unpack

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from riskclf.casework import auditing, log
from riskclf.casework.database import (
    check_version,
    connect,
    removed_if_failed,
    translated,
    upgrade,
)
from riskclf.casework.opening import open_cases
from riskclf.casework.people import checked_id, checked_second
from riskclf.casework.purge import checked_retention
from riskclf.casework.schema import Case, Event, Lease, Post, StoreRecord
from riskclf.casework.sessions import Sessions
from riskclf.casework.states import Outcome, State, is_finished
from riskclf.casework.steps import How, Steps, free_for
from riskclf.casework.triage import NewCase
from riskclf.errors import CaseError, InputError
from riskclf.language import gettext as _

__all__ = ["CHECK_AFTER", "Store", "case_of"]

CHECK_AFTER = timedelta(days=1)
"""After this time it is to be checked whether a post that was answered is gone."""

_AT_ONCE = 500
"""References in one query."""

_UNDECIDED = (State.NEW, State.ASSIGNED)
_TO_CHECK_AGAIN = (Outcome.STILL_THERE, Outcome.UNKNOWN)


class Store(Sessions):
    """An open case store. Make one with `Store.create`, open one with `Store.open`."""

    @classmethod
    def create(
        cls,
        name: str,
        *,
        purpose: str,
        legal_basis: str,
        source: str,
        retention: Mapping[str, int],
        double_share: float = 0.0,
        audit_log: str | None = None,
        audit_key: str | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> Self:
        """Make a store.

        Args:
            name: a new file, or the URL of an empty PostgreSQL database.
            purpose: what the agency keeps these cases for.
            legal_basis: on what basis.
            source: where the posts come from.
            retention: days by outcome, see `riskclf.casework.purge`.
            double_share: share of the cases that are drawn for two blind decisions, with the
                model hidden; see `riskclf.casework.blind`.
            audit_log: a new file that every event is written to (`riskclf.casework.audit`); None
                for no such log.
            audit_key: the file of its key; None puts it beside the log, as ``AUDIT_LOG.key``.
            clock: gives the time, with its zone; None takes that of the database's computer.

        Raises:
            InputError: the place or a value cannot be used, or there is a store.
            CaseError: the database cannot be used.
        """
        texts = {"purpose": purpose, "legal basis": legal_basis, "source": source}
        for what, text in texts.items():
            if not text.strip():
                raise InputError(f"the {what} is empty: a case store says what it is for")
        if not 0 <= double_share <= 1:
            raise InputError(f"the share of double decisions is {double_share}: give 0 to 1")
        days = checked_retention(retention)
        engine = connect(name, new=True)
        with removed_if_failed(name):
            upgrade(engine, name)
        store = cls(engine, name, clock)
        with (
            removed_if_failed(name),
            translated(name),
            Session(engine) as session,
            session.begin(),
        ):
            if session.scalar(select(func.count()).select_from(StoreRecord)):
                raise InputError("there is a case store in this database; name another one")
            record = StoreRecord(
                id=1,
                created_at=store.now(session),
                purpose=purpose,
                legal_basis=legal_basis,
                source=source,
                retention=days,
                double_share=double_share,
                events=0,
                head=log.FIRST,
                audit=None if audit_log is None else auditing.begin(audit_log, audit_key),
            )
            session.add(record)
            session.flush()
        return store

    @classmethod
    def open(
        cls, name: str, *, clock: Callable[[], datetime] | None = None, follow: bool = True
    ) -> Self:
        """Open a store.

        Args:
            name: of the file, or a URL.
            clock: as for `create`.
            follow: write to the audit log what a process that was killed has left.

        Raises:
            InputError: there is no store, or it lies on a network share.
            CaseError: another version of riskclf made it, or the database cannot be used.
        """
        engine = connect(name)
        with translated(name), engine.connect() as connection, connection.begin():
            check_version(connection, name)
        store = cls(engine, name, clock)
        if follow:
            with store.reading() as session:
                record = session.scalars(select(StoreRecord)).one()
            auditing.follow(store, record)
        return store

    @staticmethod
    def upgrade(name: str) -> None:
        """Bring a store that an older version made up to date.

        Raises:
            InputError: there is no store.
            CaseError: a newer version made it, or the database cannot be used.
        """
        engine = connect(name)
        with translated(name), engine.connect() as connection, connection.begin():
            check_version(connection, name, older_too=True)
        upgrade(engine, name)

    def begin_audit_log(
        self, path: str, officer: str, second: str, *, key: str | None = None
    ) -> None:
        """Begin an audit log, with all events so far: the first one, or one in place of another.

        Args:
            path: a new file.
            officer: who begins it.
            second: the id of the second person, who must agree.
            key: as for `create`.

        Raises:
            CaseError: a second person is missing.
            InputError: a file cannot be made.
        """
        officer = checked_id(officer)
        agreed = checked_second(officer, second, _("beginning an audit log"))
        with self.writing() as (session, record, now):
            record.audit = auditing.begin(path, key)
            log.add_event(session, record, now, "begin_audit_log", officer, second=agreed)

    # Into the store -------------------------------------------------------------------------------

    def known(self, references: Sequence[str]) -> set[str]:
        """Those of the references that the store holds."""
        found: set[str] = set()
        with self.reading() as session:
            for start in range(0, len(references), _AT_ONCE):
                part = references[start : start + _AT_ONCE]
                found.update(
                    session.scalars(select(Post.reference).where(Post.reference.in_(part)))
                )
        return found

    def add(
        self,
        cases: Sequence[NewCase],
        *,
        model: str,
        officer: str,
        thresholds: Mapping[str, float] | None = None,
        rest: Mapping[str, int] | None = None,
    ) -> list[int]:
        """Open cases; posts whose reference the store holds are left out.

        A case whose text the store knows under another reference is marked as re-posted
        (`Case.earlier_id`).

        Args:
            cases: as `riskclf.casework.triage` chose them.
            model: fingerprint of the model that scored them.
            officer: who opens them.
            thresholds: that it decided with; for the audit log.
            rest: posts that are not among the cases, by the model's decision (`Triage.rest`).

        Returns:
            The numbers of the new cases.
        """
        officer = checked_id(officer)
        with self.writing() as (session, record, now):
            return open_cases(session, record, now, cases, model, officer, thresholds, rest)

    # Who reads what -------------------------------------------------------------------------------

    def next_case(self, officer: str) -> Case | None:
        """The case to read next; None where there is none.

        The officer's own undecided case comes first, then those with the highest priority; those
        that this officer has skipped come last. Cases of the support list are not among them.
        """
        officer = checked_id(officer)
        with self.writing() as (session, record, now):
            mine = select(Lease.case_id).where(Lease.officer == officer, Lease.until > now)
            skipped = exists().where(
                Event.case_id == Case.id, Event.action == "skip", Event.officer == officer
            )
            case = session.scalars(
                select(Case)
                .where(
                    Case.state.in_(_UNDECIDED), Case.support.is_(False), Case.purged_at.is_(None)
                )
                .where(free_for(officer, now))
                .order_by(Case.id.in_(mine).desc(), skipped, Case.priority.desc(), Case.id)
                .limit(1)
            ).first()
            if case is not None:
                Steps(session, record, now).assign(case, officer)
            return case

    def take(self, case_id: int, officer: str) -> Case:
        """Take this case in hand: one of the support list, or one that needs a further step.

        Raises:
            CaseError: another officer has it, or there is no such case.
        """
        officer = checked_id(officer)
        with self.writing() as (session, record, now):
            case = case_of(session, case_id)
            steps = Steps(session, record, now)
            steps.refuse_others(case, officer)
            if case.state in _UNDECIDED:
                steps.assign(case, officer)
            else:
                steps.hold_lease(case, officer)
            return case

    def support_list(self, officer: str) -> list[Case]:
        """The open cases of the support list, the oldest first. Every opening is logged."""
        officer = checked_id(officer)
        with self.writing() as (session, record, now):
            found = session.scalars(select(Case).where(Case.support).order_by(Case.id)).all()
            log.add_event(session, record, now, "open_support_list", officer)
            return [
                x for x in found if x.purged_at is None and not is_finished(x.state, x.decision)
            ]

    def checks_due(self) -> list[Case]:
        """Cases that were answered a day ago or longer, and not checked since; the oldest first."""
        with self.reading() as session:
            due = self.now(session) - CHECK_AFTER
            again = and_(Case.state == State.CHECKED, Case.outcome.in_(_TO_CHECK_AGAIN))
            return list(
                session.scalars(
                    select(Case)
                    .where(or_(Case.state == State.WARNED, again), Case.changed_at <= due)
                    .where(Case.purged_at.is_(None))
                    .order_by(Case.changed_at, Case.id)
                )
            )

    def unfinished(self) -> list[Case]:
        """Cases that are decided and need a further step, the oldest first."""
        with self.reading() as session:
            waiting = (State.DECIDED, State.EVIDENCE_SECURED)
            found = session.scalars(
                select(Case).where(Case.state.in_(waiting)).order_by(Case.changed_at, Case.id)
            )
            return [x for x in found if not is_finished(x.state, x.decision)]

    # What is done ---------------------------------------------------------------------------------

    def act(self, case_id: int, officer: str, action: str, **how: Unpack[How]) -> Case:
        """Take a step with a case.

        Args:
            case_id: number of the case.
            officer: who takes the step.
            action: one of `Action`, but `assign`.
            how: what the action asks for, see `riskclf.casework.steps.How`.

        Raises:
            CaseError: the case does not allow the step, another officer has it, or a second person
                is missing.
            InputError: a value cannot be used.
        """
        officer = checked_id(officer)
        with self.writing() as (session, record, now):
            case = case_of(session, case_id)
            return Steps(session, record, now).act(case, officer, action, **how)

    def undo(self, case_id: int, officer: str, *, second: str | None = None) -> Case:
        """Take back the last step of a case. That adds an event, and removes none.

        Args:
            case_id: number of the case.
            officer: who took the step; anybody else needs a second person.
            second: the id of that person.

        Raises:
            CaseError: there is nothing to undo, or another officer has the case.
        """
        officer = checked_id(officer)
        second = checked_second(officer, second)
        with self.writing() as (session, record, now):
            return Steps(session, record, now).undo(case_of(session, case_id), officer, second)

    def hold(self, case_id: int, officer: str, *, on: bool = True) -> Case:
        """Put a case on hold, so that it is not purged; or lift the hold."""
        officer = checked_id(officer)
        with self.writing() as (session, record, now):
            case = case_of(session, case_id)
            action = "hold" if on else "lift_hold"
            if case.held == on:
                told = (
                    _("case {case} is already on hold") if on else _("case {case} is not on hold")
                )
                raise CaseError(told.format(case=case_id))
            case.held = on
            log.add_event(session, record, now, action, officer, case=case, after=case.decision)
            return case

    # What is there --------------------------------------------------------------------------------

    def case(self, case_id: int) -> Case:
        """A case.

        Raises:
            CaseError: there is none of this number.
        """
        with self.reading() as session:
            return case_of(session, case_id)

    def events(self, case_id: int) -> list[Event]:
        """What was done with a case, the first first."""
        with self.reading() as session:
            return list(
                session.scalars(select(Event).where(Event.case_id == case_id).order_by(Event.id))
            )

    def verify(self) -> tuple[int, str]:
        """Check the log; its length and its last digest, to be kept elsewhere.

        Raises:
            CaseError: it was changed.
        """
        with self.writing() as (session, record, _):
            return log.verify(session, record), record.head


def case_of(session: Session, case_id: int) -> Case:
    """The case of this number.

    Raises:
        CaseError: there is none.
    """
    # A larger number is more than the column holds.
    case = session.get(Case, case_id) if 0 < case_id < 1 << 31 else None
    if case is None:
        raise CaseError(_("there is no case {case}").format(case=case_id))
    return case
