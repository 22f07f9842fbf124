"""The training loop of the adaptation: batches, learning rate, checkpoints."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import BertModel

from riskclf.errors import ArtifactMismatch
from riskclf.progress import Progress, following
from training.recipe.distillation import PAD_ID, Target, Vectors, forward
from training.recipe.lines import seeded

__all__ = [
    "Settings",
    "fit",
]


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


def fit(
    model: BertModel,
    ids: Sequence[Sequence[int]],
    teacher: Vectors,
    target: Target,
    settings: Settings,
    work: Path,
    *,
    checkpoint_seconds: float = 240.0,
    progress: Progress = None,
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
        progress: see `riskclf.progress`.
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
    with following(progress) as show:
        for step in range(done, steps):
            if step == done or step % per_epoch == 0:
                batches = _batches(ids, settings, step // per_epoch)
            rows = batches[step % per_epoch]
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * _schedule(step, steps, settings.warm_up)
            pooled, mean = forward(model, [ids[i] for i in rows], PAD_ID)
            loss = target.loss(pooled, mean, wanted[rows], settings.mean_weight)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
            optimiser.step()

            losses.append(loss.item())
            show("training steps", step + 1, steps)
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
    chance = seeded(settings.seed, f"epoch {epoch}")
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
