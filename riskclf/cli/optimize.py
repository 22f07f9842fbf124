"""`riskclf optimize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, stoppable
from riskclf.files import locked

__all__ = ["optimize"]


def optimize(
    output: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Directory for the model with its new files."),
    ],
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="DIR_OR_ID", help="Model directory or hub id. Default: the packaged model."
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            help="f32: the scores of PyTorch. bf16: likewise, but in 16 bits on processors "
            "that have it. int8: for processors with VNNI or AMX; changes some decisions."
        ),
    ] = "f32",
    calibration: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Posts like those that you will score, without labels: int8 is fitted to up to "
            "300 of them. Default: posts that come with riskclf.",
        ),
    ] = None,
    text_column: options.TextColumn = "text",
) -> None:
    """Build files that make a model faster on Intel and AMD processors.

    They are for the engine OpenVINO (`pip install "riskclf[fast]"`), which is then used where it
    can be. The rest of the model is copied as it is. Up to 2,000 posts are scored with both
    engines, and the result is recorded with the model.

    Exit status: 0 success, 2 usage error or other error, 130 stopped with Ctrl-C.
    """
    with stoppable(), locked(output):
        from riskclf.optimization import optimize as build
        from riskclf.tables import Columns

        result = build(
            model,
            output=output,
            precision=precision,
            calibration=calibration,
            columns=Columns(text=text_column),
            progress=True,
        )
        for line in result.notes:
            note(line)
        for name, found in result.agreement.items():
            note(
                f"{found.posts:,} posts ({name}): same label {found.same_label:.2%}, same decision "
                f"{found.same_decision:.2%}, largest difference of a risk "
                f"{found.largest_difference:.3f}"
            )
        if not all(found.suffices for found in result.agreement.values()):
            note(
                "more labels or decisions change than riskclf accepts for its own model: give "
                "posts of yours with --calibration, or choose --precision f32"
            )
        note(f"{result.precision}, {result.size / 1e6:.1f} MB; model written to {output}")
