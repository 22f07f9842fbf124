"""The encoder as a base: an outside two-label task, fine-tuned by the library's own path.

``python -m training.outside --corpora DIR --base DIR --base DIR`` trains a classifier on the train
part of the outside task from each encoder and gives its accuracy on the validation part. Nothing of
the task shapes the packaged model.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskclf.encoder import TorchEncoder
from riskclf.errors import InputError
from riskclf.intervals import wilson
from riskclf.tables import Row, open_table
from riskclf.tokens import Tokenizer
from riskclf.trainer import Example, Recipe, train_classifier
from training.command import run_command
from training.corpora import Corpora, Source

__all__ = ["accuracy", "read_task"]

_RECIPE = Recipe(epochs=4, learning_rate=5e-5)


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


def accuracy(
    base: Path,
    train: list[tuple[str, int]],
    validation: list[tuple[str, int]],
    *,
    recipe: Recipe = _RECIPE,
    checkpoints: Path,
) -> int:
    """How many validation sentences a classifier trained from `base` labels right."""
    examples = [Example(text, (1.0 - label, float(label))) for text, label in train]
    model = train_classifier(
        base,
        examples,
        labels=("0", "1"),
        checkpoints=checkpoints,
        recipe=recipe,
        progress=Console(stderr=True).is_terminal,
    )
    tokenizer = Tokenizer.load(base)
    encoder = TorchEncoder(model, pad_id=tokenizer.pad_id, device="cpu", batch_size=64)
    windows = [item.windows[0] for item in tokenizer.encode_batch([text for text, _ in validation])]
    found = encoder.logits(windows).argmax(axis=1)
    return sum(int(label == guess) for (_, label), guess in zip(validation, found, strict=True))


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    base: Annotated[list[Path], typer.Option(help="Directory of an encoder; may be repeated.")],
    work: Annotated[Path | None, typer.Option(help="Directory for checkpoints.")] = None,
) -> None:
    """Print the accuracy on the validation part for each encoder."""
    parts = {}
    for part in ("train", "val"):
        for source in Corpora.load(corpora).of("outside task"):
            if source.path.stem.endswith(part):
                parts[part] = read_task(source)
    table = Table("encoder", "accuracy", "95 % interval", "right")
    with tempfile.TemporaryDirectory() as scratch:
        for directory in base:
            checkpoints = work or Path(scratch)
            right = accuracy(directory, parts["train"], parts["val"], checkpoints=checkpoints)
            total = len(parts["val"])
            low, high = wilson(right, total)
            share = f"{right / total:.4f}"
            table.add_row(directory.name, share, f"{low:.4f}–{high:.4f}", f"{right} of {total}")
    Console().print(table)


if __name__ == "__main__":
    run_command(main)
