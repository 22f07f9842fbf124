"""Several officers at once, in processes of their own, and a kill at any time."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue as Results
from pathlib import Path

from sqlalchemy import select

from riskclf.casework import Store
from riskclf.casework.schema import Event, Ruling
from tests.casework.desk import case_of, opened

# Nothing runs in threads here, and a store keeps no connection open between its calls.
PROCESSES = multiprocessing.get_context("fork")
CASES = 24


def work(place: str, officer: str, decided: Results[tuple[str, int]], rest: float) -> None:
    """Read and decide until nothing is left; report what was decided once that is certain."""
    store = Store.open(place)
    draw = random.Random(officer)
    while (case := store.next_case(officer)) is not None:
        if draw.random() < 0.3:
            store.act(case.id, officer, "release")
            continue
        store.act(case.id, officer, "decide", decision="benign")
        decided.put((officer, case.id))
        time.sleep(rest)


def start(
    place: str, officer: str, decided: Results[tuple[str, int]], rest: float = 0.0
) -> BaseProcess:
    process = PROCESSES.Process(target=work, args=(place, officer, decided, rest))
    process.start()
    return process


def collected(decided: Results[tuple[str, int]]) -> list[tuple[str, int]]:
    found = []
    while not decided.empty():
        found.append(decided.get())
    return found


def check_log(desk: Store, told: list[tuple[str, int]]) -> None:
    """No officer had a case that another one had, and every decision that was told is kept."""
    with desk.reading() as session:
        holder: dict[int, str | None] = {}
        for event in session.scalars(
            select(Event).where(Event.case_id.is_not(None)).order_by(Event.id)
        ):
            assert event.case_id is not None
            if event.action == "assign":
                assert holder.get(event.case_id) is None
                holder[event.case_id] = event.officer
            else:
                assert holder[event.case_id] == event.officer
                holder[event.case_id] = None
        rulings = session.scalars(select(Ruling)).all()
    assert len({x.case_id for x in rulings}) == len(rulings)
    assert set(told) <= {(x.officer, x.case_id) for x in rulings}
    desk.verify()


def test_no_case_is_held_or_decided_by_two_officers(place: str) -> None:
    desk = opened(place, [case_of(f"r{n}", f"雨が降る {n}") for n in range(CASES)])
    decided: Results[tuple[str, int]] = PROCESSES.Queue()
    processes = [start(place, f"officer-{n}", decided) for n in range(4)]
    found = []
    while any(process.is_alive() for process in processes):
        found += collected(decided)
        time.sleep(0.05)
    found += collected(decided)
    assert [process.exitcode for process in processes] == [0] * 4
    assert Counter(case for _, case in found) == Counter(range(1, CASES + 1))
    check_log(desk, found)


def test_a_kill_at_any_moment_loses_no_decision(tmp_path: Path) -> None:
    place = str(tmp_path / "cases.db")
    desk = opened(place, [case_of(f"r{n}", f"雨が降る {n}") for n in range(200)])
    draw = random.Random(0)
    told: list[tuple[str, int]] = []
    for turn in range(6):
        # Of a queue of its own: who is killed may hold the lock of theirs.
        decided: Results[tuple[str, int]] = PROCESSES.Queue()
        process = start(place, f"officer-{turn}", decided, rest=0.005)
        told.append(decided.get(timeout=60))
        time.sleep(draw.random() / 20)
        process.kill()
        process.join()
        while not decided.empty():
            told.append(decided.get())
        desk.verify()
    check_log(desk, told)
    assert all(desk.case(case).decision == "benign" for _, case in told)
    # What the last officer had in hand can be read by others when the lease has ended.
    desk.clock.move(days=400)
    assert desk.next_case("next") is not None
