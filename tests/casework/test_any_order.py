"""Any order of steps, by any officers: a case is what its events say, and nobody is robbed."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from riskclf.casework.schema import Case, Event, Lease, StoreRecord
from riskclf.casework.states import STEPS, Action, Decision, Recipient, State
from riskclf.casework.steps import How
from riskclf.errors import CaseError, InputError
from tests.casework.desk import Desk, case_of, opened

CASES, OPERATIONS = 6, 160
OFFICERS = ("a", "b", "c")
LESS_OFTEN = {Action.ASSIGN, Action.RELEASE, Action.SKIP, Action.GONE}


def one_operation(desk: Desk, draw: random.Random) -> bool:
    """Mostly a step that the case may allow, by an officer who may have it; whether it did."""
    number, officer = draw.randint(1, CASES), draw.choice(OFFICERS)
    with desk.reading() as session:
        state = session.get_one(Case, number).state
        held = select(Lease.officer).where(Lease.case_id == number).order_by(Lease.officer)
        holding = list(session.scalars(held))
        record = session.get_one(StoreRecord, 1)
        before = record.events, record.head
    what = draw.random()
    if what < 0.1:
        desk.clock.move(minutes=draw.choice([1, 29, 31]))
        return True
    if what < 0.15:
        return desk.next_case(officer) is not None
    if what < 0.3 or state is State.NEW:
        step = partial(desk.take, number, officer)
    elif what < 0.4:
        step = partial(desk.undo, number, officer, second=draw.choice([None, "z"]))
    else:
        every = sorted(set(Action) - {Action.ASSIGN})
        likely = sorted({x.action for x in STEPS if x.start is state} - LESS_OFTEN)
        action = draw.choice([*likely * 9, *every])
        how: How = {"second": "z"}
        if action in (Action.DECIDE, Action.SETTLE):
            how["decision"] = draw.choice([Decision.ADULT, Decision.MINOR, *Decision])
        elif action is Action.CHECK:
            how["gone"] = draw.random() < 0.5
        elif action is Action.REFER:
            how["recipient"] = draw.choice(list(Recipient))
        step = partial(desk.act, number, draw.choice([*holding * 9, officer]), action, **how)
    try:
        step()
        return True
    except (CaseError, InputError):
        with desk.reading() as session:  # a refusal leaves nothing behind
            record = session.get_one(StoreRecord, 1)
            assert (record.events, record.head) == before
        return False


def check(desk: Desk) -> None:
    with desk.reading() as session:
        events = session.scalars(select(Event).order_by(Event.id)).all()
        leases = session.scalars(select(Lease).where(Lease.until > desk.clock())).all()
        for case in session.scalars(select(Case)):
            assert len(case.posts) == 1  # no text is lost
            blind = case.double and case.state in (State.NEW, State.ASSIGNED)
            assert sum(x.case_id == case.id for x in leases) <= (2 if blind else 1)
            check_case(case, [x for x in events if x.case_id == case.id])


def check_case(case: Case, events: list[Event]) -> None:
    undone = {event.undoes for event in events}
    counted = [x for x in events if x.id not in undone and x.action != "undo"]
    steps = [x for x in counted if x.action not in ("assign", "release", "skip", "take")]
    if steps and steps[-1].end is not State.ASSIGNED:
        assert (case.state, case.decision) == (steps[-1].end, steps[-1].after)
    else:
        assert case.state in (State.NEW, State.ASSIGNED) and case.decision is None
    warned = [x for x in steps if x.action == "warn"]
    assert (case.warned_at is not None) == bool(warned)
    if warned and case.decision in (Decision.ADULT, Decision.UNCLEAR):
        assert any(x.action == "secure_evidence" for x in steps)
    agreed = [x for x in steps if x.action == "refer" or x.after is Decision.GUIDANCE]
    assert not agreed or any(x.second for x in steps)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_case_is_what_its_events_say_and_nobody_is_robbed(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    desk = opened(str(tmp_path / "cases.db"), [case_of(f"r{n}", f"雨 {n}") for n in range(CASES)])
    with desk.writing() as (session, _, _now):
        for number in (1, 2):
            session.get_one(Case, number).double = True
    done = 0
    for _ in range(OPERATIONS):
        done += one_operation(desk, draw)
        check(desk)
    assert done > OPERATIONS / 4
    desk.verify()
