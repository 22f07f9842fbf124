"""Ten officers on one store for ten minutes, and fifty kills: by hand, since it takes a while.

``python -m pytest -o addopts= tests/benchmarks/test_officers.py``; on PostgreSQL too where
RISKCLF_POSTGRES names a server.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue as Results

from tests.casework.conftest import place
from tests.casework.desk import case_of, opened
from tests.casework.test_concurrency import PROCESSES, check_log, collected, start

__all__ = ["place"]

OFFICERS, MINUTES, CASES, KILLS = 10, 10, 3000, 50


def test_ten_officers_with_some_of_them_killed(place: str) -> None:
    desk = opened(place, [case_of(f"r{n}", f"雨が降る {n}") for n in range(CASES)])
    draw = random.Random(0)
    end = time.monotonic() + 60 * MINUTES
    found: list[tuple[str, int]] = []
    started = killed = 0
    running: list[tuple[BaseProcess, Results[tuple[str, int]]]] = []
    while time.monotonic() < end:
        while len(running) < OFFICERS:
            # Of a queue of its own: who is killed may hold the lock of theirs.
            queue = PROCESSES.Queue()
            running.append((start(desk.name, f"officer-{started}", queue, 0.2), queue))
            started += 1
        time.sleep(60 * MINUTES / KILLS)
        if killed < KILLS:
            process, queue = running.pop(draw.randrange(OFFICERS))
            process.kill()
            process.join()
            found += collected(queue)
            killed += 1
        for _, queue in running:
            found += collected(queue)
        if all(not process.is_alive() for process, _ in running):
            break
    for process, queue in running:
        process.kill()
        process.join()
        found += collected(queue)
    print(f"{started} officers, {killed} kills, {len(found)} decisions told of {CASES} cases")
    assert max(Counter(case for _, case in found).values()) == 1
    check_log(desk, found)
