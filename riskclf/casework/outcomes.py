"""Reads what the agency found when it looked at posts that were warned.

Each good row becomes a `check` of its case (`riskclf.casework.checks`): events are added, none is
changed. The same row read again adds nothing; a later check adds to the history. A row that cannot
be used is listed with its reason, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskclf.casework.checks import Check, checks_of
from riskclf.casework.intake import string_of
from riskclf.casework.people import checked_id
from riskclf.casework.schema import Case, Event, Lease, Post
from riskclf.casework.states import Action, Outcome, State
from riskclf.casework.steps import Steps
from riskclf.errors import CaseError, InputError
from riskclf.language import Sentence
from riskclf.tables import Data, Reject, Source, nothing_usable, time_in

if TYPE_CHECKING:
    from riskclf.casework.store import Store

__all__ = ["COLUMNS", "Imported", "import_outcomes"]

COLUMNS = ("reference", "outcome", "checked_at")
"""A post as the store knows it; one of `Outcome`; the day or time at which it was looked at."""


@dataclass(frozen=True)
class Imported:
    """What became of a file of outcomes."""

    added: int
    """Checks that were recorded."""
    known: int
    """Rows whose check was there already."""
    rejects: Sequence[Reject] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Found:
    row: int
    reference: str
    outcome: Outcome
    day: date
    at: datetime | None
    """None where only the day is given."""


def import_outcomes(store: Store, data: Data, officer: str, *, zone: ZoneInfo) -> Imported:
    """Record what was found when posts that were warned were looked at.

    A day without a time counts as its end, and today as now: by then, at the latest, it was seen.

    Args:
        store: the store.
        data: a table with `COLUMNS`; of any kind that `riskclf.evaluate` reads.
        officer: who records it.
        zone: of days, and of times that name no zone.

    Raises:
        InputError: the table cannot be read, lacks a column, or has no row.
        CaseError: the store cannot be used.
    """
    officer = checked_id(officer)
    name, rows, rejects = _read(data, zone)
    if not rows and not rejects:
        raise InputError(nothing_usable(name, rejects, "record"))
    added = known = 0
    with store.writing() as (session, record, now):
        steps = Steps(session, record, now)
        for found in rows:
            try:
                added_one = _record(session, steps, now, officer, found, zone)
            except _NotUsable as error:
                rejects.append(Reject(found.row, error.column, error.reason))
                continue
            added += added_one
            known += not added_one
    return Imported(added, known, sorted(rejects, key=lambda reject: reject.number))


class _NotUsable(Exception):
    """A row cannot be recorded."""

    def __init__(self, column: str, reason: Sentence) -> None:
        super().__init__(reason)
        self.column, self.reason = column, reason


def _record(
    session: Session, steps: Steps, now: datetime, officer: str, found: _Found, zone: ZoneInfo
) -> bool:
    """Record one row; whether it is new."""
    reference, _outcome, checked_at = COLUMNS
    post = session.scalars(select(Post).where(Post.reference == found.reference)).first()
    if post is None:
        raise _NotUsable(
            reference,
            Sentence(
                "it is not in the case store: it never was, or its case was purged, which removes "
                "all references"
            ),
        )
    case = session.get_one(Case, post.case_id)
    warned = case.warned_at
    if warned is None:
        raise _NotUsable(reference, Sentence("its case was not warned"))
    if case.state is State.WITHDRAWN:
        raise _NotUsable(reference, Sentence("the warning was withdrawn"))
    at, today = found.at, now.astimezone(zone).date()
    if at is None and found.day <= today:
        end = datetime.combine(found.day, time.max, zone)
        at = now if found.day == today else end.astimezone(UTC)
    if at is None or at > now:
        raise _NotUsable(checked_at, Sentence("it is in the future"))
    if at < warned:
        raise _NotUsable(checked_at, Sentence("it is before the warning"))
    which = post.id if case.size > 1 else None
    events = session.scalars(select(Event).where(Event.case_id == case.id).order_by(Event.id))
    if any(_same(check, found, which, outcome_at=at, zone=zone) for check in checks_of(events)):
        return False
    others = select(Lease).where(
        Lease.case_id == case.id, Lease.officer != officer, Lease.until > now
    )
    if session.scalars(others).first() is not None:
        raise _NotUsable(
            reference,
            Sentence("another officer has the case in hand: record this row again later"),
        )
    how: dict[str, Any] = {} if which is None else {"post": which}
    try:
        steps.act(case, officer, Action.CHECK, outcome=found.outcome, checked_at=at, **how)
    except CaseError:
        raise _NotUsable(
            reference,
            Sentence(
                "its case is in the state '{state}': finish that first", state=str(case.state)
            ),
        ) from None
    return True


def _same(
    check: Check, found: _Found, post: int | None, *, outcome_at: datetime, zone: ZoneInfo
) -> bool:
    """Whether a check is recorded already; one that gives a day only, by its day."""
    if (check.outcome, check.post) != (found.outcome, post):
        return False
    if found.at is None:
        return check.at.astimezone(zone).date() == found.day
    return check.at == outcome_at


def _read(data: Data, zone: ZoneInfo) -> tuple[str, list[_Found], list[Reject]]:
    """Name of the table, its rows, and those that cannot be used by themselves."""
    rows: list[_Found] = []
    rejects: list[Reject] = []
    with ExitStack() as stack:
        source = Source(data, stack)
        source.require(COLUMNS)
        for row in source:
            found = row if isinstance(row, Reject) else _found(row.number, row.values, zone)
            if isinstance(found, Reject):
                rejects.append(found)
            else:
                rows.append(found)
        name = source.name
    told: dict[tuple[str, date, datetime | None], set[Outcome]] = {}
    for found in rows:
        told.setdefault((found.reference, found.day, found.at), set()).add(found.outcome)
    reason = Sentence("another row gives this reference another outcome at the same time")
    good = []
    for found in rows:
        if len(told[found.reference, found.day, found.at]) > 1:
            rejects.append(Reject(found.row, "outcome", reason))
        else:
            good.append(found)
    return name, good, rejects


def _found(number: int, values: Mapping[str, Any], zone: ZoneInfo) -> _Found | Reject:
    reference = string_of(values, "reference")
    if reference is None:
        return Reject(number, "reference", Sentence("it is missing"))
    word = str(values.get("outcome") or "").strip().lower().replace(" ", "_")
    if word not in list(Outcome):
        known = ", ".join(Outcome)
        return Reject(number, "outcome", Sentence("it is none of {known}", known=known))
    when = _when(values.get("checked_at"), zone)
    if when is None:
        reason = Sentence("it is no date: write it like 2026-01-31 or 2026-01-31T18:00:00+09:00")
        return Reject(number, "checked_at", reason)
    return _Found(number, reference, Outcome(word), *when)


def _when(value: Any, zone: ZoneInfo) -> tuple[date, datetime | None] | None:
    """The day, and the time if one is given; a workbook gives a day as its midnight."""
    found = time_in(value)
    if not isinstance(found, datetime):
        return None if found is None else (found, None)
    if found.tzinfo is None:
        if found.time() == time():
            return found.date(), None
        found = found.replace(tzinfo=zone)
    try:
        utc = found.astimezone(UTC)
        return utc.astimezone(zone).date(), utc
    except OverflowError:  # the first or last day of the calendar, in another zone
        return None
