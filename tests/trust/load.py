"""A million posts, many threads and processes, many loads, and a service for half an hour.

Everything but the service runs with a small model of random weights: what grows with the number of
posts or of loads does not depend on the weights. The service has the packaged model.
"""

from __future__ import annotations

import asyncio
import csv
import gc
import json
import multiprocessing
import os
import random
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import numpy as np

from riskclf.classifier import RiskClassifier
from tests.trust.check import Check, Tried
from tests.trust.processes import model, numbered, wait_for

__all__ = ["CHECK"]

ROOT = Path(__file__).parents[2]
_POSTS, _LOADS, _MINUTES = 1_000_000, 1_000, 30
_MEGABYTES = 1_000
_THREADS, _PROCESSES, _CLIENTS, _IN_A_REQUEST = 8, 4, 16, 8
_CALIBRATION = 10.0
"""Seconds in which it is measured how much the service can do; half of it is its rated load."""
_GROWTH = 8.0
"""Megabytes that many loads may add, after the first tenth of them."""
_SEED = 20261127
_TOLERANCE = 0.005
_COMMAND = [sys.executable, "-c", "import sys; from riskclf.cli import main; sys.exit(main())"]


def _run(place: Path, scale: float) -> Tried:
    failures: list[str] = []
    measured: dict[str, float] = {}
    small = model(place / "model")
    posts, loads = max(1000, round(_POSTS * scale)), max(50, round(_LOADS * scale))
    failures += _million(place, small, posts, measured)
    failures += _together(small, measured)
    failures += _many_loads(small, loads, measured)
    seconds = max(20.0, 60 * _MINUTES * scale)
    service = _Service(random.Random(_SEED))
    failures += service.run(place, seconds)
    measured |= service.measured
    counts = {
        "posts through the command line": posts,
        "threads on one classifier": _THREADS,
        "processes, by fork and by spawn": 2 * _PROCESSES,
        "loads of a model": loads,
        "seconds of service": round(seconds),
        **{f"{what} of the service": n for what, n in sorted(service.counts.items())},
    }
    return Tried(counts, failures, measured)


# Many posts ---------------------------------------------------------------------------------------


def _million(place: Path, small: Path, posts: int, measured: dict[str, float]) -> list[str]:
    table, output = numbered(place / "posts.csv", posts), place / "labelled.csv"
    arguments = ["predict", "--model", small, "--input", table, "--output", output]
    process = subprocess.Popen(
        [*_COMMAND, *map(str, arguments)], stderr=subprocess.DEVNULL, cwd=ROOT
    )
    _, status, used = os.wait4(process.pid, 0)
    megabytes = used.ru_maxrss / 1024
    measured["memory of the command line, MB"] = round(megabytes)
    failures = []
    if status:
        failures.append(f"predict ended with status {status}")
    if megabytes > _MEGABYTES:
        failures.append(f"predict took {megabytes:,.0f} MB")
    rows = 0
    with table.open(encoding="utf-8") as before, output.open(encoding="utf-8") as after:
        # As many rows, each in its place, each with a label.
        for left, right in zip(csv.DictReader(before), csv.DictReader(after), strict=True):
            rows += 1
            if left["text"] != right["text"] or not right["label"]:
                failures.append(f"row {rows} is another one, or has no label")
                break
    if rows != posts:
        failures.append(f"{rows:,} rows of {posts:,}")
    return failures


# Threads, processes, loads ------------------------------------------------------------------------

_shared: RiskClassifier | None = None


def _take(classifier: RiskClassifier) -> None:
    global _shared
    _shared = classifier


def _judge(texts: Sequence[str]) -> list[float]:
    assert _shared is not None
    return [x.risk for x in _shared.predict_many(texts)]


