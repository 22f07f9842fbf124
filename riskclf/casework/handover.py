"""The handover sheet: what the next shift finds, by case number, without text and references."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import lazyload

from riskclf.casework.schema import Case, Lease, Ruling
from riskclf.casework.states import Decision, State, is_finished
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from riskclf.casework.store import Store

__all__ = ["handover", "state_words"]


def state_words(state: State) -> str:
    """The name of a state in the current language."""
    return {
        State.NEW: _("not read yet"),
        State.ASSIGNED: _("being read"),
        State.DECIDED: _("decided"),
        State.EVIDENCE_SECURED: _("evidence secured"),
        State.WARNED: _("warned"),
        State.CHECKED: _("checked"),
        State.REFERRED: _("referred"),
        State.DO_NOT_WARN: _("not to be warned: another unit is active"),
        State.GONE_BEFORE_READING: _("gone before reading"),
        State.WITHDRAWN: _("warning withdrawn"),
    }[state]


def handover(store: Store) -> str:
    """The sheet for the next shift as Markdown, in the current language."""
    due = [case.id for case in store.checks_due()]
    with store.reading() as session:
        now = store.now(session)
        cases = session.scalars(select(Case).options(lazyload(Case.posts)).order_by(Case.id)).all()
        half = session.scalars(
            select(Ruling.case_id)
            .join(Case, Case.id == Ruling.case_id)
            .where(Case.state == State.ASSIGNED, Ruling.undone.is_(False))
            .order_by(Ruling.case_id)
        ).all()
        leases = session.scalars(
            select(Lease).where(Lease.until > now).order_by(Lease.case_id, Lease.officer)
        ).all()
    open_cases = [case for case in cases if not is_finished(case.state, case.decision)]
    states = Counter(case.state for case in cases)
    unread = sum(case.support and case.state is State.NEW for case in cases)
    lines = [
        _("# Handover, {time}").format(time=f"{now.astimezone():%Y-%m-%d %H:%M}"),
        "",
        _("The case store is a record of work. It is no original evidence."),
        "",
        _("Support list, not read yet: {count:,}. Read it first.").format(count=unread),
        _("Checks due: {numbers}").format(numbers=_numbers(due)),
        *(
            _("{what}: {numbers}").format(what=what, numbers=_numbers(numbers))
            for what, numbers in (
                (_("Decided by one officer; a second must, blind"), half),
                (_("Two officers differ; to be settled"), _with(open_cases, Decision.DIFFER)),
                (_("Decided, and a further step is needed"), _waiting(open_cases, State.DECIDED)),
                (
                    _("Evidence secured, and a further step is needed"),
                    _waiting(open_cases, State.EVIDENCE_SECURED),
                ),
                (_("On hold"), [case.id for case in cases if case.held]),
            )
        ),
        "",
        _("## In hand"),
        "",
        *(
            _("- Case {number}: {officer}, until {time}").format(
                number=lease.case_id,
                officer=lease.officer,
                time=f"{lease.until.astimezone():%H:%M}",
            )
            for lease in leases
        ),
        *([] if leases else [_("None.")]),
        "",
        _("## All cases"),
        "",
        *(f"- {state_words(state)}: {states[state]:,}" for state in State),
    ]
    return "\n".join(lines) + "\n"


def _waiting(cases: Sequence[Case], state: State) -> list[int]:
    return [x.id for x in cases if x.state is state and x.decision is not Decision.DIFFER]


def _with(cases: Sequence[Case], decision: Decision) -> list[int]:
    return [x.id for x in cases if x.decision is decision]


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) if numbers else _("none")
