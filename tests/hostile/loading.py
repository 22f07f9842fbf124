"""Loads model directories with little memory and little time, and says what became of each.

In a process of its own, since its memory is limited: `python -m tests.hostile.loading GOOD PLACE`.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from riskclf.artifact import load
from riskclf.encoder import ENGINES
from riskclf.errors import RiskclfError
from tests.hostile.directories import ALLOWED, HOSTILE, Hostile, make

__all__ = ["MOST_SECONDS", "Loading", "faults", "load_all"]

_MEGABYTES = 384
"""What loading may allocate, beyond what the process holds after it has loaded a good model."""

MOST_SECONDS = 5.0
"""Of the processor. One that waits for a pipe uses none, and is stopped after a minute."""

_MOST_WAITING = 60.0

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Loading:
    """What became of one directory."""

    error: str
    """Name of the exception; empty where the model was loaded."""
    is_ours: bool
    message: str
    seconds: float
    """Of the processor."""


def load_all(good: Path, work: Path) -> dict[str, Loading]:
    """Make and load every directory of `tests.hostile.directories`, by name.

    Args:
        good: a model that `build` made.
        work: an empty directory, in which the process works.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.loading", str(good), str(work / "made")],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the process ended with {done.returncode}: {done.stderr[-2000:]}")
    return {name: Loading(**x) for name, x in json.loads(done.stdout).items()}


def faults(loading: Loading, file: str, says: str) -> list[str]:
    """What is wrong with a refusal, in words; empty where all is well.

    Args:
        loading: what became of a hostile directory.
        file: that the message must name.
        says: what it must say besides.
    """
    message = loading.message
    found = {
        "was loaded": not loading.error,
        f"raised {loading.error}": bool(loading.error) and not loading.is_ours,
        f"does not name {file!r}": file not in message,
        f"does not say {says!r}": says not in message,
        "has a message that is not one plain line": not message.isprintable(),
        "has a long message": len(message) > 600,
        "took long": loading.seconds > MOST_SECONDS,
    }
    return [f"{what} ({message[:200]!a})" for what, is_so in found.items() if is_so]


class _Late(BaseException):
    """Not an Exception, so that nobody takes it for an unreadable file."""


def _stop(*_: object) -> None:
    raise _Late


def _load(directory: Path, engine: str) -> Loading:
    error: BaseException | None = None
    began = time.process_time()
    signal.setitimer(signal.ITIMER_REAL, _MOST_WAITING)
    try:
        load(directory, device="cpu", batch_size=8, engine=engine)
    except (Exception, _Late, SystemExit) as x:
        error = x
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return Loading(
        "" if error is None else type(error).__name__,
        isinstance(error, RiskclfError),
        "" if error is None else str(error),
        time.process_time() - began,
    )


def main() -> None:
    """Load all of them, and print what became of each as JSON."""
    good, place = map(Path, sys.argv[1:])
    signal.signal(signal.SIGALRM, _stop)
    for engine in ENGINES:  # so that all that is imported is in memory
        load(good, device="cpu", batch_size=8, engine=engine)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + (_MEGABYTES << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    found = {}
    for hostile in HOSTILE:
        found[hostile.name] = asdict(_load(make(hostile, good, place), hostile.engine))
        shutil.rmtree(place)
    for name, change in ALLOWED.items():
        found[name] = asdict(_load(make(Hostile(name, "", change), good, place), ENGINES[0]))
        shutil.rmtree(place)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
