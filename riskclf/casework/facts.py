"""The facts that are counted: one for each case that was warned.

All of them come from cases and events, so that a purge changes no count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import lazyload

from riskclf.casework.checks import checks_of, counted, history
from riskclf.casework.drafts import matter_of
from riskclf.casework.schema import Case, Event
from riskclf.casework.states import GONE, Action, Decision, Outcome, State

if TYPE_CHECKING:
    from riskclf.casework.store import Store

__all__ = ["NO_SITE", "Facts", "Warned", "facts_of", "months_between"]

NO_SITE = "?"

_SIDES = {Decision.MINOR: "minor", Decision.ADULT: "adult"}


@dataclass(frozen=True)
class Warned:
    """A case that was warned."""

    month: str
    """Of the warning, such as ``2026-01``."""
    side: str
    """``minor``, ``adult`` or ``unclear``, by the officers' decision."""
    matter: str
    """One of `riskclf.casework.drafts.MATTERS`, by the model's answers."""
    site: str
    """See `riskclf.casework.sites`; `NO_SITE` where nobody knows."""
    template: str
    """Version of the draft that was sent; empty where none was recorded."""
    withdrawn: bool
    outcome: Outcome | None
    """What checks have found so far; None without a check."""
    chain: int
    """Cases of the same text share it."""
    there: float | None
    """Days from the warning to the last check at which the post was not gone yet; None without."""
    gone: float | None
    """Days from the warning to the check at which it was found gone; None where it was not."""


@dataclass(frozen=True)
class Facts:
    """What a store can tell of its warnings."""

    warned: Sequence[Warned]
    months: Sequence[str]
    """From that of the first case to the present one, without gaps."""
    opened: dict[str, int]
    """Cases that were opened, by month."""
    again: Sequence[str] = field(default=())
    """The day of every case whose text had been warned before under another reference."""
    changed: int = 0
    """Cases whose decision was changed after it was made."""
    before: int = 0
    """Of them, cases that had been exported with the decision before."""


def facts_of(store: Store, zone: ZoneInfo) -> Facts:
    """The facts of a store.

    Args:
        store: the store.
        zone: of months and days.
    """
    events: dict[int, list[Event]] = defaultdict(list)
    exports: list[int] = []
    with store.reading() as session:
        now = store.now(session)
        cases = session.scalars(select(Case).options(lazyload(Case.posts)).order_by(Case.id)).all()
        for event in session.scalars(select(Event).order_by(Event.id)):
            if event.case_id is not None:
                events[event.case_id].append(event)
            elif event.action == "export":
                exports.append(event.id)
    by_id = {case.id: case for case in cases}
    chain: dict[int, int] = {}
    for case in cases:
        earlier = case.earlier_id
        chain[case.id] = case.id if earlier is None else chain.get(earlier, earlier)
    opened: dict[str, int] = defaultdict(int)
    for case in cases:
        opened[_month(case.opened_at, zone)] += 1
    changes = [_changed(case, events[case.id], exports) for case in cases]
    return Facts(
        [_warned(case, events[case.id], chain[case.id], zone) for case in cases if case.warned_at],
        months_between(min(opened), _month(now, zone)) if opened else [],
        dict(opened),
        [
            f"{case.opened_at.astimezone(zone):%Y-%m-%d}"
            for case in cases
            if _was_warned(case, by_id)
        ],
        sum(x is not None for x in changes),
        sum(bool(x) for x in changes),
    )


def months_between(first: str, last: str) -> list[str]:
    """All months from the first to the last, such as ``2026-01``."""
    year, month = map(int, first.split("-"))
    found = []
    while (name := f"{year:04}-{month:02}") <= last:
        found.append(name)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found


def _month(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m}"


def _warned(case: Case, events: Sequence[Event], chain: int, zone: ZoneInfo) -> Warned:
    assert case.warned_at is not None
    sent = [x for x in counted(events) if x.action == Action.WARN]
    there = gone = None
    for at, outcome in history(checks_of(events), case.size):
        days = (at - case.warned_at).total_seconds() / 86_400
        if outcome in GONE:
            gone = days if gone is None else gone
        elif outcome is not Outcome.UNKNOWN:  # it was seen: what was found gone had not gone
            there, gone = days, None
    side = Decision.UNCLEAR if case.decision is None else case.decision
    return Warned(
        month=_month(case.warned_at, zone),
        side=_SIDES.get(side, "unclear"),
        matter=matter_of(case),
        site=case.site or NO_SITE,
        template=sent[-1].detail.get("template", "") if sent else "",
        withdrawn=case.state is State.WITHDRAWN,
        outcome=case.outcome,
        chain=chain,
        there=there,
        gone=gone,
    )


def _was_warned(case: Case, by_id: dict[int, Case]) -> bool:
    """Whether the text of a case had been warned before it was opened."""
    earlier = case.earlier_id
    while earlier is not None:
        before = by_id[earlier]
        if before.warned_at is not None and before.warned_at <= case.opened_at:
            return True
        earlier = before.earlier_id
    return False


def _changed(case: Case, events: Sequence[Event], exports: Sequence[int]) -> bool | None:
    """Whether a case was exported with another decision than it has; None if it never changed."""
    then = [(event.id, event.after) for event in events]  # every event says what the decision is
    others = {after for _, after in then} - {None, Decision.DIFFER, case.decision}
    if not others:
        return None
    exported = (
        next((after for number, after in reversed(then) if number < export), None)
        for export in exports
    )
    return any(decision in others for decision in exported)
