"""Agreement of the second, blind labelling with the first: Cohen's kappa by language.

``python -m training.posts.agreement`` reads `second_labels.jsonl`: ids with the label that the post
had when it was labelled again. The first round drew from all posts, the second from the closer
twins and from risky and unclear posts. Both labellings were made inside the project; they do not
measure the agreement between trained human annotators.

`second_aspects.jsonl` holds second, blind answers to the questions behind the label, by labellers
that saw only docs/labelling-guide.md and the text: of 50 risky, 20 unclear and 230 benign posts,
drawn at random.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import cohen_kappa_score

from riskclf.evaluation.intervals import wilson
from riskclf.labels import Label
from training.command import run_command
from training.posts.post import ASPECTS, Post, load_posts

__all__ = ["ASPECT_COLUMNS", "COLUMNS", "agreement", "agreement_rows", "aspect_rows", "main"]

COLUMNS = ("sample", "posts", "agree", "kappa", "95 % interval")

_DRAWS = 2000
ASPECT_COLUMNS = ("question", "answers", "agree", "95 % interval", "kappa")
SECOND_ASPECTS = Path(__file__).parent / "annotation" / "second_aspects.jsonl"
SECOND_LABELS = Path(__file__).parent / "annotation" / "second_labels.jsonl"


def agreement(first: list[str], second: list[str]) -> tuple[float, ...]:
    """Share that agrees, kappa, and its 95 % percentile bootstrap interval over posts."""
    one, other = np.array(first), np.array(second)
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(one), len(one)) for _ in range(_DRAWS)]
    low, high = np.percentile([cohen_kappa_score(one[i], other[i]) for i in drawn], [2.5, 97.5])
    return float((one == other).mean()), float(cohen_kappa_score(one, other)), low, high


@cache
def agreement_rows() -> tuple[tuple[str, ...], ...]:
    """Sample, number of posts, share that agrees, kappa and its interval, as text."""
    rows = [json.loads(line) for line in SECOND_LABELS.read_text(encoding="utf-8").splitlines()]
    first = [row for row in rows if row["round"] == 1]
    samples = {"first round": first}
    for language in sorted({row["lang"] for row in first}):
        samples[f"first round, {language}"] = [row for row in first if row["lang"] == language]
    samples["second round"] = [row for row in rows if row["round"] == 2]
    result: list[tuple[str, ...]] = []
    for sample, chosen in samples.items():
        share, kappa, low, high = agreement(
            [row["first"] for row in chosen], [row["second"] for row in chosen]
        )
        interval = f"{low:.3f}–{high:.3f}"
        result.append((sample, str(len(chosen)), f"{share:.3f}", f"{kappa:.3f}", interval))
    return tuple(result)


def aspect_rows(posts: Iterable[Post]) -> list[tuple[str, ...]]:
    """Question, number of answers, share that agrees, its interval (Wilson) and kappa, as text.

    Each matter is a question of its own; `matter` counts posts whose whole list agrees.
    """
    by_id = {post.id: post for post in posts}
    pairs: dict[str, list[tuple[str, str]]] = {}
    for line in SECOND_ASPECTS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for question, (first, second) in _both(by_id[row["id"]], row).items():
            pairs.setdefault(question, []).append((first, second))
    result: list[tuple[str, ...]] = []
    for question, answers in pairs.items():
        one, other = (list(x) for x in zip(*answers, strict=True))
        alike = sum(first == second for first, second in answers)
        low, high = wilson(alike, len(answers))
        kappa = cohen_kappa_score(one, other)
        figures = (f"{alike / len(answers):.3f}", f"{low:.3f}–{high:.3f}", f"{kappa:.3f}")
        result.append((question, str(len(answers)), *figures))
    return result


def _both(post: Post, row: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The first and the second answer to each question."""
    found = post.aspects
    assert found is not None
    # A quarter does not count as unclear (docs/labelling-guide.md).
    likeliest = max(post.target, key=lambda label: post.target[label])
    label = "unclear" if max(post.target.values()) == 0.5 else str(Label(likeliest))
    return {
        "label": (label, row["label"]),
        "support": (str(found.support), str(row["support"])),
        **{name: (getattr(found, name), row[name]) for name in ("age", "side", "act")},
        "matter": (" ".join(sorted(found.matter)), " ".join(sorted(row["matter"]))),
        **{
            f"matter: {name}": (str(name in found.matter), str(name in row["matter"]))
            for name in ASPECTS["matter"]
        },
    }


def main() -> None:
    """Print both tables."""
    tables = ((COLUMNS, agreement_rows()), (ASPECT_COLUMNS, aspect_rows(load_posts())))
    for columns, rows in tables:
        table = Table(*columns)
        for row in rows:
            table.add_row(*row)
        Console().print(table)


if __name__ == "__main__":
    run_command(main)
