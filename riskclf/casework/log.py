"""The log of a case store: every event holds the digest of the one before.

A changed, missing or inserted event breaks the chain. Whoever can write to the database can also
compute the whole chain anew: `head` is to be kept elsewhere from time to time (`riskclf casework
verify` prints it).
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskclf.casework.schema import Case, Event, StoreRecord
from riskclf.casework.states import Decision, State
from riskclf.errors import CaseError

__all__ = ["FIRST", "add_event", "verify"]

FIRST = "0" * 64
"""What the first event holds in place of a digest."""


def add_event(
    session: Session,
    record: StoreRecord,
    at: datetime,
    action: str,
    officer: str,
    *,
    case: Case | None = None,
    second: str | None = None,
    end: State | None = None,
    after: Decision | None = None,
    detail: dict[str, Any] | None = None,
    undoes: int | None = None,
) -> Event:
    """Append an event and, where it concerns a case, move the case on.

    Args:
        session: in a transaction that holds the lock of `record`.
        record: of the store.
        at: the time.
        action: what is done.
        officer: who does it.
        case: with which case.
        second: the second person.
        end: the state of the case afterwards.
        after: its decision afterwards.
        detail: further facts, as JSON values without text.
        undoes: number of the event that is undone.
    """
    event = Event(
        id=record.events + 1,
        at=at,
        case_id=None if case is None else case.id,
        action=str(action),
        officer=officer,
        second=second,
        start=None if case is None else case.state,
        end=end,
        before=None if case is None else case.decision,
        after=after,
        detail=detail or {},
        undoes=undoes,
        previous=record.head,
    )
    event.digest = _digest(event)
    record.events, record.head = event.id, event.digest
    session.add(event)
    if case is not None and end is not None:
        case.state, case.decision, case.changed_at = end, after, at
    session.flush()
    return event


def verify(session: Session, record: StoreRecord) -> int:
    """Check the whole chain.

    Returns:
        How many events there are.

    Raises:
        CaseError: an event was changed, removed, inserted or put elsewhere.
    """
    previous, count = FIRST, 0
    for event in session.scalars(select(Event).order_by(Event.id).execution_options(yield_per=500)):
        count += 1
        if event.id != count:
            raise CaseError(f"event {count} is missing: the log was changed")
        if event.previous != previous or event.digest != _digest(event):
            raise CaseError(f"event {count} is not as it was written: the log was changed")
        previous = event.digest
    if (count, previous) != (record.events, record.head):
        raise CaseError(
            f"the log ends with event {count}, and the store says {record.events}: the log was "
            "changed"
        )
    return count


def _digest(event: Event) -> str:
    words = (event.action, event.officer, event.second, event.start, event.end)
    content = [
        event.id,
        event.at.isoformat(),
        event.case_id,
        *(None if word is None else str(word) for word in words),
        None if event.before is None else str(event.before),
        None if event.after is None else str(event.after),
        event.detail,
        event.undoes,
        event.previous,
    ]
    text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
