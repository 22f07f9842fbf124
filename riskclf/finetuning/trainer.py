"""Train a classifier on labelled posts, through the same text -> ids path that serves it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, Sampler
from transformers import (
    AutoConfig,
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_pt_utils import get_length_grouped_indices
from transformers.trainer_utils import get_last_checkpoint

from riskclf.engines.pytorch import open_classifier, padded, quietly
from riskclf.errors import ArtifactNotFound, InputError
from riskclf.tokens import Tokenizer

__all__ = ["Example", "Recipe", "fingerprint", "train_classifier"]


Transform = Callable[[list[str], int], list[str]]


@dataclass(frozen=True, slots=True)
class Example:
    """A post and what it should be labelled."""

    text: str
    target: tuple[float, ...]
    """Probability of each label, in the order of the labels; soft targets are taken as they are."""


@dataclass(frozen=True)
class Recipe:
    """How to train."""

    epochs: float = 5
    learning_rate: float = 8e-5
    batch_size: int = 32
    seed: int = 0
    save_steps: int = 200
    """A run that was interrupted goes on from the last multiple of this many steps; with `dev`
    posts, they are measured as often."""
    patience: int = 4
    """Training stops when the dev posts were measured this often without becoming better."""


class _Rows(Dataset[tuple[dict[str, Any], int | None]]):
    """The examples, anew for every epoch: item `epoch * size + row`, with a seed of its own.

    Posts that are only measured have no seed: they are taken as they are. They lie in memory, in a
    `datasets.Dataset` that has no file: nothing of them gets into a cache.
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


class _Sampler(Sampler[int]):
    """Rows in an order that depends on nothing but the seed and the epoch, so that it resumes.

    Rows of like length stand together, as transformers' length-grouped sampling has them.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        rows: list[int] = get_length_grouped_indices(  # type: ignore[no-untyped-call]
            self._lengths, self._batch_size, generator=generator
        )
        return (self._epoch * len(self) + row for row in rows)


class _Collator:
    """Encodes while training, so that a transformed text goes through the same path."""

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


class _Trainer(Trainer):
    def _get_train_sampler(self, train_dataset: Any = None) -> _Sampler:
        rows: Any = self.train_dataset
        return _Sampler(rows.lengths, self.args.train_batch_size, self.args.seed)


def train_classifier(
    base: str | os.PathLike[str],
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
    checkpoints: str | os.PathLike[str],
    recipe: Recipe,
    dev: Sequence[Example] = (),
    transform: Transform | None = None,
    progress: bool = False,
) -> Any:
    """Fine-tune a sequence classifier with soft-target cross-entropy; resumes when interrupted.

    With `dev` posts it stops early and gives the weights that had the least cross-entropy on them.

    Args:
        base: directory of a BERT with a `BertJapaneseTokenizer` (MeCab and WordPiece).
        examples: the posts; long ones are trained on by their head.
        labels: names of the labels, in the order of the targets.
        checkpoints: directory for checkpoints; an interrupted run of the same base, examples,
            labels and recipe goes on from its last one there. They are this machine's own, never
            part of a model.
        recipe: epochs, learning rate and so on.
        dev: posts to stop on; they are not trained on, nor transformed.
        transform: changes the texts of a batch in memory; is given them and a seed of their own.
        progress: show a progress bar.

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
    # A run of its own for whatever decides the result, so that none goes on from another's state.
    run = Path(checkpoints) / fingerprint(base, examples, labels=labels, recipe=recipe, dev=dev)
    tokenizer = Tokenizer.load(Path(base))
    torch.manual_seed(recipe.seed)
    model = _load(Path(base), labels)
    arguments = TrainingArguments(
        output_dir=str(run),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        weight_decay=0.01,
        warmup_steps=0.1,
        lr_scheduler_type="linear",
        seed=recipe.seed,
        save_steps=recipe.save_steps,
        save_total_limit=1,
        eval_strategy="steps" if dev else "no",
        eval_steps=recipe.save_steps,
        per_device_eval_batch_size=recipe.batch_size,
        load_best_model_at_end=bool(dev),
        metric_for_best_model="eval_loss" if dev else None,
        logging_strategy="no",
        report_to="none",
        bf16=_computes_bfloat16(),
        use_cpu=not torch.cuda.is_available(),
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        disable_tqdm=not progress,
    )
    trainer = _Trainer(
        model=model,
        args=arguments,
        train_dataset=_Rows(examples, tokenizer),
        eval_dataset=_Rows(dev, tokenizer, measured=True) if dev else None,
        data_collator=_Collator(tokenizer, transform, recipe.seed),
        compute_loss_func=_soft_cross_entropy,
        callbacks=[EarlyStoppingCallback(recipe.patience)] if dev else [],
    )
    trainer.remove_callback(PrinterCallback)  # it prints the summary to standard output
    last = None
    if run.is_dir():
        last = get_last_checkpoint(str(run))  # type: ignore[no-untyped-call]
    with quietly():  # but for its own progress bar
        trainer.train(resume_from_checkpoint=last)
    # While it trains it computes in bfloat16, and would go on to.
    return trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)


def _load(base: Path, labels: Sequence[str]) -> Any:
    """The base with a head for these labels: its own, if it has one for the same, or a new one."""
    model, _ = open_classifier(
        base,
        # On a processor, torch's fused attention has no fast path with dropout: a third slower.
        attention="sdpa" if torch.cuda.is_available() else "eager",
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
        ignore_mismatched_sizes=True,
    )
    if AutoConfig.from_pretrained(base, local_files_only=True).label2id != model.config.label2id:
        # As many labels as before, but others: the weights that were loaded mean nothing.
        head = model.classifier
        torch.nn.init.normal_(head.weight, std=model.config.initializer_range)
        torch.nn.init.zeros_(head.bias)
    return model


def fingerprint(
    base: str | os.PathLike[str],
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
    recipe: Recipe,
    dev: Sequence[Example] = (),
) -> str:
    """Stands for all that decides the result of `train_classifier`, except `transform`."""
    digest = hashlib.sha256(repr((list(labels), recipe)).encode("utf-8"))
    digest.update(str(len(examples)).encode("ascii"))
    for example in (*examples, *dev):
        digest.update(repr(example).encode("utf-8", errors="backslashreplace"))
    weights = sorted(file.name for file in Path(base).glob("*.safetensors"))
    for name in ("config.json", *weights, "vocab.txt", "tokenizer_config.json"):
        if (Path(base) / name).is_file():
            with (Path(base) / name).open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


def _computes_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16: without them it would be slower."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _soft_cross_entropy(
    outputs: Any, targets: torch.Tensor, num_items_in_batch: Any = None
) -> torch.Tensor:
    return cross_entropy(outputs["logits"].float(), targets)