def _together(small: Path, measured: dict[str, float]) -> list[str]:
    """The same results from threads and processes as from one alone; the greatest difference."""
    classifier = RiskClassifier.load(small, device="cpu")
    texts = [f"今日は図書館で本を{n}冊借りました" for n in range(800)]
    parts = [texts[n::_THREADS] for n in range(_THREADS)]
    _take(classifier)
    alone = [_judge(part) for part in parts]
    found = {}
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(_PROCESSES, context, _take, (classifier,)) as pool:
            found[method] = [*pool.map(_judge, parts)]
    # Last: MKL, with which PyTorch computes, can hang in a process that is forked after several
    # threads of its parent have computed.
    with ThreadPoolExecutor(_THREADS) as pool:
        found["threads"] = [y for _ in range(3) for y in pool.map(_judge, parts)]
    failures = []
    for how, results in found.items():
        pairs = zip(results, alone * (len(results) // len(alone)), strict=True)
        most = max(float(np.abs(np.subtract(x, y)).max()) for x, y in pairs)
        measured[f"greatest difference, {how}"] = most
        if most > 1e-6:
            failures.append(f"{how}: a risk differs by {most:.2g} from that of one alone")
    return failures


def _many_loads(small: Path, loads: int, measured: dict[str, float]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(small), str(loads)],
        stdout=subprocess.PIPE, check=True, cwd=ROOT,
    )  # fmt: skip
    growth = float(done.stdout)
    measured["growth over all loads but the first tenth, MB"] = growth
    return [f"{loads} loads: {growth:.1f} MB more"] if growth > _GROWTH else []


def _load_again(small: str, loads: int) -> None:
    """Print by how many megabytes the process grows while it loads a model again and again."""

    def megabytes() -> float:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 2**20

    before = 0.0
    for number in range(loads):
        classifier = RiskClassifier.load(small, device="cpu")
        classifier.predict("雨が降る")
        del classifier
        if number == loads // 10:
            before = megabytes()
    print(megabytes() - before)


# The service --------------------------------------------------------------------------------------


@dataclass
class _Service:
    """A service under its rated load, with clients that do wrong."""

    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    measured: dict[str, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    pause: float = 0.0
    """Seconds from one request of a client to its next."""

    def run(self, place: Path, seconds: float) -> list[str]:
        """Serve for so long; what went wrong."""
        texts = [f"今日は図書館で本を{n}冊借りました" for n in range(2000)]
        classifier = RiskClassifier.load(device="cpu")
        risks = dict(zip(texts, (x.risk for x in classifier.predict_many(texts)), strict=True))
        log = place / "serve.log"
        options = ["serve", "--port", "0", "--timeout", "10"]
        with (
            log.open("wb") as told,
            subprocess.Popen([*_COMMAND, *options], stderr=told, cwd=ROOT) as process,
        ):
            try:
                url = wait_for(lambda: _address(log))
                asyncio.run(self._serve(url, risks, seconds))
            finally:
                process.terminate()
                process.wait(60)
        failures = []
        if process.returncode:
            failures.append(f"the service ended with status {process.returncode}")
        for what in ("wrong answers", "answers that are no JSON", "good requests refused"):
            if self.counts[what]:
                failures.append(f"{self.counts[what]} {what}")
        if "Traceback" in log.read_text(encoding="utf-8"):
            failures.append("the log has a traceback")
        if not self.seconds:
            failures.append("no request was answered")
        else:
            p50, p99 = np.percentile(self.seconds, (50, 99))
            self.measured |= {
                "p50 of the service, s": float(p50),
                "p99 of the service, s": float(p99),
            }
        return failures

    async def _serve(self, url: str, risks: dict[str, float], seconds: float) -> None:
        # As fast as they are answered, to learn what the service can do.
        part = min(_CALIBRATION, seconds / 4)
        await asyncio.gather(*(self._good(url, risks, part) for _ in range(_CLIENTS)))
        capacity = self.counts["right answers"] / part
        rated = capacity / 2
        self.measured["rated load of the service, posts/s"] = round(rated)
        self.pause = _CLIENTS * _IN_A_REQUEST / rated
        self.counts.clear()
        self.seconds.clear()
        await asyncio.gather(
            *(self._good(url, risks, seconds) for _ in range(_CLIENTS)),
            *(self._bad(url, seconds) for _ in range(4)),
        )

    async def _good(self, url: str, risks: dict[str, float], seconds: float) -> None:
        end = time.monotonic() + seconds
        texts = [*risks]
        async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
            while (begun := time.monotonic()) < end:
                asked = self.chance.sample(texts, _IN_A_REQUEST)
                answer = await client.post("/v1/predict", json={"text": asked})
                self.seconds.append(time.monotonic() - begun)
                if answer.status_code != 200:
                    self.counts["good requests refused"] += 1
                    continue
                found = [x["risk"] for x in answer.json()["predictions"]]
                is_right = len(found) == len(asked) and all(
                    abs(risk - risks[text]) <= _TOLERANCE
                    for risk, text in zip(found, asked, strict=True)
                )
                self.counts["right answers" if is_right else "wrong answers"] += len(asked)
                await asyncio.sleep(max(0.0, begun + self.pause - time.monotonic()))

    async def _bad(self, url: str, seconds: float) -> None:
        """Do wrong again and again; every answer that comes must be one that says so."""
        end = time.monotonic() + seconds
        wrongs = {
            "slow clients": self._slow,
            "half requests": self._half,
            "disconnections": self._gone,
            "oversized bodies": self._oversized,
            "malformed bodies": self._malformed,
        }
        while time.monotonic() < end:
            what = self.chance.choice([*wrongs])
            reader, writer = await asyncio.open_connection(
                urlsplit(url).hostname, urlsplit(url).port
            )
            try:
                await wrongs[what](writer)
                if what not in ("disconnections", "half requests"):
                    answer = await asyncio.wait_for(reader.read(), 30)
                    if not re.match(rb"HTTP/1.1 (200|4\d\d|503) ", answer):
                        self.counts["wrong answers"] += 1
            except (ConnectionError, TimeoutError):
                self.counts["connections that the service closed"] += 1
            finally:
                writer.close()
            self.counts[what] += 1
            await asyncio.sleep(self.chance.uniform(0, 0.5))

    async def _send(self, writer: asyncio.StreamWriter, body: bytes, length: int) -> None:
        writer.write(
            b"POST /v1/predict HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length
        )
        writer.write(body)
        await writer.drain()

    async def _slow(self, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"text": "雨が降る"}).encode()
        await self._send(writer, b"", len(body))
        for start in range(0, len(body), 8):
            writer.write(body[start : start + 8])
            await writer.drain()
            await asyncio.sleep(0.1)

    async def _half(self, writer: asyncio.StreamWriter) -> None:
        if self.chance.random() < 0.5:
            writer.write(b"POST /v1/predict HTTP/1.1\r\nHost: he")
            await writer.drain()
        else:
            await self._send(writer, b'{"text": "a', 500)
        await asyncio.sleep(self.chance.uniform(0, 2))

    async def _gone(self, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"text": [f"雨が降る {n}" for n in range(50)]}).encode()
        await self._send(writer, body, len(body))
        await asyncio.sleep(self.chance.uniform(0, 0.05))

    async def _oversized(self, writer: asyncio.StreamWriter) -> None:
        size = 2 * 2**20
        await self._send(writer, b" " * 2**16, size)

    async def _malformed(self, writer: asyncio.StreamWriter) -> None:
        body = self.chance.choice(
            [b'{"text": "a', b"[" * 5000, b"\xff\xfe", b"{}", b'{"text": 1e999}', b"null", b""]
        )
        await self._send(writer, body, len(body))


def _address(log: Path) -> str:
    text = log.read_text(encoding="utf-8")
    return text.split("listening on ")[1].split("/docs")[0] if "startup complete" in text else ""


CHECK = Check(
    name="load",
    promise="A million posts go through the command line in less than 1 GB; threads and "
    "processes get the results of one alone; loading a model again and again takes no more "
    "memory; a service under its rated load answers every right request rightly, whatever other"
    " clients do wrong.",
    how="`riskclf predict` on a CSV; eight threads, and four processes by fork and by "
    "spawn, on one classifier; loads of a small model; `riskclf serve` with the packaged model "
    "at half of what it can do, beside slow clients, half requests, disconnections, oversized "
    "and malformed bodies.",
    mended="Half-sent headers had no time limit: 1,100 such connections kept everyone out for "
    "good. They are closed after 10 seconds, and those beyond 768 at once. A process that is "
    "forked after several threads have computed can hang in MKL. That is not mended: "
    "docs/deploy.md says to fork first, and so does this check.",
    run=_run,
)


if __name__ == "__main__":
    _load_again(sys.argv[1], int(sys.argv[2]))
