"""Decided posts as a table to learn from and to measure with: text and label, nothing else.

There is no reference, time or officer in it, and no way to choose posts by side or by anything
else: what leaves the store must not help anybody to find the author of a post.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy import select

from riskclf.casework import log
from riskclf.casework.people import checked_id, checked_second
from riskclf.casework.schema import Case
from riskclf.casework.states import Decision
from riskclf.language import gettext as _
from riskclf.tables import write_table

if TYPE_CHECKING:
    from riskclf.casework.store import Store

__all__ = ["export"]

_LABELS = (Decision.MINOR, Decision.ADULT, Decision.UNCLEAR, Decision.BENIGN)


def export(store: Store, path: str | os.PathLike[str], officer: str, second: str) -> int:
    """Write the columns ``text`` and ``label``, as `riskclf evaluate` and `finetune` read them.

    Posts on which an officer decided `needs_support`, `guidance` or `cannot_tell` are left out:
    these are no labels.

    Args:
        store: the store.
        path: of the table; its suffix sets the format.
        officer: who exports.
        second: the id of the second person, who must agree.

    Returns:
        How many posts were written.

    Raises:
        CaseError: a second person is missing.
        InputError: the file cannot be written.
    """
    officer = checked_id(officer)
    agreed = checked_second(officer, second, _("an export"))
    with store.writing() as (session, record, now):
        cases = session.scalars(
            select(Case).where(Case.decision.in_(_LABELS)).order_by(Case.id)
        ).all()
        rows = [{"text": x.posts[0].text, "label": str(x.decision)} for x in cases if x.posts]
        # Logged first: a file without an entry is worse than an entry without a file.
        log.add_event(
            session, record, now, "export", officer, second=agreed, detail={"posts": len(rows)}
        )
    write_table(path, rows, columns=("text", "label"))
    return len(rows)
