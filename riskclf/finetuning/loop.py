"""The training loop: transformers' `Trainer`, with checkpoints that are resumed exactly.

AdamW, bfloat16 where the processor has it, gradients clipped at norm 1, batches of like length. A
run that was interrupted continues from its last complete checkpoint, with the same result as an
uninterrupted one. Fine-tuning uses this loop, and so does the recipe of the packaged model.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch.utils.data import Sampler
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_callback import TrainerState
from transformers.trainer_pt_utils import get_length_grouped_indices

from riskclf.engines.pytorch import quietly
from riskclf.finetuning.config import TrainingConfig
from riskclf.progress import Callback, Progress, following

__all__ = ["Rows", "computes_bfloat16", "run_training"]


class Rows(Protocol):
    """What is trained on. Item ``epoch * len(rows) + row`` is a row in that epoch."""

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each row: rows of like length are put into one batch."""

    def __len__(self) -> int:
        """Rows in an epoch."""

    def __getitem__(self, index: int) -> Any:
        """What `collate` takes."""


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


def run_training(
    model: Any,
    rows: Rows,
    *,
    collate: Callable[[Any], dict[str, torch.Tensor]],
    loss: Callable[..., torch.Tensor],
    run: Path,
    config: TrainingConfig,
    on_gpu: bool = False,
    progress: Progress = None,
    **arguments: Any,
) -> Any:
    """Train a model; continue from the last complete checkpoint in `run`, if any.

    Args:
        model: a torch module; takes what `collate` gives, except ``labels``.
        rows: what is trained on.
        collate: rows to a batch, with ``labels``.
        loss: called as ``loss(outputs, labels, num_items_in_batch=...)``; a mean over the batch.
        run: directory of the checkpoints, of its own for all that decides the result.
        config: epochs, learning rate and so on.
        on_gpu: compute on a GPU.
        progress: see `riskclf.progress`; counts steps.
        arguments: further `transformers.TrainingArguments`; weight decay and the shape of the
            learning rate are those of fine-tuning otherwise.

    Returns:
        The trained model, in float32.
    """
    settings: dict[str, Any] = {
        "weight_decay": 0.01,
        "warmup_steps": 0.1,
        "lr_scheduler_type": "linear",
        **arguments,
    }
    trainer = _Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(run),
            num_train_epochs=config.epochs,
            per_device_train_batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            seed=config.seed,
            save_steps=config.save_steps,
            save_total_limit=1,
            eval_strategy="no",
            logging_strategy="no",
            report_to="none",
            bf16=computes_bfloat16(on_gpu=on_gpu),
            use_cpu=not on_gpu,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            disable_tqdm=True,
            **settings,
        ),
        train_dataset=rows,
        data_collator=collate,
        compute_loss_func=loss,
    )
    trainer.remove_callback(PrinterCallback)  # it prints the summary to standard output
    with quietly(), following(progress) as show:
        trainer.add_callback(_Told(show))
        trainer.train(resume_from_checkpoint=_last_checkpoint(run))
    # In training it computes in bfloat16; without this it would continue to.
    return trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)


def computes_bfloat16(*, on_gpu: bool) -> bool:
    """Whether there are instructions for bfloat16: without them it would be slower."""
    if on_gpu:
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _last_checkpoint(run: Path) -> str | None:
    """The last complete checkpoint: a run that is killed while it writes one leaves a part."""
    steps = {int(x.name.rpartition("-")[2]): x for x in run.glob("checkpoint-*")}
    for _, checkpoint in sorted(steps.items(), reverse=True):
        try:
            # It is written last.
            TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        except (OSError, ValueError, TypeError):
            shutil.rmtree(checkpoint)
        else:
            return str(checkpoint)
    return None
