"""Where the audit log of a store lies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; older stores have no audit log."""
    op.add_column("stores", sa.Column("audit", sa.JSON()))
