"""All transformers of the protocol, several trainings at once.

On a machine with few cores, trainings of one thread each take less time side by side than one after
the other on all threads. Each runs in a process of its own, because torch's threads are set once
for a whole process. An interrupted run is continued by the same call.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from riskclf.progress import Progress, following
from training.recipe.material import Material
from training.recipe.transformer import STEPS, train_transformer

__all__ = ["train_transformers"]


def train_transformers(
    base: Path,
    material: Material,
    work: Path,
    held_out: Sequence[str | None],
    *,
    at_once: int,
    progress: Progress = None,
) -> None:
    """Train a transformer without each of these folds; whatever is complete in `work` is kept.

    Args:
        base: directory of the adapted encoder.
        material: posts, lines and the teacher's vectors.
        work: where checkpoints and results are kept.
        held_out: the folds; None holds out none.
        at_once: trainings that run side by side.
        progress: see `riskclf.progress`; counts the steps of all trainings together.
    """
    context = get_context("spawn")
    with (
        context.Manager() as manager,
        ProcessPoolExecutor(at_once, mp_context=context) as pool,
        following(progress) as show,
    ):
        told = manager.Queue()
        runs = {pool.submit(_train, base, material, work, x, told): x for x in held_out}
        steps = dict.fromkeys(held_out, 0)
        waiting: set[Any] = {*runs}
        while waiting:
            finished, waiting = wait(waiting, timeout=1)
            while not told.empty():
                fold, done = told.get()
                steps[fold] = done
            for run in finished:
                run.result()  # raises what the training raised
                steps[runs[run]] = STEPS
            show("training transformers", sum(steps.values()), STEPS * len(runs))


def _train(base: Path, material: Material, work: Path, held_out: str | None, told: Any) -> None:
    train_transformer(
        base,
        material,
        work,
        held_out=held_out,
        progress=lambda _, done, total: told.put((held_out, done)),
    )
