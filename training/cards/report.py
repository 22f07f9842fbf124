"""Measure the packaged model, store the figures, and write them into MODEL_CARD.md.

``python -m training.cards.report --corpora DIR`` scores the dev split, the group-term pairs and
every held-out corpus with the packaged model and writes `results.json`. Without ``--corpora`` it
only writes the card from that file, from `ablations.json` and from the posts; a test compares them.

``--test`` also measures the test split (and Korean and Chinese, the `transfer` split): once, when
the choice is made. The figures stay with the model that they belong to; another model has none
until then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from riskclf.files import write_text
from training.cards.measure import measure
from training.cards.tables import card_with
from training.command import run_command
from training.experiments.ablations import RESULTS as ABLATIONS
from training.posts.corpora import Corpora
from training.posts.post import load_posts

__all__ = [
    "CARD",
    "RESULTS",
    "main",
]

CARD = Path(__file__).parents[2] / "MODEL_CARD.md"
"""The model card."""

RESULTS = Path(__file__).parent / "results.json"
"""The stored figures."""


def main(
    corpora: Annotated[Path | None, typer.Option(help="Measure with these corpora.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Measure the test split too.")] = False,
) -> None:
    """Measure (with --corpora) and write the figures into MODEL_CARD.md."""
    posts = load_posts()
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    if corpora is not None:
        measured = measure(Corpora.load(corpora), posts, test)
        if "test" in results and measured["model"] == results["model"]:
            measured = {"test": results["test"]} | measured
        results = measured
        write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    ablations = json.loads(ABLATIONS.read_text(encoding="utf-8"))
    card = card_with(CARD.read_text(encoding="utf-8"), results, ablations, posts)
    write_text(CARD, card)


if __name__ == "__main__":
    run_command(main)
