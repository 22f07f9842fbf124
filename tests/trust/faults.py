"""Full disks, read-only places, too little memory, signals, sleep and clock jumps."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx2

from riskclf.casework import Store
from riskclf.casework.verifying import verify
from riskclf.errors import CaseError
from tests.casework.desk import DETAILS, RETENTION, Clock, case_of
from tests.trust.check import Check, Tried
from tests.trust.processes import labelled, model, numbered, preload, run, start, tree, wait_for

__all__ = ["CHECK", "jump_clocks"]

_SEED = 20261127
_FULL = 30
"""Disks that are full, at full scale."""
_SIGNALS, _PAUSES, _MEMORIES, _JUMPS = 40, 20, 20, 200
_COMMANDS = ("predict", "evaluate", "triage", "finetune")


@dataclass
class _Faults:
    """One run of this check."""

    place: Path
    chance: random.Random = field(default_factory=lambda: random.Random(_SEED))
    failures: list[str] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)
    alone: dict[str, tuple[dict[str, bytes], float]] = field(default_factory=dict)
    """What an unbroken run of each command wrote, and in how many seconds."""

    def arguments(self, command: str, at: Path) -> list[str | Path]:
        """The command on an output in `at`."""
        posts, learned, small = (self.place / x for x in ("posts.csv", "learned.csv", "model"))
        every: dict[str, list[str | Path]] = {
            "predict": ["predict", "--model", small, "--input", posts, "--output", at / "out.csv"],
            "evaluate": ["evaluate", learned, "--model", small, "--output", at / "out"],
            "triage": [
                *("triage", posts, "--model", small, "--output", at / "out.csv"),
                *("--capacity", "20/hour", "--hours", "1"),
            ],
            "finetune": ["finetune", learned, "--base", small, "--output", at / "out", "--quick"],
        }
        return every[command]

    def new(self, kind: str, command: str) -> Path:
        """A directory for the next try."""
        self.tried[kind] += 1
        at = self.place / f"{kind}-{self.tried[kind]}".replace(" ", "-")
        at.mkdir()
        return at

    def expect(self, is_so: object, kind: str, command: str, what: str) -> None:
        """Note a failure unless it is so."""
        if not is_so:
            self.failures.append(f"{kind} {self.tried[kind]}, {command}: {what}")

    def continued(self, kind: str, command: str, at: Path) -> None:
        """The same command without the fault must end with what an unbroken run leaves."""
        status = run(self.place / "log", *self.arguments(command, at))
        self.expect(status == 0, kind, command, f"the run after it ended with {status}")
        self.expect(tree(at) == self.alone[command][0], kind, command, "other files or bytes")


def _run(place: Path, scale: float) -> Tried:
    preload()
    one = _Faults(place)
    model(place / "model")
    numbered(place / "posts.csv", 2500)
    labelled(place / "learned.csv", 120)
    commands = [x for x in _COMMANDS if x != "finetune"]  # --quick needs experts; see `kills`
    for command in commands:
        at = place / f"alone-{command}"
        at.mkdir()
        since = time.monotonic()
        status = run(place / "log", *one.arguments(command, at))
        one.alone[command] = tree(at), time.monotonic() - since
        one.expect(status == 0, "unbroken", command, f"it ended with {status}")
    for function, count in (
        (_full_disk, _FULL), (_read_only, len(commands)), (_no_memory, _MEMORIES),
        (_stopped, _SIGNALS), (_asleep, _PAUSES),
    ):  # fmt: skip
        for number in range(max(len(commands), round(count * scale))):
            function(one, commands[number % len(commands)])
    _service_asleep(one)
    jumps = max(20, round(_JUMPS * scale))
    one.failures += jump_clocks(place, one.chance, jumps)
    return Tried(dict(one.tried) | {"clock jumps": jumps}, one.failures)


def _log(one: _Faults) -> Path:
    log = one.place / "told"
    log.unlink(missing_ok=True)
    return log


def _told(log: Path, beginning: str) -> list[str]:
    """The lines with this beginning; tracebacks are told too."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return [x for x in lines if x.startswith((beginning, "Traceback", "  File"))]


def _full_disk(one: _Faults, command: str) -> None:
    kind = "full disks"
    at, log = one.new(kind, command), _log(one)
    most = max(map(len, one.alone[command][0].values()))
    limit = one.chance.randrange(1, most)

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    # The log is a file too: what is told must fit.
    status = run(log, *one.arguments(command, at), before=fill)
    one.expect(status == 2, kind, command, f"status {status} with {limit} bytes")
    told = _told(log, "error: ")
    is_named = len(told) == 1 and told[0].startswith(f"error: {at / 'out'}")
    # Where even the message does not fit, only the status can say it.
    is_told = limit < 4000 or (is_named and "make room" in told[0])
    one.expect(is_told, kind, command, "the error names no file")
    one.expect(not set(tree(at)) & {"out.csv"}, kind, command, "an output was half written")
    one.continued(kind, command, at)


def _read_only(one: _Faults, command: str) -> None:
    kind = "read-only directories"
    at, log = one.new(kind, command), _log(one)
    at.chmod(0o555)
    status = run(log, *one.arguments(command, at), before=_without_privileges)
    told = _told(log, "error: ")
    at.chmod(0o755)
    one.expect(status == 2, kind, command, f"status {status}")
    is_named = len(told) == 1 and told[0].startswith(f"error: {at / 'out'}")
    one.expect(is_named, kind, command, f"{len(told)} lines of errors")
    one.expect(not tree(at), kind, command, "something was written")
    one.continued(kind, command, at)


def _without_privileges() -> None:
    """Root may write anywhere: give that up."""
    if os.geteuid() == 0:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0


