"""How many of 20 risky posts among 2,000 natural lines are in the first 40 of a queue.

``python -m training.cards.queue --corpora DIR --work DIR`` draws 20 Japanese risky posts of ours,
judged out of fold, and 2,000 held-out Japanese lines, scored by the packaged model, 1,000 times. It
prints one figure, and nothing is chosen by it.

The first interval is that of the draws: what one queue may bring. The second is that of the mean,
when families of posts are drawn anew (bootstrap): how far the mean depends on our posts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from riskclf import RiskClassifier
from training.cards.figures import among_first
from training.command import run_command
from training.posts.corpora import Corpora
from training.posts.post import load_posts
from training.recipe.judged import read_judged

__all__ = ["main", "queue_figures"]

LINES, POSTS, READ, WANTED = 2000, 20, 40, 18
_FAMILIES_DRAWN = 100


def queue_figures(
    natural: NDArray[np.float64], risky: NDArray[np.float64], families: Sequence[str]
) -> dict[str, Any]:
    """The figure with its intervals.

    Args:
        natural: risks of natural lines, shape (lines,).
        risky: risks of risky posts, shape (posts,).
        families: of the risky posts.
    """
    found = among_first(natural, risky, lines=LINES, posts=POSTS, read=READ)
    low, high = np.percentile(found, [2.5, 97.5])
    names, code = np.unique(families, return_inverse=True)
    rng = np.random.default_rng(1)
    means = []
    for _ in range(_FAMILIES_DRAWN):
        drawn = rng.integers(len(names), size=len(names))
        again = np.concatenate([risky[code == family] for family in drawn])
        means.append(
            among_first(natural, again, lines=LINES, posts=POSTS, read=READ, draws=50).mean()
        )
    mean_low, mean_high = np.percentile(means, [2.5, 97.5])
    return {
        "found": {"mean": float(found.mean()), "low": float(low), "high": float(high)},
        "mean": {"low": float(mean_low), "high": float(mean_high)},
        f"share of draws with {WANTED} or more": float((found >= WANTED).mean()),
        "natural lines": len(natural),
        "risky posts": len(risky),
        "families": len(names),
    }


def main(
    corpora: Annotated[Path, typer.Option(help="Directory of the public corpora.")],
    work: Annotated[Path, typer.Option(help="Directory that the recipe worked in.")] = Path("work"),
) -> None:
    """Measure and print the figure."""
    judged = read_judged(work, load_posts())
    pairs = [
        (post, found.risk)
        for post, found in zip(judged.posts, judged.predictions, strict=True)
        if post.labelled and post.risky and post.lang == "ja"
    ]
    sources = Corpora.load(corpora).of("heldout", language="ja")
    lines = (line for source in sources for line in source.lines())
    classifier = RiskClassifier.load(device="cpu")
    found = queue_figures(
        np.array([x.risk for x in classifier.stream(lines)]),
        np.array([risk for _, risk in pairs]),
        [post.family for post, _ in pairs],
    )
    print(json.dumps({"model": classifier.fingerprint, **found}, indent=1))


if __name__ == "__main__":
    run_command(main)
