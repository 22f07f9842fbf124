"""What the page counts in a store, without opening the support list (each opening is logged)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from riskclf.casework.schema import Case, Event
from riskclf.casework.states import Action, State

if TYPE_CHECKING:
    from riskclf.casework.store import Store

__all__ = ["last_step", "read_since", "time_of", "unread"]

_NO_STEPS = ("assign", "release", "skip", "undo", "hold", "lift_hold", "purge_case")
_READ = tuple(map(str, (Action.DECIDE, Action.SETTLE, Action.SKIP, Action.GONE)))


def time_of(store: Store) -> datetime:
    """The time by the clock of the store, with the zone of this computer."""
    with store.reading() as session:
        return store.now(session).astimezone()


def unread(store: Store, *, support: bool) -> int:
    """Cases that nobody has read, of the support list or of the queue."""
    with store.reading() as session:
        count = select(func.count()).where(
            Case.state == State.NEW, Case.support.is_(support), Case.purged_at.is_(None)
        )
        return session.scalars(count).one()


def read_since(store: Store, officer: str, since: datetime) -> int:
    """Cases that this officer has decided, skipped or found gone since then."""
    with store.reading() as session:
        count = select(func.count(Event.case_id.distinct())).where(
            Event.officer == officer, Event.at >= since, Event.action.in_(_READ)
        )
        return session.scalars(count).one()


def last_step(store: Store, officer: str, since: datetime) -> int | None:
    """The case of the last step that this officer took since then and has not undone."""
    with store.reading() as session:
        undone = select(Event.undoes).where(Event.undoes.is_not(None))
        return session.scalars(
            select(Event.case_id)
            .where(Event.officer == officer, Event.at >= since, Event.case_id.is_not(None))
            .where(Event.action.not_in(_NO_STEPS), Event.id.not_in(undone))
            .order_by(Event.id.desc())
            .limit(1)
        ).first()
