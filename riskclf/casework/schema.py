"""The tables of the case store.

A case is what an officer reads at once: one post, or several that say the same. Its posts hold all
text, with references and times; a purge deletes them and leaves the case, which can be counted.
Events hold neither text nor references, and are never changed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Enum, ForeignKey, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from riskclf.casework.states import GONE, Decision, Outcome, State

__all__ = ["AnyText", "Base", "Case", "Event", "Lease", "Post", "Ruling", "StoreRecord", "Utc"]

_HALF_PAIR = re.compile("[\ud800-\udfff]")


class Utc(TypeDecorator[datetime]):
    """A time in UTC, to the microsecond; SQLite would lose its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AnyText(TypeDecorator[str]):
    """A text as a post may hold it: what no database can store is replaced, one for one.

    Half of a surrogate pair becomes U+FFFD, as in normalised text, and NUL (which PostgreSQL
    refuses) another control character. So offsets stay, and what is normalised is the same.
    """

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else _HALF_PAIR.sub("\ufffd", value).replace("\0", "\x01")


def _words(kind: type[StrEnum]) -> Enum:
    """The words of an enumeration, as plain text: a new one needs no migration."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda x: [str(word) for word in x],
    )


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map = {  # noqa: RUF012 (as SQLAlchemy reads it)
        datetime: Utc(),
        State: _words(State),
        Decision: _words(Decision),
        Outcome: _words(Outcome),
        dict[str, Any]: JSON(),
        str: AnyText(),
    }


class StoreRecord(Base):
    """What the store is for, and where its log ends; one row. Every writer locks it first."""

    __tablename__ = "stores"

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    purpose: Mapped[str]
    legal_basis: Mapped[str]
    source: Mapped[str]
    """Where the posts come from."""
    retention: Mapped[dict[str, Any]]
    """Days by outcome, see `riskclf.casework.purge`."""
    double_share: Mapped[float]
    """Share of the cases that two officers decide blind."""
    model: Mapped[str | None] = mapped_column(String(64))
    """Fingerprint of the model that the latest cases were scored with."""
    events: Mapped[int]
    """How many events there are."""
    head: Mapped[str] = mapped_column(String(64))
    """Digest of the last event."""
    audit: Mapped[dict[str, Any] | None]
    """Where the audit log lies, see `riskclf.casework.auditing`; None without one."""


class Case(Base):
    """A case. Nothing here says what a post says."""

    __tablename__ = "cases"

    id: Mapped[int] = mapped_column(primary_key=True)
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    """When its state last changed."""
    state: Mapped[State] = mapped_column(index=True)
    decision: Mapped[Decision | None]
    """The officers' decision."""
    priority: Mapped[float] = mapped_column(index=True)
    """Cases with a higher one are read first; from the model's decision and risk, and for some that
    were drawn, by chance."""
    because: Mapped[str] = mapped_column(String(16))
    """Why it is here: see `riskclf.casework.triage.Because`."""
    support: Mapped[bool]
    """It is on the support list."""
    double: Mapped[bool]
    """It was drawn: two officers decide it, blind; see `riskclf.casework.blind`."""
    drawn: Mapped[float | None]
    """The probability with which it was drawn; None where it was not, or nobody knows."""
    size: Mapped[int]
    """How many posts it was opened with."""
    site: Mapped[str | None] = mapped_column(String(255))
    """See `riskclf.casework.sites`; for counts alone."""
    held: Mapped[bool]
    """It is on hold: it is not purged."""
    earlier_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    """The case of a post with the same text under another reference."""
    model: Mapped[str] = mapped_column(String(64))
    """Fingerprint of the model that scored it when it was opened."""
    suggested: Mapped[dict[str, Any]]
    """What that model said of the first post: `Prediction.to_dict`; outside the support list also
    ``aspects``, ``spans``, ``window`` and ``partial`` as in `Explanation.to_dict`."""
    warned_at: Mapped[datetime | None]
    outcome: Mapped[Outcome | None]
    """What checks have found so far, see `riskclf.casework.checks`; None without a check."""
    purged_at: Mapped[datetime | None]
    posts: Mapped[list[Post]] = relationship(lazy="selectin", order_by="Post.id")
    """Empty once they are purged. The first is read; the others say the same."""

    def __repr__(self) -> str:
        return f"Case({self.id}, {self.state})"

    @property
    def gone(self) -> bool | None:
        """Whether the posts were gone at the last check; None where nobody knows."""
        if self.outcome in (None, Outcome.UNKNOWN):
            return None
        return self.outcome in GONE


class Post(Base):
    """A post of a case, with what is needed to answer it."""

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    reference: Mapped[str] = mapped_column(unique=True)
    """What the agency finds the post by; of any form."""
    posted_at: Mapped[datetime | None]
    text: Mapped[str]
    context: Mapped[str | None]
    """The post that it answers."""
    text_key: Mapped[int] = mapped_column(BigInteger, index=True)
    """See `riskclf.tables.text_key`."""

    def __repr__(self) -> str:
        return f"Post({self.id} of case {self.case_id})"


class Ruling(Base):
    """What one officer decided. The event of that number says when."""

    __tablename__ = "rulings"

    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    officer: Mapped[str]
    decision: Mapped[Decision]
    note: Mapped[str | None]
    """The officer's own words; purged with the posts."""
    undone: Mapped[bool]

    def __repr__(self) -> str:
        return f"Ruling({self.event_id} of case {self.case_id})"


class Lease(Base):
    """A case in an officer's hands, until a time."""

    __tablename__ = "leases"

    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), primary_key=True)
    officer: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]


class Event(Base):
    """What was done. Events are added, never changed or removed; see `riskclf.casework.log`."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From 1, without gaps."""
    at: Mapped[datetime]
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    action: Mapped[str] = mapped_column(String(32))
    officer: Mapped[str]
    second: Mapped[str | None]
    """The second person who agreed."""
    start: Mapped[State | None]
    end: Mapped[State | None]
    before: Mapped[Decision | None]
    """The case's decision before."""
    after: Mapped[Decision | None]
    detail: Mapped[dict[str, Any]]
    """Further facts as JSON values, never text or a reference of a post."""
    undoes: Mapped[int | None] = mapped_column(ForeignKey("events.id"))
    """The event that this one undoes."""
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
