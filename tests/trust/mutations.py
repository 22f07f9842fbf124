"""Do the tests notice a change? Mutation testing (mutmut) and the branches that they take.

mutmut changes one place of a function at a time, and runs the tests that call it. What is changed,
and which tests run, is in `pyproject.toml` (``tool.mutmut``).
"""

from __future__ import annotations

import json
import random
import sys
import tomllib
from pathlib import Path

from tests.trust.check import Check, Tried, need
from tests.trust.supply import checkout, counted, run

__all__ = ["CHECKS"]

_SAMPLE = 300
_SEED = 20261128
_KILLED = 0.85
_BRANCHES = 0.95
_NOTICED = (1, 3, 24, 36, 152, 255, -24)
"""Exit codes of mutmut's runs in which a test failed (1, 3) or the code did not end in time."""

# The clone, not the installed package; one thread, since a fork after several can hang in MKL.
_ENVIRONMENT = {"PYTHONPATH": "", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

_MAKE = """
import mutmut.__main__ as made
made.copy_src_dir()
made.copy_also_copy_files()
made.create_mutants(1)
"""


def _python(source: Path, *arguments: str) -> str:
    return run(sys.executable, *arguments, at=source, **_ENVIRONMENT)


def _exit_codes(source: Path) -> dict[str, int | None]:
    """The exit code of the tests by the name of the change; none where it was not tried."""
    codes: dict[str, int | None] = {}
    for place in sorted((source / "mutants").rglob("*.meta")):
        codes |= json.loads(place.read_text(encoding="utf-8"))["exit_code_by_key"]
    return codes


def _mutations(work: Path, scale: float) -> Tried:
    need("mutmut")
    source = checkout(work / "m")
    # All are made before any is tried, so that the sample can be drawn from all.
    _python(source, "-c", _MAKE)
    names = sorted(_exit_codes(source))
    if not names:
        raise RuntimeError("mutmut made no change: see tool.mutmut in pyproject.toml")
    sample = random.Random(_SEED).sample(names, min(len(names), max(5, round(scale * _SAMPLE))))
    _python(source, "-m", "mutmut", "run", "--max-children", "1", *sample)
    codes = _exit_codes(source)
    survivors = sorted(name for name in sample if codes[name] not in _NOTICED)
    share = 1 - len(survivors) / len(sample)
    told = [f"not noticed: {name}" for name in survivors]
    print(*told, sep="\n", file=sys.stderr)  # each is to be read, however few there are
    return Tried(
        {
            "changes that could be made": len(names),
            "tried": len(sample),
            "not noticed": len(survivors),
        },
        [] if share >= _KILLED else told,
        {"noticed, %": round(100 * share, 1)},
    )


def _branches(work: Path, _scale: float) -> Tried:
    need("coverage")
    source = checkout(work / "m")
    settings = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    include = ",".join(settings["mutmut"]["only_mutate"])
    tests = settings["mutmut"]["pytest_add_cli_args_test_selection"]
    printed = _python(
        source, "-m", "coverage", "run", "--branch", f"--include={include}", "-m", "pytest", *tests
    )
    _python(source, "-m", "coverage", "json", "-o", "coverage.json")
    found = json.loads((source / "coverage.json").read_text(encoding="utf-8"))
    totals = found["totals"]
    share = totals["covered_branches"] / totals["num_branches"]
    return Tried(
        {
            "branches": totals["num_branches"],
            "not taken": totals["missing_branches"],
            "tests": counted(printed)["tests passed"],
        },
        [] if share >= _BRANCHES else [f"{share:.1%} of the branches are taken"],
        {"taken, %": round(100 * share, 1)},
    )


CHECKS = (
    Check(
        "mutations",
        "A wrong change in what decides about a post is noticed by a test: at least 85 of 100.",
        "mutmut changes one place at a time in the spine, the calibration, the intervals, the gate "
        "and the audit log; the tests that call it are run. A random sample of 300.",
        "A first sample was for finding weak tests. There are more now: for the fit and the "
        "threshold of the stacker, the posterior of a precision, the format of the audit log and "
        "its key, ages of one digit, names in letters, and garbled text with blanks. The figure is "
        "of a second sample.",
        _mutations,
    ),
    Check(
        "branches",
        "The tests of these modules take at least 95 % of their branches.",
        "coverage.py, with the same tests.",
        "",
        _branches,
    ),
)
