"""Agreement of the second, blind labelling with the first: Cohen's kappa by language.

``python -m training.posts.agreement`` reads `second_labels.jsonl`: ids with the label that the post
had when it was labelled again. The first round drew from all posts, the second from the closer
twins and from risky and unclear posts. Both labellings were made inside the project; they do not
measure the agreement between trained human annotators.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import cohen_kappa_score

from training.command import run_command

__all__ = ["COLUMNS", "agreement", "agreement_rows", "main"]

COLUMNS = ("sample", "posts", "agree", "kappa", "95 % interval")

_DRAWS = 2000
SECOND_LABELS = Path(__file__).parent / "annotation" / "second_labels.jsonl"


def agreement(first: list[str], second: list[str]) -> tuple[float, ...]:
    """Share that agrees, kappa, and its 95 % percentile bootstrap interval over posts."""
    one, other = np.array(first), np.array(second)
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(one), len(one)) for _ in range(_DRAWS)]
    low, high = np.percentile([cohen_kappa_score(one[i], other[i]) for i in drawn], [2.5, 97.5])
    return float((one == other).mean()), float(cohen_kappa_score(one, other)), low, high


def agreement_rows() -> list[tuple[str, ...]]:
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
    return result


def main() -> None:
    """Print the table."""
    table = Table(*COLUMNS)
    for row in agreement_rows():
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    run_command(main)
