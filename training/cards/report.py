"""Measure the packaged model, store the figures, and write them into the documents.

These are MODEL_CARD.md, docs/results.md, docs/explain.md, README.md and README.ja.md
(`training.cards.documents`).

``python -m training.cards.report --corpora DIR --work DIR`` reads what the recipe found out about
our posts out of fold (`judged.json` in its work directory), scores the posts and lines that the
packaged model has not learned from, and writes `results.json`. Without options it only writes the
documents from that file, from what the experiments wrote and from the posts; a test compares them.

``--other-hand`` also measures the posts by other hands: once, for a model that ships. The figures
stay with the model that they belong to; another model has none until then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from riskclf import RiskClassifier, artifact
from riskclf.files import write_text
from training.cards.documents import documents
from training.cards.measure import measure
from training.cards.other_hand import measure_other_hand
from training.command import run_command
from training.posts.corpora import Corpora
from training.posts.other_hand import load_other_hand
from training.posts.post import FOLDS, load_posts
from training.recipe.judged import read_judged

__all__ = ["RESULTS", "kept", "load_experiments", "main"]

RESULTS = Path(__file__).parent / "results.json"
"""The stored figures."""


def load_experiments(directory: Path = Path(__file__).parents[1] / "experiments") -> dict[str, Any]:
    """What parts of the recipe are worth, by experiment; one that has not been run is missing."""
    files = (
        directory / f"{name}.json"
        for name in ("cascade", "rungs", "nearest", "multitask", "faithfulness")
    )
    return {
        file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()
    }


def kept(old: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    """The measured figures, with those by other hands if they are of the same model."""
    same = old.get("model") == measured["model"] and "other_hand" in old
    return {**measured, **({"other_hand": old["other_hand"]} if same else {})}


def main(
    corpora: Annotated[Path | None, typer.Option(help="Measure with these corpora.")] = None,
    work: Annotated[Path, typer.Option(help="Directory that the recipe worked in.")] = Path("work"),
    other_hand: Annotated[
        bool, typer.Option("--other-hand", help="Measure the posts by other hands too; once.")
    ] = False,
) -> None:
    """Measure (with --corpora) and write the figures into the documents."""
    if other_hand and corpora is None:
        raise typer.BadParameter("--other-hand needs --corpora: all figures are measured together")
    posts = load_posts()
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    if corpora is not None:
        sources = Corpora.load(corpora)
        judged = read_judged(work, posts)
        classifier = RiskClassifier.load(device="cpu")
        results = kept(results, measure(classifier, sources, posts, judged))
        if other_hand:
            clear = [post for post in posts if post.fold in FOLDS and post.labelled]
            results["other_hand"] = measure_other_hand(
                artifact.load(None, device="cpu", batch_size=64),
                load_other_hand(),
                [post for post in clear if len(post.target) == 1],
            )
        write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    for path, text in documents(results, load_experiments(), posts).items():
        write_text(path, text)


if __name__ == "__main__":
    run_command(main)
