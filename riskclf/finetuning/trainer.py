"""Train a classifier on labelled posts, through the same text -> ids path that serves it.

The loop is `riskclf.finetuning.loop`, with a linear learning rate after a warm-up. A run that was
interrupted continues from its last checkpoint, with the same result as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset
from transformers import AutoConfig

from riskclf.engines.pytorch import PytorchEngine, open_classifier, padded
from riskclf.errors import ArtifactNotFound, InputError
from riskclf.finetuning.config import TrainingConfig
from riskclf.finetuning.loop import computes_bfloat16, run_training
from riskclf.progress import Progress
from riskclf.tokens import Tokenizer

__all__ = ["Example", "Transform", "fingerprint", "seconds_per_step", "train_classifier"]

Transform = Callable[[list[str], int], list[str]]
"""Changes the texts of a batch, in memory; is given them and a seed of their own."""


@dataclass(frozen=True, slots=True)
class Example:
    """A post and what it should be labelled."""

    text: str
    target: tuple[float, ...]
    """Probability of each label, in the order of the labels; soft targets are taken as they are."""


class _Rows(Dataset[tuple[dict[str, Any], int | None]]):
    """The examples. Item `epoch * size + row` is a row with a seed of its own for that epoch.

    Posts that are only measured have no seed and are not transformed. They are kept in memory, in a
    `datasets.Dataset` without a file: no post gets into a cache.
    """

    def __init__(
        self, examples: Sequence[Example], tokenizer: Tokenizer, *, measured: bool = False
    ) -> None:
        self._examples = datasets.Dataset.from_dict(
            {
                "text": [example.text for example in examples],
                "target": [example.target for example in examples],
            }
        )
        self._measured = measured
        encodings = tokenizer.encode_batch([example.text for example in examples])
        self.lengths = [len(encoding.head.ids) for encoding in encodings]

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> tuple[dict[str, Any], int | None]:
        return self._examples[index % len(self)], None if self._measured else index


class _Collator:
    """Encodes while training, so that transformed texts take the same path."""

    def __init__(self, tokenizer: Tokenizer, transform: Transform | None, seed: int) -> None:
        self._tokenizer = tokenizer
        self._transform = transform
        self._seed = seed

    def __call__(
        self, rows: Sequence[tuple[dict[str, Any], int | None]]
    ) -> dict[str, torch.Tensor]:
        texts = [example["text"] for example, _ in rows]
        first = rows[0][1]
        if self._transform is not None and first is not None:
            texts = self._transform(texts, (self._seed << 32) + first)
        encodings = self._tokenizer.encode_batch(texts)
        batch = padded([encoding.head.ids for encoding in encodings], self._tokenizer.pad_id)
        return {**batch, "labels": torch.tensor([example["target"] for example, _ in rows])}


def train_classifier(
    base: str | os.PathLike[str],
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
    checkpoints: str | os.PathLike[str],
    config: TrainingConfig,
    dev: Sequence[Example] = (),
    transform: Transform | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Any:
    """Fine-tune a sequence classifier with soft-target cross-entropy; resumes when interrupted.

    With `dev` posts it stops early and returns the weights with the lowest cross-entropy on them.

    Args:
        base: directory of a BERT with a `BertJapaneseTokenizer` (MeCab and WordPiece).
        examples: the posts; of a long one only the beginning is trained on.
        labels: names of the labels, in the order of the targets.
        checkpoints: directory for checkpoints. An interrupted run of the same base, examples,
            labels and config continues from its last one there. They stay on this machine and are
            never part of a model.
        config: epochs, learning rate and so on.
        dev: posts for early stopping; they are not trained on, nor transformed.
        transform: changes the texts of each batch.
        device: "cpu", or anything else for CUDA's first GPU where there is one.
        progress: None, True or a callback, see `riskclf.progress`; counts steps.

    Returns:
        The trained transformers model, in float32.

    Raises:
        ArtifactNotFound: `base` is not a model directory.
        InputError: there is nothing to train on.
    """
    if not examples:
        raise InputError("there are no posts to train on")
    if not (Path(base) / "config.json").is_file():
        raise ArtifactNotFound(f"{base} holds no config.json: give the directory of a BERT model")
    # One directory for all that decides the result: no run continues from the state of another.
    run = Path(checkpoints) / fingerprint(base, examples, labels=labels, config=config, dev=dev)
    tokenizer = Tokenizer.load(Path(base))
    on_gpu = _on_gpu(device)
    torch.manual_seed(config.seed)
    model = _load(Path(base), labels, on_gpu=on_gpu)
    return run_training(
        model,
        _Rows(examples, tokenizer),
        collate=_Collator(tokenizer, transform, config.seed),
        loss=_soft_cross_entropy,
        run=run,
        config=config,
        dev=_Rows(dev, tokenizer, measured=True) if dev else None,
        on_gpu=on_gpu,
        progress=progress,
    )


def seconds_per_step(
    base: str | os.PathLike[str],
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
    config: TrainingConfig,
    device: str = "auto",
) -> float:
    """How long a training step takes on this machine, from the second and third of three steps.

    The arguments are those of `train_classifier`; nothing is written.

    Raises:
        InputError: the device cannot be used here.
    """
    tokenizer, on_gpu = Tokenizer.load(Path(base)), _on_gpu(device)
    torch.manual_seed(config.seed)
    model = _load(Path(base), labels, on_gpu=on_gpu)
    # It refuses a device that cannot be used here. Training takes CUDA or the CPU.
    PytorchEngine(model, pad_id=tokenizer.pad_id, device=device, batch_size=1)
    where = torch.device("cuda" if on_gpu else "cpu")
    model.to(where).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
    # From all over the data, so that the lengths are typical.
    chosen = examples[:: max(1, len(examples) // config.batch_size)][: config.batch_size]
    encodings = tokenizer.encode_batch([example.text for example in chosen])
    batch = padded([encoding.head.ids for encoding in encodings], tokenizer.pad_id)
    inputs = {name: values.to(where) for name, values in batch.items()}
    targets = torch.tensor([x.target for x in chosen], device=where)
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        with torch.autocast(where.type, torch.bfloat16, enabled=computes_bfloat16(on_gpu=on_gpu)):
            outputs = model(**inputs)
        loss = _soft_cross_entropy(outputs, targets)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loss.item()  # waits for a GPU
        seconds.append(time.monotonic() - began)
    # The first step takes longer; the faster of the others was disturbed less.
    return min(seconds[1:])


def _on_gpu(device: str) -> bool:
    return device != "cpu" and bool(torch.cuda.is_available())


def _load(base: Path, labels: Sequence[str], *, on_gpu: bool) -> Any:
    """The base with a head for these labels: its own if they are the same, or else a new one."""
    model, _ = open_classifier(
        base,
        # On a CPU, torch's fused attention has no fast path with dropout: a third slower.
        attention="sdpa" if on_gpu else "eager",
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
        ignore_mismatched_sizes=True,
    )
    if AutoConfig.from_pretrained(base, local_files_only=True).label2id != model.config.label2id:
        # As many labels as before, but other ones: the loaded weights of the head mean nothing.
        head = model.classifier
        torch.nn.init.normal_(head.weight, std=model.config.initializer_range)
        torch.nn.init.zeros_(head.bias)
    return model


def fingerprint(
    base: str | os.PathLike[str],
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
    config: TrainingConfig,
    dev: Sequence[Example] = (),
) -> str:
    """A hash of all that decides the result of `train_classifier`, except `transform`.

    The arguments are those of `train_classifier`.
    """
    digest = hashlib.sha256(repr((list(labels), config)).encode("utf-8"))
    digest.update(str(len(examples)).encode("ascii"))
    for example in (*examples, *dev):
        digest.update(repr(example).encode("utf-8", errors="backslashreplace"))
    weights = sorted(file.name for file in Path(base).glob("*.safetensors"))
    for name in ("config.json", *weights, "vocab.txt", "tokenizer_config.json"):
        if (Path(base) / name).is_file():
            with (Path(base) / name).open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


def _soft_cross_entropy(
    outputs: Any, targets: torch.Tensor, num_items_in_batch: Any = None
) -> torch.Tensor:
    return cross_entropy(outputs["logits"].float(), targets)
