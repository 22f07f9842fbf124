"""The commands under `training`, as a maintainer meets them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name", ["training", "training.cards.report", "training.experiments.outside"]
)
def test_an_error_of_a_training_command_is_one_line(name: str, tmp_path: Path) -> None:
    base = ["--base", str(tmp_path)] if name == "training.experiments.outside" else []
    done = subprocess.run(
        [sys.executable, "-m", name, "--corpora", str(tmp_path / "missing"), *base],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and "manifest.json is missing" in line


HELP_OF_ALL = """
import runpy, sys
for name in sys.argv[1:]:
    sys.argv = [name, "--help"]
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert end.code == 0, (name, end.code)
    else:
        raise AssertionError(name)
"""


def test_every_command_has_a_help_page() -> None:
    commands = [
        *("training", "training.posts.data", "training.posts.agreement", "training.posts.folds"),
        *("training.recipe.transplant", "training.recipe.adapt", "training.recipe.replay"),
        *(
            "training.experiments.baselines",
            "training.experiments.multitask",
            "training.experiments.nearest",
            "training.experiments.outside",
            "training.experiments.rungs",
        ),
        *("training.experiments.slang", "training.cards.report"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", HELP_OF_ALL, *commands],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage:") == len(commands)


def test_a_wrong_argument_of_a_training_command_is_refused_without_a_traceback(
    tmp_path: Path,
) -> None:
    (tmp_path / "student").mkdir()
    options = {"--student": "student", "--corpora": "missing", "--output": "out", "--teacher": "x"}
    given = [part for name, place in options.items() for part in (name, str(tmp_path / place))]
    done = subprocess.run(
        [sys.executable, "-m", "training.recipe.adapt", *given],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")


def test_a_usage_error_is_one_line_too() -> None:
    for given, what in ((["--write", "nothing"], "no fold or split 'nothing'"), (["--x"], "--x")):
        done = subprocess.run(
            [sys.executable, "-m", "training.posts.data", *given],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 2 and not done.stdout
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ") and what in line


def test_ctrl_c_ends_a_command_with_130() -> None:
    code = (
        "from training.command import run_command\n"
        "def main() -> None:\n    raise KeyboardInterrupt\n"
        "run_command(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert done.returncode == 130 and b"Traceback" not in done.stderr
