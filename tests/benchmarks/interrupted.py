"""Kills of `riskclf predict` in the middle of a million posts: nothing may be lost or changed.

``python -m tests.benchmarks.interrupted`` labels a CSV of harmless numbered lines with a small
model of random weights: once without a break, and once killed at random moments and called again
until it ends. Both outputs must be the same, byte by byte. It takes about twenty minutes, and need
not be alone on the machine.
"""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from riskclf.hub import locate
from tests.benchmarks import machine
from training.command import run_command

__all__ = ["main"]

_SEED = 20261127


def main(
    posts: Annotated[int, typer.Option(help="Rows of the table.")] = 1_000_000,
    kills: Annotated[int, typer.Option(help="How often it is killed.")] = 20,
) -> None:
    """Kill `riskclf predict` again and again, and compare with a run that was left alone."""
    with TemporaryDirectory() as place:
        table, unbroken, broken = (Path(place) / f"{x}.csv" for x in ("in", "unbroken", "broken"))
        model = machine.small_model(locate(None, ()), Path(place) / "small")
        with table.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([("text",), *((x,) for x in machine.numbered(posts))])
        before = time.monotonic()
        _run(model, table, unbroken, None)
        seconds = time.monotonic() - before
        chance = random.Random(_SEED)
        killed = 0
        # Long enough to load the model, short enough that the runs together do not end early.
        while killed < kills and _run(
            model, table, broken, chance.uniform(2, 2 + 1.5 * seconds / kills)
        ):
            killed += 1
        if not broken.exists():
            _run(model, table, broken, None)
        same = broken.read_bytes() == unbroken.read_bytes()
        rows = sum(1 for _ in broken.open(encoding="utf-8")) - 1
        verdict = "the same bytes" if same else "OTHER BYTES"
        print(f"{posts:,} posts, killed {killed} times: {rows:,} rows, {verdict}")
        if not same:
            raise typer.Exit(1)


def _run(model: Path, table: Path, output: Path, allowed: float | None) -> bool:
    """Whether a run had to be killed, after the seconds that it was allowed."""
    command = [sys.executable, "-c", "from riskclf.cli import main; main()", "predict"]
    paths = ["--model", str(model), "--input", str(table), "--output", str(output)]
    process = subprocess.Popen(
        [*command, *paths], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        status = process.wait(allowed)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    if status != 0:
        raise RuntimeError(f"riskclf predict ended with status {status}")
    return False


if __name__ == "__main__":
    run_command(main)
