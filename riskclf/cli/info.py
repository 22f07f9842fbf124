"""`riskclf info`."""

from __future__ import annotations

from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import indented, safe_json, stoppable

__all__ = ["info"]


def info(
    model: options.Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Describe a model: directory, thresholds, labels, versions, hashes, licence and origin."""
    with stoppable():
        values = options.load_classifier(model, "auto", 64, {}).info()
        print(safe_json(values) if as_json else indented(values))
