"""Fuzzing: inputs that atheris finds by what they make the code do, for a stated time.

A target is fuzzed in a process of its own, so that a crash of native code, a hang or a lack of
memory is a failure too. It begins with everyday text and bytes that only give structure. The corpus
that atheris makes of them lies in the work directory, and is kept nowhere.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.trust.check import need

__all__ = ["LONGEST", "Target", "failures", "fault", "fuzz", "fuzz_here", "mutated"]

LONGEST = 1 << 14
"""Bytes of an input."""

_SECONDS = 5.0  # processor time for one input, in code that atheris has made some times slower
_MEMORY = 3072  # MB
_HANG = 600  # seconds after which the process is ended
_LIMITS = {70: "it hung", 71: "it took too much memory", 77: "the fuzzer itself failed"}


_CHILD = """
import pathlib, sys
import atheris
with atheris.instrument_imports(include=["riskclf"]):
    from tests.trust.fuzzing import fuzz_here
fuzz_here(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4]))
"""


@dataclass(frozen=True)
class Target:
    """Code that takes any bytes."""

    name: str
    """In words, for the counts."""
    seconds: float
    """Of processor time, at full size."""
    prepare: Callable[[Path], Callable[[bytes], None]]
    """Takes an empty directory, and gives a function that raises where a promise is broken."""
    seeds: Sequence[bytes]
    """Harmless."""


def fuzz(module: str, targets: Sequence[Target], work: Path, scale: float) -> dict[str, int]:
    """Fuzz every target of a module.

    Args:
        module: its name; it holds `targets` under the name ``TARGETS``.
        targets: what is fuzzed.
        work: where the corpora and what failed are kept; ``failures`` holds a line for each.
        scale: of the time.

    Returns:
        How many inputs were tried, by target.

    Raises:
        MissingExtra: atheris is not installed.
    """
    need("atheris")
    counts = {}
    for number, target in enumerate(targets):
        place = work / f"{number}"
        corpus = place / "corpus"
        corpus.mkdir(parents=True)
        for index, seed in enumerate(target.seeds):
            (corpus / f"seed{index}").write_bytes(seed)
        seconds = max(1, round(scale * target.seconds))
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, module, str(number), str(seconds), str(place)],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        )
        tried = place / "tried"
        counts[f"inputs to {target.name}"] = int(tried.read_text()) if tried.exists() else 0
        if done.returncode or not tried.exists():
            why = _LIMITS.get(done.returncode, f"the process ended with {done.returncode}")
            _tell(work / "failures", f"{target.name}: {why}")
            (place / "log").write_text(done.stderr, encoding="utf-8")
        if (place / "failures").exists():
            for line in (place / "failures").read_text(encoding="utf-8").splitlines():
                _tell(work / "failures", f"{target.name}: {json.loads(line)}")
    return counts


def failures(work: Path) -> list[str]:
    """What `fuzz` has found wrong, one line each."""
    place = work / "failures"
    lines = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
    return [json.loads(line) for line in lines]


def fault(check: Callable[[bytes], None], content: bytes) -> str:
    """What is wrong with what a target does with an input, without its text; empty if nothing."""
    before = time.process_time()
    try:
        check(content)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
    taken = time.process_time() - before
    return f"it took more than {_SECONDS:g} s" if taken > _SECONDS else ""


def mutated(seeds: Sequence[bytes], count: int) -> Iterator[bytes]:
    """The seeds, then so many changed ones, always the same: a short form without atheris."""
    yield from seeds
    rng = Random(0)
    for _ in range(count):
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            start = rng.randrange(len(content) + 1)
            end = min(len(content), start + rng.randrange(9))
            other = rng.choice(seeds)
            place = rng.randrange(len(other) + 1)
            content[start:end] = rng.choice(
                (
                    b"",
                    rng.randbytes(rng.randrange(5)),
                    bytes(content[start:end]) * rng.randrange(20),
                    other[place : place + rng.randrange(20)],
                )
            )
        yield bytes(content)


def _tell(place: Path, line: str) -> None:
    with place.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def fuzz_here(module: str, number: int, seconds: int, place: Path) -> None:
    """Fuzz one target in this process, and end it; what is imported must be instrumented."""
    import atheris

    targets: Sequence[Target] = importlib.import_module(module).TARGETS
    (place / "prepared").mkdir()
    with atheris.instrument_imports(include=["riskclf"]):  # what is imported on first use
        check = targets[number].prepare(place / "prepared")
    known: set[str] = set()

    tried = 0
    end = time.process_time() + seconds

    def one(content: bytes) -> None:
        nonlocal tried
        said = fault(check, content)
        tried += 1
        if said and said not in known:
            known.add(said)
            digest = hashlib.sha256(content).hexdigest()[:12]
            (place / f"failed-{digest}").write_bytes(content)
            _tell(place / "failures", said)
        if tried % 100 == 0 or time.process_time() > end:
            (place / "tried").write_text(str(tried))
        if time.process_time() > end:
            os._exit(0)  # libFuzzer knows only the clock, which a busy machine runs through

    options = [
        f"-max_len={LONGEST}",
        f"-rss_limit_mb={_MEMORY}",
        f"-timeout={_HANG}",
        f"-artifact_prefix={place}/",
        "-seed=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(place / "corpus")], one)
    atheris.Fuzz()
