"""Train a classifier on labelled posts, through the same text -> ids path that serves it.

The loop is that of transformers' `Trainer`: AdamW, a linear learning rate with warm-up, bfloat16
where the processor has it, batches of like length. A run that was interrupted continues from its
last checkpoint, with the same result as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import os
import time
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
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_pt_utils import get_length_grouped_indices
from transformers.trainer_utils import get_last_checkpoint

from riskclf.engines.pytorch import PytorchEngine, open_classifier, padded, quietly
from riskclf.errors import ArtifactNotFound, InputError
from riskclf.finetuning.config import TrainingConfig
from riskclf.progress import Callback, Progress, following
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


class _Sampler(Sampler[int]):
    """Rows in an order that depends only on the seed and the epoch, so that a run can resume.

    Rows of like length are grouped, as in transformers' length-grouped sampling.
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


class _Told(TrainerCallback):
    """Tells after every step how far the training is."""

    def __init__(self, show: Callback) -> None:
        self._show = show

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._show("training", state.global_step, state.max_steps)


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
        device: "cpu", or anything else for a GPU where there is one.
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
    arguments = TrainingArguments(
        output_dir=str(run),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        weight_decay=0.01,
        warmup_steps=0.1,
        lr_scheduler_type="linear",
        seed=config.seed,
        save_steps=config.save_steps,
        save_total_limit=1,
        eval_strategy="steps" if dev else "no",
        eval_steps=config.save_steps,
        per_device_eval_batch_size=config.batch_size,
        load_best_model_at_end=bool(dev),
        metric_for_best_model="eval_loss" if dev else None,
        logging_strategy="no",
        report_to="none",
        bf16=_computes_bfloat16(on_gpu=on_gpu),
        use_cpu=not on_gpu,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
    )
    trainer = _Trainer(
        model=model,
        args=arguments,
        train_dataset=_Rows(examples, tokenizer),
        eval_dataset=_Rows(dev, tokenizer, measured=True) if dev else None,
        data_collator=_Collator(tokenizer, transform, config.seed),
        compute_loss_func=_soft_cross_entropy,
        callbacks=[EarlyStoppingCallback(config.patience)] if dev else [],
    )
    trainer.remove_callback(PrinterCallback)  # it prints the summary to standard output
    last = None
    if run.is_dir():
        last = get_last_checkpoint(str(run))  # type: ignore[no-untyped-call]
    with quietly(), following(progress) as show:
        trainer.add_callback(_Told(show))
        trainer.train(resume_from_checkpoint=last)
    # In training it computes in bfloat16; without this it would continue to.
    return trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)


def seconds_per_step(
    base: str | os.PathLike[str],
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
    config: TrainingConfig,
    device: str = "auto",
) -> float:
    """How long a training step takes on this machine: two are computed, the second is timed.

    The arguments are those of `train_classifier`; nothing is written.

    Raises:
        InputError: the device cannot be used here.
    """
    tokenizer, on_gpu = Tokenizer.load(Path(base)), _on_gpu(device)
    torch.manual_seed(config.seed)
    model = _load(Path(base), labels, on_gpu=on_gpu)
    engine = PytorchEngine(model, pad_id=tokenizer.pad_id, device=device, batch_size=1)
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
    # From all over the data, so that the lengths are typical.
    chosen = examples[:: max(1, len(examples) // config.batch_size)][: config.batch_size]
    encodings = tokenizer.encode_batch([example.text for example in chosen])
    batch = padded([encoding.head.ids for encoding in encodings], tokenizer.pad_id)
    inputs = {name: values.to(engine.device) for name, values in batch.items()}
    targets = torch.tensor([x.target for x in chosen], device=engine.device)
    began = 0.0
    for _ in range(2):
        began = time.monotonic()
        with torch.autocast(
            engine.device.type, torch.bfloat16, enabled=_computes_bfloat16(on_gpu=on_gpu)
        ):
            outputs = model(**inputs)
        loss = _soft_cross_entropy(outputs, targets)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loss.item()  # waits for a GPU
    return time.monotonic() - began


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


def _computes_bfloat16(*, on_gpu: bool) -> bool:
    """Whether there are instructions for bfloat16: without them it would be slower."""
    if on_gpu:
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _soft_cross_entropy(
    outputs: Any, targets: torch.Tensor, num_items_in_batch: Any = None
) -> torch.Tensor:
    return cross_entropy(outputs["logits"].float(), targets)
