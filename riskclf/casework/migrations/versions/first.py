"""The first tables of the case store, and the triggers that keep its log as it was written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)
_WORD = sa.String(length=32)
_DIGEST = sa.String(length=64)

_SQLITE = """
CREATE TRIGGER events_no_{what} BEFORE {what} ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END
"""
_POSTGRES = """
CREATE FUNCTION events_never_change() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'events are never changed'; END $$
"""
_POSTGRES_TRIGGER = """
CREATE TRIGGER events_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION events_never_change()
"""


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "stores",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("retention", sa.JSON(), nullable=False),
        sa.Column("double_share", sa.Double(), nullable=False),
        sa.Column("model", _DIGEST),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("head", _DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("decision", _WORD),
        sa.Column("priority", sa.Double(), nullable=False),
        sa.Column("because", sa.String(length=16), nullable=False),
        sa.Column("support", sa.Boolean(), nullable=False),
        sa.Column("double", sa.Boolean(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("earlier_id", sa.Integer()),
        sa.Column("model", _DIGEST, nullable=False),
        sa.Column("suggested", sa.JSON(), nullable=False),
        sa.Column("warned_at", _TIME),
        sa.Column("gone", sa.Boolean()),
        sa.Column("purged_at", _TIME),
        sa.ForeignKeyConstraint(["earlier_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_cases_priority", "cases", ["priority"])
    op.create_index("ix_cases_state", "cases", ["state"])
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("case_id", sa.Integer()),
        sa.Column("action", _WORD, nullable=False),
        sa.Column("officer", sa.Text(), nullable=False),
        sa.Column("second", sa.Text()),
        sa.Column("start", _WORD),
        sa.Column("end", _WORD),
        sa.Column("before", _WORD),
        sa.Column("after", _WORD),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("undoes", sa.Integer()),
        sa.Column("previous", _DIGEST, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.ForeignKeyConstraint(["undoes"], ["events.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_events_case_id", "events", ["case_id"])
    op.create_table(
        "leases",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("officer", sa.Text(), nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("case_id", "officer"),
    )
    op.create_table(
        "posts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("posted_at", _TIME),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("context", sa.Text()),
        sa.Column("text_key", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reference"),
    )
    op.create_index("ix_posts_case_id", "posts", ["case_id"])
    op.create_index("ix_posts_text_key", "posts", ["text_key"])
    op.create_table(
        "rulings",
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("officer", sa.Text(), nullable=False),
        sa.Column("decision", _WORD, nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("undone", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"]),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_rulings_case_id", "rulings", ["case_id"])
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(what=what))
    else:
        op.execute(_POSTGRES)
        op.execute(_POSTGRES_TRIGGER)
