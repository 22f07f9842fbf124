"""What is counted: outcomes of checks, sizes and sites of cases, and how they were drawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from riskclf.casework.sites import site_of

revision = "0003"
down_revision = "0002"

_SIZES = """
UPDATE cases SET size = (SELECT count(*) FROM posts WHERE posts.case_id = cases.id)
WHERE EXISTS (SELECT 1 FROM posts WHERE posts.case_id = cases.id)
"""
_OUTCOMES = """
UPDATE cases SET outcome = CASE WHEN gone THEN 'deleted' ELSE 'still_there' END
WHERE gone IS NOT NULL
"""
_FIRST_POSTS = """
SELECT case_id, reference FROM posts
WHERE id IN (SELECT min(id) FROM posts GROUP BY case_id)
"""


def upgrade() -> None:
    """Add the columns. A purged case counts as one post; a post that was gone, as deleted.

    Cases that older versions gave to two officers keep no probability: the model was not hidden.
    """
    for column in (
        sa.Column("drawn", sa.Double()),
        sa.Column("size", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("site", sa.String(length=255)),
        sa.Column("outcome", sa.String(length=32)),
    ):
        op.add_column("cases", column)
    op.execute(_SIZES)
    op.execute(_OUTCOMES)
    connection = op.get_bind()
    for case_id, reference in connection.execute(sa.text(_FIRST_POSTS)).all():
        connection.execute(
            sa.text("UPDATE cases SET site = :site WHERE id = :case"),
            {"site": site_of(reference), "case": case_id},
        )
    op.drop_column("cases", "gone")
