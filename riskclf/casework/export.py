"""Decided posts as a table to learn from, or to measure with: text and label, little else.

Cases that were drawn for blind decisions (`riskclf.casework.blind`) are exported by themselves,
with the weights that make them stand for all posts. They are kept out of what is learned from: a
model that has learned from them cannot be measured with them.

There is no reference, time or officer in it, and no way to choose posts by side or by anything
else: what leaves the store must not help anybody to find the author of a post.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from riskclf.casework import log
from riskclf.casework.agreement import LABELS, blind_cases
from riskclf.casework.people import checked_id, checked_second
from riskclf.casework.schema import Case
from riskclf.language import gettext as _
from riskclf.tables import write_table

if TYPE_CHECKING:
    from riskclf.casework.store import Store

__all__ = ["export"]


def export(
    store: Store,
    path: str | os.PathLike[str],
    officer: str,
    second: str,
    *,
    drawn: bool = False,
) -> int:
    """Write the columns ``text`` and ``label``, as `riskclf evaluate` and `finetune` read them.

    Posts on which an officer decided `needs_support`, `guidance` or `cannot_tell` are left out:
    these are no labels.

    Args:
        store: the store.
        path: of the table; its suffix sets the format.
        officer: who exports.
        second: the id of the second person, who must agree.
        drawn: write the cases that were drawn and decided blind, with the column ``weight``: how
            many posts each stands for. Otherwise, write all cases that were not drawn.

    Returns:
        How many posts were written.

    Raises:
        CaseError: a second person is missing.
        InputError: the file cannot be written.
    """
    officer = checked_id(officer)
    agreed = checked_second(officer, second, _("an export"))
    with store.writing() as (session, record, now):
        rows: list[dict[str, Any]] = []
        if drawn:
            rows += (
                {"text": x.case.posts[0].text, "label": str(x.settled), "weight": x.weight}
                for x in blind_cases(session)
                if x.settled in LABELS and x.case.posts
            )
        else:
            cases = session.scalars(
                select(Case)
                .where(Case.decision.in_(LABELS), Case.drawn.is_(None))
                .order_by(Case.id)
            ).all()
            rows += ({"text": x.posts[0].text, "label": str(x.decision)} for x in cases if x.posts)
        # Logged first: a file without an entry is worse than an entry without a file.
        log.add_event(
            session,
            record,
            now,
            "export",
            officer,
            second=agreed,
            detail={"posts": len(rows), "drawn": drawn},
        )
    columns = ("text", "label", "weight") if drawn else ("text", "label")
    write_table(path, rows, columns=columns)
    return len(rows)
