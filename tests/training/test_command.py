"""The commands under `training`, as a maintainer meets them."""

from __future__ import annotations

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
