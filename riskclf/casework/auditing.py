"""Brings the events of a case store into its audit log.

The database is what counts. An event is written to the log right after its transaction, and a line
of the log has the number of its event. So a process that is killed in between loses nothing: the
next one finds that the log ends early, and adds what is missing, each event once.

Where officers share a PostgreSQL server, the log lies on one of their computers. Steps taken on the
others come into it with the next step there. Only that computer can purge, since the log needs the
posts that it has not seen yet.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskclf.casework.audit import AuditLog, Entry, Head
from riskclf.casework.database import network_share
from riskclf.casework.schema import Case, Event, StoreRecord
from riskclf.errors import CaseError, InputError
from riskclf.files import beside

if TYPE_CHECKING:
    from riskclf.casework.sessions import Sessions

__all__ = ["begin", "complete", "follow", "held_for_purge"]


def begin(path: str, key: str | None) -> dict[str, str]:
    """Make an audit log, and its key if need be.

    Args:
        path: a new file.
        key: file of the key; None puts it beside the log, as ``PATH.key``.

    Returns:
        What the store records of it.

    Raises:
        InputError: a file cannot be made, or lies on a network share.
    """
    share = network_share(path)
    if share:
        raise InputError(
            f"{path} lies on a network share ({share}), where lines can be lost: put the audit log "
            "on a disk of this computer"
        )
    log = AuditLog.create(path, key or beside(path, ".key"))
    at = {"file": str(log.path), "key": str(log.key), "log": log.name}
    return {**at, "computer": platform.node()}


def follow(store: Sessions, record: StoreRecord) -> None:
    """Write the events that the log lacks, after they were committed.

    Args:
        store: with the database.
        record: of the store, as it was when the transaction ended.

    Raises:
        CaseError: the file or its key is missing, or is another one.
        InputError: it cannot be written.
    """
    log = _log_of(record)
    if log is None or _is_elsewhere(store, record):
        return
    log.check_key()
    with log.held():
        if log.head().count >= record.events:
            return  # another process has written them
        with store.reading() as session:
            log.append(_entries(session, log.head()))


def held_for_purge(store: Sessions) -> AbstractContextManager[None]:
    """Keep other writers off the log for a purge; to be entered before the transaction.

    Raises:
        CaseError: the log lies on another computer.
    """
    with store.reading() as session:
        record = session.scalars(select(StoreRecord)).one()
    log = _log_of(record)
    if log is None:
        return nullcontext()
    if _is_elsewhere(store, record):
        raise CaseError(f"purge on the computer that holds the audit log {log.path}")
    return log.held()


def complete(session: Session, record: StoreRecord) -> None:
    """Write the events that the log lacks, inside a transaction, before posts are deleted."""
    log = _log_of(record)
    if log is not None:
        log.append(_entries(session, log.head()))


def _log_of(record: StoreRecord) -> AuditLog | None:
    at: Mapping[str, str] | None = record.audit
    return None if at is None else AuditLog(Path(at["file"]), Path(at["key"]), at["log"])


def _is_elsewhere(store: Sessions, record: StoreRecord) -> bool:
    """Whether the log lies on another computer of those that share a server."""
    at: Mapping[str, str] = record.audit or {}
    return (
        store.engine.dialect.name == "postgresql"
        and not Path(at["file"]).exists()
        and at["computer"] != platform.node()
    )


def _entries(session: Session, head: Head) -> Iterator[Entry]:
    """The events after the head, the first first."""
    found = session.execute(
        select(Event, Case)
        .outerjoin(Case, Event.case_id == Case.id)
        .where(Event.id > head.count)
        .order_by(Event.id)
        .execution_options(yield_per=500)
    )
    for event, case in found:
        yield Entry(event.at, _fields(event, case), _texts(event, case))


def _fields(event: Event, case: Case | None) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "event": event.digest,
        "action": event.action,
        "officer": event.officer,
        "second": event.second,
        "detail": event.detail,
    }
    if event.undoes is not None:
        fields["undoes"] = event.undoes
    if case is not None:
        told = case.suggested
        fields |= {
            "case": case.id,
            "state": None if event.end is None else str(event.end),
            "final": None if event.after is None else str(event.after),
            "model": case.model,
            "thresholds": told.get("thresholds"),
            "scores": told["scores"],
            "decision": told["decision"],
            "suggested": told["label"],
        }
    return fields


def _texts(event: Event, case: Case | None) -> list[str] | None:
    if case is None or event.action == "purge_case":
        return None
    return [post.text for post in case.posts]
