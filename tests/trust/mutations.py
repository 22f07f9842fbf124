"""Do the tests notice a change? Mutation testing (mutmut) and the branches that they take.

mutmut changes one place of a function at a time, and runs the tests that call it. What is changed,
and which tests run, is in `pyproject.toml` (``tool.mutmut``).
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from riskclf.errors import MissingExtra
from tests.trust.check import Check, Tried
from tests.trust.lock import ROOT
from tests.trust.supply import checkout

__all__ = ["CHECKS"]

_SAMPLE = 300
_SEED = 20261128
_KILLED = 0.85
_BRANCHES = 0.95
_NOTICED = (1, 3, 24, 36, 152, 255, -24)
"""Exit codes of mutmut's runs in which a test failed (1, 3) or the code did not end in time."""


def _settings() -> dict[str, Any]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(text)["tool"]["mutmut"]
    return found


def _need(module: str) -> None:
    if find_spec(module) is None:
        raise MissingExtra(f"this check needs {module}: pip install 'riskclf[audit]'")


def _with_corpora(work: Path) -> Path:
    """A clone of what is committed, with the corpora beside it where they are here."""
    if (ROOT.parent / "shared").exists():
        (work / "shared").symlink_to(ROOT.parent / "shared")
    return checkout(work / "m")


def _python(source: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The clone, not the installed package; one thread, since a fork after several can hang in MKL.
    environment = {"PYTHONPATH": "", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=source,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _exit_codes(source: Path) -> dict[str, int | None]:
    """The exit code of the tests by the name of the change; none where it was not tried."""
    codes: dict[str, int | None] = {}
    for place in sorted((source / "mutants").rglob("*.meta")):
        codes |= json.loads(place.read_text(encoding="utf-8"))["exit_code_by_key"]
    return codes


def _mutmut(source: Path, names: Sequence[str]) -> None:
    done = _python(source, "-m", "mutmut", "run", "--max-children", "1", *names)
    if done.returncode:
        raise RuntimeError(f"mutmut: {(done.stdout + done.stderr)[-1000:]}")


def _mutations(work: Path, scale: float) -> Tried:
    _need("mutmut")
    source = _with_corpora(work)
    # All are made before any is tried, so that the sample can be drawn from all.
    _python(source, "-c", _MAKE)
    names = sorted(_exit_codes(source))
    if not names:
        raise RuntimeError("mutmut made no change: see tool.mutmut in pyproject.toml")
    sample = random.Random(_SEED).sample(names, min(len(names), max(5, round(scale * _SAMPLE))))
    _mutmut(source, sample)
    codes = _exit_codes(source)
    survivors = sorted(name for name in sample if codes[name] not in _NOTICED)
    share = 1 - len(survivors) / len(sample)
    failures = (
        [] if share >= _KILLED else [f"{share:.1%} noticed; not: {name}" for name in survivors]
    )
    (work / "survivors").write_text("\n".join(survivors), encoding="utf-8")
    return Tried(
        {
            "changes that could be made": len(names),
            "tried": len(sample),
            "not noticed": len(survivors),
        },
        failures,
        {"noticed, %": round(100 * share, 1)},
    )


_MAKE = """
import mutmut.__main__ as made
made.copy_src_dir()
made.copy_also_copy_files()
made.create_mutants(1)
"""


def _branches(work: Path, _scale: float) -> Tried:
    _need("coverage")
    source, settings = _with_corpora(work), _settings()
    include = ",".join(settings["only_mutate"])
    tests = settings["pytest_add_cli_args_test_selection"]
    done = _python(
        source, "-m", "coverage", "run", "--branch", f"--include={include}", "-m", "pytest", *tests
    )
    lines = done.stdout.splitlines()
    passed = re.search(r"(\d+) passed", lines[-1] if lines else "")
    if done.returncode or passed is None:
        raise RuntimeError(f"pytest: {(done.stdout + done.stderr)[-1000:]}")
    _python(source, "-m", "coverage", "json", "-o", "coverage.json")
    found = json.loads((source / "coverage.json").read_text(encoding="utf-8"))
    totals = found["totals"]
    share = totals["covered_branches"] / totals["num_branches"]
    return Tried(
        {
            "branches": totals["num_branches"],
            "not taken": totals["missing_branches"],
            "tests": int(passed[1]),
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
        "Of 227 changes of a first sample 24 were not noticed. Ten change nothing (such as "
        "`strict=True` on equal lengths, or the case of a codec's name). For the others there are "
        "tests now: the fit and the threshold of the stacker, the posterior of a precision, the "
        "format of the audit log and its key, ages of one digit, names in letters, and garbled "
        "text with blanks. The figure is of a second sample.",
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
