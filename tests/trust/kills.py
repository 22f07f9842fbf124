"""Kills of every command that writes, at random moments: nothing may be half, lost or locked.

A process is killed with SIGKILL at a moment drawn from the time that an unbroken run takes, then
looked at, and either killed again or left to end; what it leaves must be what an unbroken run
leaves, byte by byte. The page and the service are asked over HTTP until they are killed.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import func, select

from riskclf.casework import Store
from riskclf.casework.schema import Case, Event, Lease
from riskclf.casework.verifying import verify
from riskclf.classifier import RiskClassifier
from tests.casework.desk import DETAILS, RETENTION, case_of
from tests.trust.check import Check, Tried
from tests.trust.processes import (
    labelled,
    model,
    numbered,
    preload,
    run,
    start,
    tree,
    wait_for,
)

__all__ = ["CHECK", "SHARES", "Kills", "review", "serve", "triage"]

SHARES = {
    "predict": 60, "finetune": 20, "evaluate": 25, "triage": 35, "review": 40, "serve": 20,
}  # fmt: skip
"""Kills of each command at full size."""

_SEED = 20261127
_FORMATS = ("csv", "jsonl", "parquet", "xlsx", "csv.gz")
_OFFICER = "officer-7"
_TOLERANCE = 0.005  # in the risk of a post that is computed beside others


@dataclass
class Kills:
    """One run of this check."""

    place: Path
    chance: random.Random = field(default_factory=lambda: random.Random(_SEED))
    failures: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)

    @property
    def model(self) -> Path:
        return model(self.place / "model")

    @property
    def log(self) -> Path:
        return self.place / "log"

    def expect(self, is_so: object, command: str, what: str) -> None:
        """Note a failure unless it is so."""
        if not is_so:
            self.failures.append(f"{command}, kill {self.killed[command]}: {what}")

    def kill(self, command: str, process: BaseProcess, seconds: float) -> bool:
        """Kill a process at a random moment of so many seconds; False if it ended before."""
        process.join(self.chance.uniform(0.02, 1) * seconds)
        if process.exitcode is not None:
            return False
        process.kill()
        process.join()
        self.killed[command] += 1
        return True


def _run(place: Path, scale: float) -> Tried:
    preload()
    one = Kills(place)
    kills: dict[str, Callable[[Kills, int], None]] = {
        "predict": _predict, "finetune": _finetune, "evaluate": _evaluate, "triage": triage,
        "review": review, "serve": serve,
    }  # fmt: skip
    for command, function in kills.items():
        function(one, max(1, round(SHARES[command] * scale)))
    counts = {f"kills of {command}": count for command, count in one.killed.items()}
    return Tried({"kills": one.killed.total(), **counts}, one.failures)


# A file or a directory ----------------------------------------------------------------------------


def _again_and_again(
    one: Kills,
    command: str,
    count: int,
    arguments: Callable[[Path], list[str | Path]],
    *,
    name: str,
    expected: int,
    is_whole: Callable[[Path, dict[str, bytes]], bool],
    before: Callable[[], Any] | None = None,
) -> None:
    """Kill a command `count` times, and compare what it ends with.

    Args:
        one: the run.
        command: its name.
        count: of kills.
        arguments: that make the command write to an output in the directory that is given.
        name: of that output.
        expected: exit status.
        is_whole: whether an output that is there after a kill is old or new as a whole; told the
            directory, and what an unbroken run wrote there.
        before: see `start`.
    """
    alone = one.place / f"{command}-{name}-alone"
    alone.mkdir()
    since = time.monotonic()
    status = run(one.log, *arguments(alone), before=before)
    seconds = time.monotonic() - since
    one.expect(status == expected, command, f"an unbroken run ended with {status}")
    unbroken = tree(alone)
    killed = turn = 0
    while killed < count:
        turn += 1
        at = one.place / f"{command}-{name}-{turn}"
        if turn % 2:  # over an older output
            shutil.copytree(alone, at)
        else:
            at.mkdir()
        while killed < count:
            process = start(one.log, *arguments(at), before=before)
            if not one.kill(command, process, seconds):
                break
            killed += 1
            one.expect(is_whole(at, unbroken), command, "an output is half written")
            if one.chance.random() < 0.5:
                break
        status = run(one.log, *arguments(at), before=before)
        one.expect(status == expected, command, f"the run after it ended with {status}")
        found = tree(at)
        one.expect(
            found.keys() == unbroken.keys(),
            command,
            f"other files: {sorted(found.keys() ^ unbroken.keys())}",
        )
        differ = [x for x in found.keys() & unbroken.keys() if found[x] != unbroken[x]]
        one.expect(not differ, command, f"other bytes: {differ}")


def _predict(one: Kills, count: int) -> None:
    table = numbered(one.place / "posts.csv", 2500, bad=5)
    for number, suffix in enumerate(_FORMATS[:count]):
        share = count // len(_FORMATS) + (number < count % len(_FORMATS))

        def arguments(at: Path, name: str = f"out.{suffix}") -> list[str | Path]:
            return ["predict", "--model", one.model, "--input", table, "--output", at / name]

        def is_whole(at: Path, unbroken: dict[str, bytes], name: str = f"out.{suffix}") -> bool:
            found = tree(at)
            return all(x not in found or found[x] == unbroken[x] for x in unbroken)

        _again_and_again(
            one, "predict", share, arguments, name=suffix, expected=1, is_whole=is_whole
        )


def _finetune(one: Kills, count: int) -> None:
    table = labelled(one.place / "to-learn.csv", 30)

    def arguments(at: Path) -> list[str | Path]:
        return ["finetune", table, "--base", one.model, "--output", at / "model"]

    def is_whole(at: Path, unbroken: dict[str, bytes]) -> bool:
        found = {x: y for x, y in tree(at).items() if x.startswith("model/")}
        return not found or found == unbroken

    def shorter() -> None:
        import riskclf.finetuning.folds
        import riskclf.finetuning.job

        riskclf.finetuning.folds._FOLDS = 2
        setattr(riskclf.finetuning.job, "load_our_posts", list)  # noqa: B010

    _again_and_again(
        one, "finetune", count, arguments,
        name="model", expected=0, is_whole=is_whole, before=shorter,
    )  # fmt: skip


def _evaluate(one: Kills, count: int) -> None:
    table = labelled(one.place / "to-measure.csv", 100)

    def arguments(at: Path) -> list[str | Path]:
        return ["evaluate", table, "--model", one.model, "--output", at / "report"]

    def is_whole(at: Path, unbroken: dict[str, bytes]) -> bool:
        found = tree(at)
        if "report/report.html" in found:
            return all(found.get(x) == unbroken[x] for x in unbroken)
        return all(x not in found or found[x] == unbroken[x] for x in unbroken)

    _again_and_again(
        one, "evaluate", count, arguments, name="report", expected=0, is_whole=is_whole
    )


# A case store -------------------------------------------------------------------------------------


def _new_store(at: Path, cases: int = 0) -> Store:
    at.mkdir()
    store = Store.create(
        str(at / "cases.db"), **DETAILS, retention=RETENTION, audit_log=str(at / "audit.jsonl")
    )
    if cases:
        new = [case_of(f"r{n}", f"今日は図書館に行った {n}") for n in range(cases)]
        store.add(new, model="m1", officer="chief")
    return store


def _check_logs(one: Kills, command: str, at: Path) -> Store:
    """The store, once its log and the audit log are known to be whole and to say the same."""
    store = Store.open(str(at / "cases.db"))  # writes to the audit log what the kill has left out
    count, _ = store.verify()
    kept = verify(at / "audit.jsonl").head.count
    one.expect(count == kept, command, f"{count} events in the store and {kept} in the audit log")
    return store


def triage(one: Kills, count: int) -> None:
    posts, cases = 150, 40
    table = numbered(one.place / "shift.csv", posts)
    options: list[str | Path] = [
        "--capacity",
        "20/hour",
        "--hours",
        "2",
        "--model",
        one.model,
        "--officer",
        "chief",
    ]

    def arguments(at: Path) -> list[str | Path]:
        return ["triage", table, "--store", at / "cases.db", *options]

    def opened(at: Path) -> list[tuple[str, ...]]:
        with _check_logs(one, "triage", at).reading() as session:
            found = session.scalars(select(Case).order_by(Case.id))
            return [tuple(post.reference for post in case.posts) for case in found]

    alone = one.place / "triage-alone"
    _new_store(alone)
    since = time.monotonic()
    run(one.log, *arguments(alone))
    seconds = time.monotonic() - since
    expected = opened(alone)
    one.expect(0 < len(expected) <= cases, "triage", f"an unbroken run opened {len(expected)}")
    turn = 0
    while one.killed["triage"] < count:
        turn += 1
        at = one.place / f"triage-{turn}"
        _new_store(at)
        while one.killed["triage"] < count:
            if not one.kill("triage", start(one.log, *arguments(at)), seconds):
                break
            found = opened(at)
            one.expect(found in ([], expected), "triage", f"{len(found)} cases were opened")
            if found or one.chance.random() < 0.5:
                break
        status = run(one.log, *arguments(at))
        one.expect(status == 0, "triage", f"the run after it ended with {status}")
        both = opened(at)
        # A second run on a store that has the shift opens what is left of it.
        one.expect(both[: len(expected)] == expected, "triage", "other cases were opened")
        one.expect(len({x for y in both for x in y}) == sum(map(len, both)), "triage", "twice")


def review(one: Kills, count: int) -> None:
    at = one.place / "review"
    store = _new_store(at, 40 * count)
    told: Counter[tuple[int | None, str]] = Counter()
    unknown = 0
    for _ in range(count):
        log = one.place / f"review-{one.killed['review']}.log"
        process = start(log, "review", at / "cases.db", "--officer", _OFFICER, "--model", one.model)
        url = wait_for(partial(_found, r"http://[\d.:]+/enter\?token=\S+", log))
        timer = threading.Timer(one.chance.uniform(0.05, 2), process.kill)
        timer.start()
        _work(url, one.chance, told)
        timer.join()
        process.join()
        one.killed["review"] += process.exitcode == -signal.SIGKILL
        one.expect(process.exitcode == -signal.SIGKILL, "review", f"ended: {process.exitcode}")
        store = _check_logs(one, "review", at)
        with store.reading() as session:
            steps = select(Event.case_id, Event.action).where(
                Event.officer == _OFFICER, Event.action != "assign"
            )
            kept = Counter((case, action) for case, action in session.execute(steps))
            held = session.scalar(
                select(func.count())
                .select_from(Lease)
                .join(Case)
                .where(Lease.officer == _OFFICER, Case.decision.is_(None))
            )
        lost, more = told - kept, kept - told
        one.expect(not lost, "review", f"steps that the page had answered are lost: {len(lost)}")
        one.expect(more.total() - unknown <= 1, "review", "a step was kept that nobody took")
        one.expect(max(kept.values(), default=0) <= 1, "review", "a step was kept twice")
        one.expect((held or 0) <= 1, "review", f"the officer has {held} cases in hand")
        unknown = more.total()


def _work(url: str, chance: random.Random, told: Counter[tuple[int | None, str]]) -> None:
    """Decide case after case at the page until it is killed; note what it answered."""
    host = url.partition("/enter")[0]
    with suppress(httpx2.TransportError), httpx2.Client(base_url=host, timeout=30) as client:
        page = client.get(url, follow_redirects=True).text
        (token,) = re.findall(r'<meta name="csrf" content="([^"]+)"', page)

        def ask(path: str, **body: Any) -> str:
            answer = client.post(path, json=body, headers={"X-CSRF-Token": token})
            answer.raise_for_status()
            return str(answer.json()["main"])

        while True:
            (found,) = re.findall(r"Case (\d+)<", ask("/api/next", on=True))
            case = int(found)
            ask("/api/open", case=case)
            decision = chance.choice(["benign", "minor_solicitation"])
            ask("/api/act", case=case, action="decide", decision=decision)
            told[case, "decide"] += 1
            if decision != "benign":
                ask("/api/act", case=case, action="secure_evidence")
                told[case, "secure_evidence"] += 1


def _found(pattern: str, log: Path) -> str:
    found = re.search(pattern, log.read_text(encoding="utf-8") if log.exists() else "")
    return found[0] if found else ""


# The service --------------------------------------------------------------------------------------


def serve(one: Kills, count: int) -> None:
    texts = [f"今日は図書館に行った {n}" for n in range(400)]
    classifier = RiskClassifier.load(one.model, device="cpu")
    right = dict(zip(texts, (x.risk for x in classifier.predict_many(texts)), strict=True))
    port = "0"
    answered = 0
    for number in range(count):
        log = one.place / f"serve-{number}.log"
        process = start(log, "serve", "--model", one.model, "--port", port)
        url = wait_for(partial(_found, r"http://[\d.:]+", log))
        wait_for(partial(_found, "startup complete", log))
        port = url.rpartition(":")[2]  # the next one must get the same
        counts: Counter[str] = Counter()
        clients = [
            threading.Thread(target=_ask, args=(url, right, texts[n::4], counts)) for n in range(4)
        ]
        for client in clients:
            client.start()
        time.sleep(one.chance.uniform(0.1, 2))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        for client in clients:
            client.join()
        one.killed["serve"] += 1
        one.expect(not counts["wrong"], "serve", f"{counts['wrong']} answers were wrong or half")
        answered += counts["right"]
    one.expect(answered, "serve", "no request was answered before a kill")


def _ask(url: str, right: dict[str, float], texts: list[str], counts: Counter[str]) -> None:
    with suppress(httpx2.TransportError), httpx2.Client(base_url=url, timeout=30) as client:
        while True:
            for begin in range(0, len(texts), 8):
                part = texts[begin : begin + 8]
                answer = client.post("/v1/predict", json={"text": part})
                risks = [x["risk"] for x in answer.json()["predictions"]]
                is_right = len(risks) == len(part) and all(
                    abs(risk - right[text]) <= _TOLERANCE
                    for risk, text in zip(risks, part, strict=True)
                )
                counts["right" if is_right else "wrong"] += 1


CHECK = Check(
    name="kills",
    promise="A program that is killed at any moment leaves no half-written output, loses no row"
    " and no decision that was answered, and locks nobody out; the same command then ends with "
    "the same bytes as a run that was left alone.",
    how="`riskclf predict` (five formats), `finetune`, `evaluate`, `triage --store`, "
    "`review` and `serve` are killed with SIGKILL at random moments of their work, with small "
    "models, some of them several times in a row, half of them over an older output.",
    mended="A kill while a report was written left files of two reports in one directory: now "
    "report.html is there only while all files are of one run. A kill while a model was put in "
    "its place left a hidden directory for good: the next run puts an older model back and "
    "removes it.",
    run=_run,
)
