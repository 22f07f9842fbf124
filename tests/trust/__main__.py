"""Try to break what docs/trust.md promises: ``python -m tests.trust``.

Without names every check runs, for hours; with names only those. A run at full size writes its
counts into `results.json`, and the table of docs/trust.md from that file; a test compares them.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from riskclf.files import write_text
from tests.trust import CHECKS
from tests.trust.report import DOCUMENT, RESULTS, filled, read_results
from training.command import run_command


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Checks to run; all if none.")] = None,
    scale: Annotated[
        float,
        typer.Option(min=0.0001, max=1.0, help="Part of the full size; below 1 nothing is kept."),
    ] = 1.0,
    documents: Annotated[
        bool, typer.Option("--documents", help="Run nothing; write docs/trust.md from the results.")
    ] = False,
) -> None:
    """Run checks, and write down what they found."""
    screen = Console()
    known = {check.name: check for check in CHECKS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise typer.BadParameter(f"no check {unknown[0]}; there are {', '.join(known)}")
    broken = 0
    for name in () if documents else names or known:
        started = time.monotonic()
        try:
            with TemporaryDirectory(prefix="riskclf-trust-") as directory:
                tried = known[name].run(Path(directory), scale)
        except RuntimeError as error:
            screen.print(f"{name} could not run: {error}", markup=False)
            broken += 1
            continue
        seconds = round(time.monotonic() - started)
        screen.print(
            f"{name}: {tried.counts}, {len(tried.failures)} failures, {seconds} s", markup=False
        )
        for line in (*tried.failures, *(f"{k}: {v:g}" for k, v in tried.measured.items())):
            screen.print(f"  {line}", markup=False)
        broken += len(tried.failures)
        if scale == 1.0:
            results = read_results()
            day = datetime.now(UTC).date().isoformat()
            results[name] = asdict(tried) | {"seconds": seconds, "day": day}
            write_text(RESULTS, json.dumps(results, indent=1, sort_keys=True) + "\n")
    write_text(DOCUMENT, filled(DOCUMENT.read_text(encoding="utf-8"), read_results()))
    raise typer.Exit(1 if broken else 0)


if __name__ == "__main__":
    run_command(main)
