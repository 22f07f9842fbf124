"""From which score on the side of a flagged post is sure enough to preselect a warning draft.

``python -m training.cards.sides --work DIR`` measures it on our posts out of fold, and writes
`riskclf/casework/sides.json` for the packaged model.

The score is the side's share of the risk (`riskclf.casework.sides.side_score`). Counted are posts
decided `flag` whose side is judged; the error is the share of them with the other side, among all
posts at that score or above, not among those just at it. Of a few scores the lowest is taken from
which on the 95 % interval (`riskclf.evaluation.intervals`) ends below 5 %. Posts whose side our
guide leaves open have no right side: they are counted beside (`open`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from riskclf import RiskClassifier
from riskclf.casework.sides import HIGHEST_ERROR, side_score
from riskclf.evaluation.intervals import Intervals
from riskclf.files import write_text
from riskclf.labels import RISK_LABELS, Prediction
from training.command import run_command
from training.posts.post import Post, load_posts
from training.recipe.judged import read_judged

__all__ = ["SIDES", "main", "measure_sides"]

SIDES = Path(__file__).parents[2] / "riskclf" / "casework" / "sides.json"

_SCORES = (0.8, 0.9, 0.95, 0.975, 0.99)
"""Few, since the score is chosen on the same posts."""


def measure_sides(
    posts: Sequence[Post], predictions: Sequence[Prediction]
) -> dict[str, dict[str, Any] | None]:
    """The score of each side, with its error; None where no score has an error that is low enough.

    Args:
        posts: ours, of the folds.
        predictions: of them, out of fold.
    """
    return {side: _measured(side, posts, predictions) for side in RISK_LABELS}


def _measured(
    side: str, posts: Sequence[Post], predictions: Sequence[Prediction]
) -> dict[str, Any] | None:
    pairs = [
        (post, side_score(x.scores, side))
        for post, x in zip(posts, predictions, strict=True)
        if post.labelled and x.decision == "flag" and x.side == side
    ]
    judged = [(post, score) for post, score in pairs if post.risky]
    names = sorted({post.family for post, _ in judged})
    family = np.array([names.index(post.family) for post, _ in judged], dtype=np.int64)
    wrong = np.array([post.kind != side for post, _ in judged], dtype=bool)
    reached = np.array([score for _, score in judged])
    intervals = Intervals(len(judged), family=family)
    for score in _SCORES:
        error = intervals.proportion(wrong, reached >= score)
        if error.high < HIGHEST_ERROR:
            is_open = sum(y >= score and set(RISK_LABELS) <= set(x.target) for x, y in pairs)
            return {
                "score": score,
                "wrong": error.hits,
                "of": error.of,
                "families": error.families,
                "high": round(error.high, 4),
                "open": is_open,
            }
    return None


def main(
    work: Annotated[Path, typer.Option(help="Directory that the recipe worked in.")] = Path("work"),
) -> None:
    """Measure the sides and write them for the packaged model."""
    judged = read_judged(work, load_posts())
    found = {
        "model": RiskClassifier.load(device="cpu").fingerprint,
        "sides": measure_sides(judged.posts, judged.predictions),
    }
    write_text(SIDES, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    run_command(main)
