"""`riskclf thresholds`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, stoppable

__all__ = ["thresholds"]


def thresholds(
    output: Annotated[Path, typer.Option(metavar="DIR", help="Model directory to write.")],
    flag: Annotated[float, typer.Option(help="Flag posts with risk >= this value.")],
    review: Annotated[
        float, typer.Option(help="Review posts with risk >= this value, below --flag.")
    ],
    model: options.Model = None,
    prevalence: Annotated[
        float | None,
        typer.Option(help="Share of risky posts in your stream that the two values belong to."),
    ] = None,
) -> None:
    """Save a model with your own thresholds.

    `riskclf evaluate` measures labelled posts of yours and suggests thresholds for a stated
    precision, recall or number of posts a day. The saved model uses yours unless another operating
    point is asked for.
    """
    with stoppable():
        found = options.load_classifier(model, "cpu", 64, {"prevalence": prevalence})
        found.save(output, thresholds={"flag": flag, "review": review})
    note(f"{output}: flag from {flag:g}, review from {review:g}")
