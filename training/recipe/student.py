"""Train the student on the teacher's vectors, in the library's own training loop."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import BertModel

from riskclf.engines.pytorch import padded
from riskclf.finetuning import TrainingConfig
from riskclf.finetuning.loop import run_training
from riskclf.progress import Progress
from training.recipe.distillation import PAD_ID, Target, Vectors, sentence_vectors

__all__ = ["Settings", "fit"]


@dataclass(frozen=True)
class Settings:
    """How to train; a checkpoint is resumed only with the settings that it was written with."""

    sentences: int = 58_000
    """Training lines."""
    epochs: float = 2
    batch_size: int = 64
    learning_rate: float = 5e-4
    """Peak, after the warm-up; it then falls along a half cosine to a hundredth."""
    warm_up: float = 0.05
    """Share of the steps."""
    weight_decay: float = 0.01
    mean_weight: float = 0.5
    """Weight of the auxiliary task."""
    seed: int = 0
    save_steps: int = 500
    """Steps between two checkpoints."""


class _Lines(Dataset[tuple[Sequence[int], torch.Tensor]]):
    """Ids of each line with the teacher's vector."""

    def __init__(self, ids: Sequence[Sequence[int]], teacher: Vectors) -> None:
        self._ids, self._teacher = ids, torch.from_numpy(teacher)
        self.lengths = [len(row) for row in ids]

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> tuple[Sequence[int], torch.Tensor]:
        row = index % len(self)  # the same in every epoch
        return self._ids[row], self._teacher[row]


class _Student(torch.nn.Module):
    """The encoder, with its two sentence vectors as outputs."""

    def __init__(self, encoder: BertModel) -> None:
        super().__init__()
        self.encoder = encoder

    def train(self, mode: bool = True) -> _Student:
        """Dropout stays off; gradients flow all the same."""
        super().train(False)
        return self

    def forward(self, **batch: torch.Tensor) -> dict[str, torch.Tensor]:
        pooled, mean = sentence_vectors(self.encoder, batch)
        return {"pooled": pooled, "mean": mean}


def fit(
    model: BertModel,
    ids: Sequence[Sequence[int]],
    teacher: Vectors,
    target: Target,
    settings: Settings,
    work: Path,
    *,
    progress: Progress = None,
) -> None:
    """Train `model` in place; continue from the last checkpoint in `work` if there is one.

    Args:
        model: the student.
        ids: student ids of the training lines.
        teacher: the teacher's vectors of the same lines, shape (lines, hidden).
        target: how the student is to give them.
        settings: of the training.
        work: directory of the checkpoints; each set of lines, teacher and settings has its own in
            it.
        progress: see `riskclf.progress`; counts steps.
    """

    def collate(rows: Sequence[tuple[Sequence[int], torch.Tensor]]) -> dict[str, torch.Tensor]:
        batch = padded([line for line, _ in rows], PAD_ID)
        return {**batch, "labels": torch.stack([vector for _, vector in rows])}

    def loss(outputs: Any, labels: torch.Tensor, **_: Any) -> torch.Tensor:
        return target.loss(outputs["pooled"], outputs["mean"], labels, settings.mean_weight)

    run_training(
        _Student(model),
        _Lines(ids, teacher),
        collate=collate,
        loss=loss,
        run=work / _fingerprint(ids, teacher, settings),
        config=TrainingConfig(
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            batch_size=settings.batch_size,
            seed=settings.seed,
            save_steps=settings.save_steps,
        ),
        progress=progress,
        weight_decay=settings.weight_decay,
        warmup_steps=settings.warm_up,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.01},
    )


def _fingerprint(ids: Sequence[Sequence[int]], teacher: Vectors, settings: Settings) -> str:
    """A hash of all that decides the result, except the student's first weights."""
    digest = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode("utf-8"))
    digest.update(np.concatenate([np.asarray(row, np.int32) for row in ids]).tobytes())
    digest.update(np.ascontiguousarray(teacher).tobytes())
    return digest.hexdigest()[:16]
