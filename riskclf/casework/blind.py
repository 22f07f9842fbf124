"""Blind decisions: a sample of cases that measures the model, and how far two officers agree.

A share of the listed cases is drawn at random (`Store.create(double_share=)`; a tenth by
`riskclf casework init`). So are posts that `triage` would not list, most of them `clear`: without
them nobody knows what is missed. Each has a known probability of being drawn (`Case.drawn`), so
that it can stand for as many others as it must. Two officers decide each. They see neither each
other's decision nor anything that the model says, until both have decided, and a difference is
settled.

What it costs. Of the capacity, at most that share of the places goes to drawn posts. They are taken
from the end of the list, never from a flagged post. The second decisions come on top: each drawn
case is read twice. Drawn cases are read after all that are flagged, and before those at `clear`.
The support list is neither drawn from nor hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from riskclf.casework.schema import Case, StoreRecord
from riskclf.casework.states import Decision, State

if TYPE_CHECKING:
    from riskclf.casework.sessions import Sessions

__all__ = ["is_hidden", "share_of"]


def is_hidden(case: Case) -> bool:
    """Whether nothing that the model says of a case may be shown to an officer yet."""
    undecided = case.state in (State.NEW, State.ASSIGNED)
    return case.double and (undecided or case.decision is Decision.DIFFER)


def share_of(store: Sessions) -> float:
    """The share of cases that is drawn, as the store was made with."""
    with store.reading() as session:
        return session.scalars(select(StoreRecord)).one().double_share