def _no_memory(one: _Faults, command: str) -> None:
    kind = "processes without memory"
    at, log = one.new(kind, command), _log(one)
    more = one.chance.randrange(10, 200) * 2**20

    def limit() -> None:
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = used * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    status = run(log, *one.arguments(command, at), before=limit)
    # A library may also end the whole process when it gets no memory.
    one.expect(status in (0, 2) or (status or 0) < 0, kind, command, f"status {status}")
    one.expect(status != 2 or _told(log, "error: "), kind, command, "it ended without a word")
    one.continued(kind, command, at)


def _stopped(one: _Faults, command: str) -> None:
    kind = "stops by a signal"
    at, log = one.new(kind, command), _log(one)
    number, expected = one.chance.choice([(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    process = start(
        log, *one.arguments(command, at),
        before=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    process.join(one.chance.uniform(0.3, 0.95) * one.alone[command][1])
    if process.exitcode is None:
        assert process.pid is not None
        os.kill(process.pid, number)
    process.join(60)
    one.expect(
        process.exitcode in (0, expected), kind, command, f"{number.name}: {process.exitcode}"
    )
    told = _told(log, "stopped")
    one.expect(process.exitcode == 0 or len(told) == 1, kind, command, f"{len(told)} lines")
    one.continued(kind, command, at)


def _asleep(one: _Faults, command: str) -> None:
    kind = "pauses"
    at = one.new(kind, command)
    process = start(one.place / "log", *one.arguments(command, at))
    process.join(one.chance.uniform(0.1, 0.9) * one.alone[command][1])
    assert process.pid is not None
    if process.exitcode is None:
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(one.chance.uniform(0.2, 2))
        os.kill(process.pid, signal.SIGCONT)
    process.join(60)
    one.expect(process.exitcode == 0, kind, command, f"it ended with {process.exitcode}")
    one.expect(tree(at) == one.alone[command][0], kind, command, "other files or bytes")


def _service_asleep(one: _Faults) -> None:
    """A service that slept for longer than a request may take answers right, or says it is late."""
    log = _log(one)
    process = start(log, "serve", "--model", one.place / "model", "--port", "0", "--timeout", "1")
    url = wait_for(lambda: _address(log))
    assert process.pid is not None
    statuses: list[int] = []

    def ask() -> None:
        with httpx2.Client(base_url=url, timeout=60) as client:
            statuses.append(client.post("/v1/predict", json={"text": "雨"}).status_code)

    try:
        for _ in range(3):
            one.tried["pauses"] += 1
            os.kill(process.pid, signal.SIGSTOP)
            clients = [threading.Thread(target=ask) for _ in range(4)]
            for client in clients:
                client.start()
            time.sleep(1.5)
            os.kill(process.pid, signal.SIGCONT)
            for client in clients:
                client.join()
        ask()
    finally:
        process.terminate()
        process.join()
    one.expect(set(statuses) <= {200, 503, 504}, "pauses", "serve", f"{sorted(set(statuses))}")
    one.expect(statuses[-1] == 200, "pauses", "serve", f"afterwards {statuses[-1]}")
    one.expect(process.exitcode == 0, "pauses", "serve", f"it ended with {process.exitcode}")


def _address(log: Path) -> str:
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    return text.split("listening on ")[1].split("/docs")[0] if "startup complete" in text else ""


def jump_clocks(place: Path, chance: random.Random, jumps: int) -> list[str]:
    """Officers at a store whose clock jumps back and forth: what is wrong afterwards.

    Args:
        place: a directory.
        chance: draws the jumps and the steps.
        jumps: how often the clock jumps.
    """
    clock, log = Clock(), place / "jumps.jsonl"
    store = Store.create(
        str(place / "jumps.db"), **DETAILS, retention=RETENTION, audit_log=str(log), clock=clock
    )
    store.add([case_of(f"r{n}", f"雨が降る {n}") for n in range(jumps)], model="m", officer="chief")
    failures, back, last = [], 0, clock()
    decided: set[int] = set()
    for _ in range(jumps):
        clock.time += timedelta(hours=chance.uniform(-30, 30))
        officer = f"officer-{chance.randrange(3)}"
        case = store.next_case(officer)
        if case is None:
            continue
        clock.time += timedelta(minutes=chance.uniform(-90, 90))
        try:
            store.act(case.id, officer, "decide", decision="benign")
        except CaseError:
            continue
        if case.id in decided:
            failures.append(f"clock jumps: case {case.id} was decided twice")
        decided.add(case.id)
    with store.reading() as session:
        from riskclf.casework.schema import Event

        times = [at for (at,) in session.query(Event.at).order_by(Event.id)]
    last, back = times[0], 0
    for at in times[1:]:
        back += at < last
        last = at
    found = verify(log)
    if found.head.count != store.verify()[0]:
        failures.append("clock jumps: the logs differ")
    if found.clock_back != back:
        failures.append(f"clock jumps: {back} jumps back, {found.clock_back} of them in the log")
    if not decided:
        failures.append("clock jumps: no case was decided")
    return failures


CHECK = Check(
    name="faults",
    promise="After a full disk, a read-only place, too little memory, SIGTERM, Ctrl-C, sleep or"
    " a clock that jumps, the error is one line that names the output, an older output is "
    "untouched, and the same command ends with the bytes of an unbroken run.",
    how="Limits of file size and memory at random values, signals and pauses at random "
    "moments of `riskclf predict`, `evaluate` and `triage`; a service that sleeps beyond its "
    "time limit; three officers at a case store whose clock jumps by up to 30 hours.",
    mended="A full disk while a model, a checkpoint or standard output was written named no "
    "file; now every such error names the output and says what to do. SIGTERM ended without a "
    "word; now as Ctrl-C does, with status 143. Too little memory gave a traceback; now one "
    "line.",
    run=_run,
)
