"""The transactions of a case store, and its clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from riskclf.casework import auditing
from riskclf.casework.database import translated
from riskclf.casework.schema import StoreRecord
from riskclf.errors import CaseError, RiskclfError
from riskclf.language import gettext as _

__all__ = ["Sessions"]


class Sessions:
    """A database with cases; each step is one transaction."""

    def __init__(self, engine: Engine, name: str, clock: Callable[[], datetime] | None) -> None:
        self.engine, self.name = engine, name
        self._clock = clock

    @contextmanager
    def writing(self) -> Iterator[tuple[Session, StoreRecord, datetime]]:
        """A transaction that no other writer shares: the session, the store's row, and the time.

        When it has been committed, its events are written to the audit log, if there is one.

        Raises:
            CaseError: the database cannot be used, or the log, which gets the events later then.
        """
        with (
            translated(self.name),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            record = session.scalars(select(StoreRecord).with_for_update()).one()
            yield session, record, self.now(session)
        try:
            auditing.follow(self, record)
        except RiskclfError as error:
            raise CaseError(
                _(
                    "the step is kept in the case store, but not yet in the audit log: {error}"
                ).format(error=error)
            ) from None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with (
            translated(self.name),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def now(self, session: Session) -> datetime:
        """The time: officers on several computers share the clock of their database."""
        if self._clock is not None:
            return self._clock()
        if self.engine.dialect.name == "postgresql":
            found: datetime = session.scalars(select(func.clock_timestamp())).one()
            return found.astimezone(UTC)
        return datetime.now(UTC)
