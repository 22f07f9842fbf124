"""Removes text when its time is over, and leaves what can be counted.

A case has an outcome, and each outcome its days of retention, counted from the last change of the
case:

================  =============================================================
``unread``        nobody has decided about it
``not_risky``     benign, cannot tell, or gone before reading
``warned``        warned, and checked; or withdrawn
``referred``      referred
``other``         all else that is finished
================  =============================================================

A case that needs a further step, is in an officer's hands or is on hold is kept, and counted as
kept. A purge deletes the posts of a case (text, context, reference, time) and officers' notes. The
case itself stays, with its state, its decision and the model's scores, and so does the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import lazyload

from riskclf.casework import auditing, log
from riskclf.casework.database import erase
from riskclf.casework.people import checked_id, checked_second
from riskclf.casework.schema import Case, Lease, Post, Ruling
from riskclf.casework.states import Decision, State, is_finished
from riskclf.errors import InputError
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from riskclf.casework.store import Store

__all__ = ["OUTCOMES", "Purged", "checked_retention", "outcome_of", "purge"]

OUTCOMES = ("unread", "not_risky", "warned", "referred", "other")

_OF_STATE = {
    State.NEW: "unread",
    State.ASSIGNED: "unread",
    State.GONE_BEFORE_READING: "not_risky",
    State.WARNED: "warned",
    State.WITHDRAWN: "warned",
    State.REFERRED: "referred",
}


@dataclass(frozen=True)
class Purged:
    """What a purge did."""

    cases: Mapping[str, int]
    """Purged cases by outcome."""
    posts: int
    """Posts that were deleted."""
    unfinished: int
    """Cases that are old enough, and kept, since they need a further step or are being read."""
    held: int
    """Cases that are old enough, and kept, since they are on hold."""


def checked_retention(days: Mapping[str, int]) -> dict[str, int]:
    """Days of retention for every outcome.

    Raises:
        InputError: an outcome is missing or unknown, or its days are fewer than 0.
    """
    if set(days) != set(OUTCOMES):
        raise InputError(f"give days of retention for each of {', '.join(OUTCOMES)}")
    for outcome, count in days.items():
        if count < 0:
            raise InputError(f"the retention of {outcome} is {count} days: give 0 or more")
    return {outcome: days[outcome] for outcome in OUTCOMES}


def outcome_of(case: Case) -> str:
    """The outcome of a case."""
    if case.warned_at is not None and case.state is State.CHECKED:
        return "warned"
    if case.state is State.DECIDED and case.decision in (Decision.BENIGN, Decision.CANNOT_TELL):
        return "not_risky"
    return _OF_STATE.get(case.state, "other")


def purge(store: Store, officer: str, second: str, *, before: datetime | None = None) -> Purged:
    """Delete the text of cases whose time is over.

    Args:
        store: the store.
        officer: who purges.
        second: the id of the second person, who must agree.
        before: purge cases that last changed before this time, whatever their outcome; None keeps
            to the retention by outcome that the store was made with.

    Raises:
        CaseError: a second person is missing; the audit log lies on another computer; or another
            program is reading the store, so that deleted text may still be in its log.
    """
    officer = checked_id(officer)
    agreed = checked_second(officer, second, _("a purge"))
    counts: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    posts = 0
    with auditing.held_for_purge(store), store.writing() as (session, record, now):
        auditing.complete(session, record)
        in_hand = exists().where(Lease.case_id == Case.id, Lease.until > now)
        # One of two officers has decided: the other one must.
        half = exists().where(
            Case.state == State.ASSIGNED, Ruling.case_id == Case.id, Ruling.undone.is_(False)
        )
        for case, is_open in session.execute(
            select(Case, or_(in_hand, half))
            .options(lazyload(Case.posts))
            .where(Case.purged_at.is_(None))
            .order_by(Case.id)
        ).all():
            outcome = outcome_of(case)
            limit = before or now - timedelta(days=record.retention[outcome])
            if case.changed_at >= limit:
                continue
            if case.held:
                kept["held"] += 1
            elif is_open or not (outcome == "unread" or is_finished(case.state, case.decision)):
                kept["unfinished"] += 1
            else:
                counts[outcome] += 1
                posts += len(case.posts)
                for table in (Post, Lease):
                    session.execute(delete(table).where(table.case_id == case.id))
                session.execute(update(Ruling).where(Ruling.case_id == case.id).values(note=None))
                case.purged_at = now
                log.add_event(
                    session, record, now, "purge_case", officer, case=case, second=agreed,
                    after=case.decision,
                )  # fmt: skip
        detail = {
            "cases": dict(counts),
            "posts": posts,
            "before": None if before is None else before.isoformat(),
        }
        log.add_event(session, record, now, "purge", officer, second=agreed, detail=detail)
    erase(store.engine, store.name)
    return Purged(dict(counts), posts, kept["unfinished"], kept["held"])
