"""Ten officers on one store for ten minutes, and fifty kills: by hand, since it takes a while.

``python -m pytest -o addopts= -s tests/benchmarks/test_officers.py``; on PostgreSQL too where
RISKCLF_POSTGRES names a server. RISKCLF_OFFICERS_MINUTES=0.5 makes it shorter.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter, defaultdict
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue as Results
from pathlib import Path

from sqlalchemy import select

from riskclf.casework import Store
from riskclf.casework.audit import head_of
from riskclf.casework.schema import Case, Event, Ruling
from riskclf.casework.states import State
from riskclf.casework.verifying import verify
from riskclf.errors import CaseError
from tests.casework.conftest import place
from tests.casework.desk import DETAILS, RETENTION, case_of
from tests.casework.test_concurrency import PROCESSES

__all__ = ["place"]

MINUTES = float(os.environ.get("RISKCLF_OFFICERS_MINUTES", "10"))
OFFICERS, KILLS, AT_ONCE, DRAWN, REST = 10, 50, 500, 0.1, 0.2

Told = tuple[str, int, str]
"""Officer, case and action."""


def work(place: str, officer: str, told: Results[Told]) -> None:
    """Read and decide; tell of each step once the store has said that it is done."""
    store = Store.open(place)
    draw = random.Random(officer)
    while True:
        case = store.next_case(officer)
        time.sleep(draw.random() * REST)
        if case is None:
            continue
        actions = ["release"] if draw.random() < 0.2 else ["decide"]
        for action in actions:
            if action == "undo":
                try:
                    store.undo(case.id, officer)
                except CaseError:
                    if not case.double:
                        raise
                    continue  # the other one has decided in the meantime
            elif action == "decide":
                decision = draw.choice(["benign", "minor_solicitation"])
                found = store.act(case.id, officer, "decide", decision=decision)
                if draw.random() < 0.1:
                    actions.append("undo")
                elif found.state is State.DECIDED and found.decision == "minor_solicitation":
                    actions.append("warn")
            else:
                store.act(case.id, officer, action)
            told.put((officer, case.id, action))


def collected(told: Results[Told]) -> list[Told]:
    found = []
    while not told.empty():
        found.append(told.get())
    return found


def test_ten_officers_with_some_of_them_killed(place: str, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    desk = Store.create(
        place, **DETAILS, retention=RETENTION, double_share=DRAWN, audit_log=str(log)
    )
    draw = random.Random(0)
    start = time.monotonic()
    kills = sorted(draw.random() * 60 * MINUTES for _ in range(KILLS))
    told: list[Told] = []
    cases = started = 0
    running: list[tuple[BaseProcess, Results[Told]]] = []
    while (now := time.monotonic() - start) < 60 * MINUTES:
        if cases - len({case for _, case, _ in told}) < AT_ONCE / 2:
            new = [case_of(f"r{n}", f"雨が降る {n}") for n in range(cases, cases + AT_ONCE)]
            cases += len(desk.add(new, model="m", officer="chief"))
        while len(running) < OFFICERS:
            # Of a queue of its own: who is killed may hold the lock of theirs.
            queue: Results[Told] = PROCESSES.Queue()
            officer = PROCESSES.Process(target=work, args=(place, f"officer-{started}", queue))
            officer.start()
            running.append((officer, queue))
            started += 1
        time.sleep(0.01)
        while kills and kills[0] <= now:
            kills.pop(0)
            process, queue = running.pop(draw.randrange(len(running)))
            assert process.is_alive(), "an officer failed before"
            process.kill()
            process.join()
            told += collected(queue)
        for _, queue in running:
            told += collected(queue)
    for process, queue in running:
        assert process.is_alive(), "an officer failed"
        process.kill()
        process.join()
        told += collected(queue)
    check(place, told, log)
    told_of = Counter(action for *_, action in told)
    print(f"{started} officers, {KILLS} kills and {OFFICERS} at the end, {cases} cases, {told_of}")


def check(place: str, told: list[Told], log: Path) -> None:
    """Nobody had a case of another, no step that was told is lost, and both logs are whole."""
    behind = head_of(log).count
    desk = Store.open(place)
    with desk.reading() as session:
        drawn = set(session.scalars(select(Case.id).where(Case.double)))
        events = session.scalars(select(Event).order_by(Event.id)).all()
        rulings = session.scalars(select(Ruling).where(Ruling.undone.is_(False))).all()
        states = {case: state for case, state in session.execute(select(Case.id, Case.state))}
    holders: dict[int, set[str]] = defaultdict(set)
    last: dict[int, State] = {}
    for event in events:
        if event.case_id is None:
            continue
        mine = holders[event.case_id]
        if event.action in ("assign", "undo"):
            mine.add(event.officer)
            assert len(mine) <= (2 if event.case_id in drawn else 1)
        else:
            assert event.officer in mine
            if event.action != "warn":
                mine.remove(event.officer)
        if event.action == "decide":
            mine.add(event.officer)  # may undo it, or warn
        assert event.end is not None
        last[event.case_id] = event.end
    decided = Counter(ruling.case_id for ruling in rulings)
    assert all(count <= (2 if case in drawn else 1) for case, count in decided.items())
    assert len({(x.case_id, x.officer) for x in rulings}) == len(rulings)
    kept = Counter((x.officer, x.case_id, x.action) for x in events if x.case_id is not None)
    assert not Counter(told) - kept
    assert all(states[case] is state for case, state in last.items())
    count, _ = desk.verify()
    found = verify(log)
    assert found.head.count == count == len(events)
    print(f"{count} events; the audit log lacked {count - behind} before it was opened again")
