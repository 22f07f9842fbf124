"""The encoder as a base: an outside two-label task, fine-tuned by the library's own path.

``python -m training.experiments.outside --corpora DIR --base DIR --base DIR`` trains a classifier
on the train part of the outside task from each encoder and measures its accuracy on the validation
part. The learning rate is chosen for each encoder on a tenth of the train part, by a classifier
that is trained on the rest. The task has no influence on the packaged model. The figures are kept
in `outside.json`, from which `training.cards.report` writes them into docs/results.md.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskclf.errors import InputError
from riskclf.evaluation.intervals import wilson
from riskclf.files import write_text
from riskclf.finetuning import Example, TrainingConfig, train_classifier
from riskclf.finetuning.computed import compute
from riskclf.manifest import Manifest
from riskclf.progress import Progress
from riskclf.tables import Row, open_table
from training.command import run_command
from training.posts.corpora import Corpora, Source

__all__ = ["COLUMNS", "RESULTS", "choose_rate", "count_right", "main", "outside_rows", "read_task"]

RESULTS = Path(__file__).parent / "outside.json"
COLUMNS = ("encoder", "learning rate", "accuracy (95 % interval), right")

_CONFIG = TrainingConfig(epochs=4)
_MANIFEST = Manifest(("0", "1"), (), {}, temperature=1.0, prevalence=0.0)
_RATES = (5e-5, 1e-4, 2e-4)
_SEED = 20261123


def read_task(source: Source) -> list[tuple[str, int]]:
    """Sentences and their labels, 0 or 1.

    Raises:
        InputError: the file cannot be read, or a row has no such label.
    """
    rows = []
    with open_table(source.path, text_columns=("sent",)) as table:
        for row in table:
            if not isinstance(row, Row) or row.values.get("label") not in ("0", "1"):
                raise InputError(f"{source.path} row {row.number} is not a sentence with 0 or 1")
            rows.append((str(row.values["sent"]), int(row.values["label"])))
    return rows


def choose_rate(
    base: Path,
    train: list[tuple[str, int]],
    *,
    config: TrainingConfig = _CONFIG,
    rates: Sequence[float] = _RATES,
    checkpoints: Path,
    progress: Progress = None,
) -> float:
    """The learning rate that does best on a tenth of `train` that is not trained on."""
    rows = random.Random(_SEED).sample(train, len(train))
    size = len(rows) // 10
    right = {
        rate: count_right(
            base,
            rows[size:],
            rows[:size],
            config=replace(config, learning_rate=rate),
            checkpoints=checkpoints,
            progress=progress,
        )
        for rate in rates
    }
    return max(right, key=lambda rate: right[rate])


def count_right(
    base: Path,
    train: list[tuple[str, int]],
    validation: list[tuple[str, int]],
    *,
    config: TrainingConfig,
    checkpoints: Path,
    progress: Progress = None,
) -> int:
    """How many validation sentences a classifier trained from `base` labels right."""
    examples = [Example(text, (1.0 - label, float(label))) for text, label in train]
    model = train_classifier(
        base,
        examples,
        labels=_MANIFEST.labels,
        checkpoints=checkpoints,
        config=config,
        progress=progress,
    ).model
    texts = [text for text, _ in validation]
    found = compute(model, base, texts, _MANIFEST, device="cpu", batch_size=64)
    given = [int(prediction.label) for prediction in found.predictions(_MANIFEST)]
    return sum(label == guess for (_, label), guess in zip(validation, given, strict=True))


def outside_rows() -> list[tuple[str, ...]]:
    """For each encoder that was measured, the values of `COLUMNS`."""
    return [
        (
            name,
            f"{x['learning_rate']:.0e}",
            f"{x['right'] / x['of']:.3f} ({x['low']:.3f}–{x['high']:.3f}), "
            f"{x['right']} of {x['of']}",
        )
        for name, x in json.loads(RESULTS.read_text(encoding="utf-8")).items()
    ]


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    base: Annotated[list[Path], typer.Option(help="Directory of an encoder; may be repeated.")],
    work: Annotated[Path | None, typer.Option(help="Directory for checkpoints.")] = None,
) -> None:
    """Print the accuracy on the validation part for each encoder, and keep it in outside.json."""
    parts = {}
    for part in ("train", "val"):
        for source in Corpora.load(corpora).of("outside task"):
            if source.path.stem.endswith(part):
                parts[part] = read_task(source)
    with tempfile.TemporaryDirectory() as scratch:
        for directory in base:
            checkpoints = work or Path(scratch)
            rate = choose_rate(directory, parts["train"], checkpoints=checkpoints, progress=True)
            config = replace(_CONFIG, learning_rate=rate)
            right = count_right(
                directory,
                parts["train"],
                parts["val"],
                config=config,
                checkpoints=checkpoints,
                progress=True,
            )
            total = len(parts["val"])
            low, high = wilson(right, total)
            results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
            counts = {"right": right, "of": total, "low": low, "high": high}
            results[directory.name] = {"learning_rate": rate, **counts}
            write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    table = Table(*COLUMNS)
    for row in outside_rows():
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    run_command(main)
