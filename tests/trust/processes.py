"""Commands of riskclf in processes that are killed, and the small models and tables they work on.

A process is a fork of this one, in which all libraries are imported already: so a random moment
falls into the work of the command, not into the start of Python.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from riskclf import cli
from riskclf.labels import LABELS

__all__ = [
    "PROCESSES",
    "labelled",
    "model",
    "numbered",
    "preload",
    "run",
    "start",
    "tree",
    "wait_for",
]

PROCESSES = multiprocessing.get_context("fork")

_LINES = (
    "今日は図書館で本を三冊借りました",
    "駅前のパン屋さん、カレーパンが売り切れだった",
    "明日の天気は雨のち晴れらしいよ",
    "Does anybody know when the library opens?",
    "The train to the city leaves at 10:25 from platform 3",
)


def preload() -> None:
    """Import what commands import, and compute on one thread, so that a fork is safe and fast."""
    import torch

    import riskclf.casework.store
    import riskclf.evaluation.evaluation
    import riskclf.evaluation.report
    import riskclf.finetuning.finetuning
    import riskclf.review.app
    import riskclf.serve.app
    import riskclf.tables.excel
    import riskclf.tables.parquet  # noqa: F401

    torch.set_num_threads(1)


def model(place: Path) -> Path:
    """A model of one small layer of random weights, with n-grams; made once in `place`."""
    if not place.exists():
        # Here, because not every check needs a model.
        from riskclf.hub import locate
        from tests.benchmarks.machine import small_model

        small_model(locate(None, ()), place)
    return place


def numbered(place: Path, count: int, bad: int = 0) -> Path:
    """A CSV of harmless posts, no two alike, with some rows that cannot be used."""
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["reference", "text"])
        for number in range(count):
            text = f"{_LINES[number % len(_LINES)]} {number}"
            writer.writerow([f"r{number}", text])
            if bad and number % (count // bad) == 0:
                writer.writerow([f"b{number}", text, "one column too many"])
    return place


def labelled(place: Path, count: int, words: str = "") -> Path:
    """A CSV of harmless posts with labels, each with `words` in it: which label, a number says."""
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(count):
            text = " ".join((_LINES[number % len(_LINES)], words, f"{number * 37}"))
            writer.writerow([text, LABELS[number % 3]])
    return place


def _child(arguments: Sequence[str], log: str, before: Callable[[], Any] | None) -> None:
    os.setsid()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    # Whoever started this process may have put something else in their place, as pytest does.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    if before is not None:
        before()
    status = cli.main([*arguments])
    sys.stdout.flush()
    # Not sys.exit, which would run what the parent registered for its own end.
    os._exit(status)


def start(
    log: Path, *arguments: str | Path, before: Callable[[], Any] | None = None
) -> BaseProcess:
    """Start a command.

    Args:
        log: gets its standard output and standard error.
        arguments: as on the command line.
        before: called in the process first.
    """
    process = PROCESSES.Process(
        target=_child, args=([*map(str, arguments)], str(log), before), daemon=True
    )
    process.start()
    return process


def run(log: Path, *arguments: str | Path, before: Callable[[], Any] | None = None) -> int | None:
    """Run a command to its end; its exit status, below 0 for a signal."""
    process = start(log, *arguments, before=before)
    process.join(600)
    return process.exitcode


def tree(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, with its content. Times and places in JSON are left out."""
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".json":
                content = json.dumps(_timeless(json.loads(content))).encode()
            found[str(path.relative_to(directory))] = content
    return found


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in ("created", "date")}
    return [_timeless(x) for x in value] if isinstance(value, list) else value


def wait_for(is_so: Callable[[], Any], seconds: float = 60) -> Any:
    """What `is_so` says once it is true.

    Raises:
        TimeoutError: it was not in so many seconds.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := is_so():
            return found
        time.sleep(0.005)
    raise TimeoutError
