"""The transformer: trained once for each fold that is held out, and once on all folds.

One training learns the label, the answers to the guide's questions and the sentence vector
(`riskclf.finetuning.tasks`). What a trained model computes for all texts is stored, so that
everything after it (neighbours, stacker, thresholds) is fitted without computing again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from riskclf.aspects import Heads
from riskclf.decide import OperatingPoint
from riskclf.encoder import Outputs
from riskclf.engines.pytorch import open_classifier
from riskclf.files import replacing, replacing_directory
from riskclf.finetuning import TrainingConfig, train_classifier
from riskclf.finetuning.computed import compute
from riskclf.labels import LABELS, RISK_LABELS
from riskclf.manifest import Manifest
from riskclf.progress import Progress
from riskclf.tokens import Tokenizer
from training.recipe.examples import QUESTIONS, line_examples, post_examples, varied
from training.recipe.material import Material

__all__ = ["STEPS", "TASKS", "Transformer", "train_transformer"]

STEPS = 1_280
"""Of every training, whichever fold is held out."""

TASKS = frozenset({"sentence", "answers"})
"""What is learned beside the label: the sentence vector, and the answers to `QUESTIONS`."""

_PASSES = 4
"""Each of our posts comes this often to one pass through the natural lines."""

_CONFIG = TrainingConfig(learning_rate=3e-4, batch_size=32, save_steps=160)
"""In half as many steps, 8e-5 learned the side of 74 % of the risky posts of a fold that it had not
seen, 2e-4 of 88 %, 4e-4 of 90 %; average precision was 0.903, 0.941 and 0.939."""


@dataclass(frozen=True)
class Transformer:
    """A trained transformer, and what it computes."""

    directory: Path
    """Weights (`model.safetensors`), heads, and the outputs."""

    @classmethod
    def at(cls, work: Path, held_out: str | None, seed: int = 0) -> Transformer:
        """Where the training without this fold is kept."""
        return cls(work / f"transformer-{held_out or 'all'}-{seed}")

    @property
    def heads(self) -> Heads:
        """Of `QUESTIONS`."""
        stored = load_file(self.directory / "heads.safetensors")
        return Heads(QUESTIONS, stored["weights"], stored["bias"])

    @property
    def outputs(self) -> Outputs:
        """For each window of the material's texts, in their order; NaN where it was not asked."""
        with np.load(self._file) as stored:
            rows, count = stored["rows"], int(stored["windows"])
            columns = {}
            for name in _STORED:
                column = np.full((count, stored[name].shape[1]), np.nan, dtype=np.float32)
                column[rows] = stored[name]
                columns[name] = column
        return Outputs(**columns)

    @property
    def finished(self) -> bool:
        """Whether it has been trained and asked."""
        return self._file.is_file()

    @property
    def _file(self) -> Path:
        return self.directory / "outputs.npz"

    def compute(self, material: Material, base: Path, held_out: str | None) -> None:
        """Ask it about the texts of `Material.computed` and store what it says.

        Args:
            material: posts and lines.
            base: directory of its tokenizer.
            held_out: the fold that it was not trained on.
        """
        model = open_classifier(self.directory)[0]
        chosen, texts = material.computed(held_out), material.texts
        found = compute(
            model, base, [texts[x] for x in chosen], _UNFITTED, device="cpu", batch_size=64
        )
        everything = Tokenizer.load(base).encode_batch(texts)
        starts = np.cumsum([0, *(len(encoding.windows) for encoding in everything)])
        rows = np.concatenate([np.arange(starts[x], starts[x + 1]) for x in chosen])
        columns = {
            name: getattr(found.outputs, name).astype(kind) for name, kind in _STORED.items()
        }
        with replacing(self._file) as staged, staged.open("wb") as stream:
            np.savez(stream, rows=rows, windows=starts[-1], **columns)


def train_transformer(
    base: Path,
    material: Material,
    work: Path,
    *,
    held_out: str | None,
    seed: int = 0,
    tasks: frozenset[str] = TASKS,
    progress: Progress = None,
) -> Transformer:
    """Train on all but a fold and compute all texts; whatever is complete in `work` is kept.

    Args:
        base: directory of the adapted encoder.
        material: posts, lines and the teacher's vectors.
        work: where checkpoints and results are kept.
        held_out: the fold that is not trained on, or None.
        seed: of the new heads, dropout, spelling and order.
        tasks: those of `TASKS` that are learned beside the label.
        progress: see `riskclf.progress`; counts steps.
    """
    result = Transformer.at(work, held_out, seed)
    if not result.directory.is_dir():
        _train(base, material, work, result.directory, held_out, seed, tasks, progress)
    if not result.finished:
        torch.set_num_threads(1)
        result.compute(material, base, held_out)
    return result


def _train(
    base: Path,
    material: Material,
    work: Path,
    directory: Path,
    held_out: str | None,
    seed: int,
    tasks: frozenset[str],
    progress: Progress,
) -> None:
    lines = material.lines_without(held_out)
    ours = post_examples(material.posts_without(held_out), material.vectors)
    examples = ours * _PASSES + line_examples(lines, material.vectors)
    if "answers" not in tasks:
        examples = [replace(x, answers=()) for x in examples]
    batches = -(-len(examples) // _CONFIG.batch_size)
    torch.set_num_threads(1)  # two trainings side by side are faster than one after the other
    trained = train_classifier(
        base,
        examples,
        labels=LABELS,
        checkpoints=work / "checkpoints",
        config=TrainingConfig(
            epochs=STEPS / batches,
            learning_rate=_CONFIG.learning_rate,
            batch_size=_CONFIG.batch_size,
            save_steps=_CONFIG.save_steps,
            seed=seed,
        ),
        questions=QUESTIONS if "answers" in tasks else (),
        centre=material.centre if "sentence" in tasks else None,
        transform=varied(lines),
        progress=progress,
    )
    # As the weights are stored.
    model: Any = trained.model.half().float()
    with replacing_directory(directory) as staged:
        model.save_pretrained(staged)
        if trained.heads is not None:
            heads = {"weights": trained.heads.weights, "bias": trained.heads.bias}
            save_file(heads, staged / "heads.safetensors")


_STORED = {"logits": np.float32, "pooled": np.float16, "sentence": np.float16}

_UNFITTED = Manifest(LABELS, RISK_LABELS, {"standard": OperatingPoint(0.8, 0.3)}, 1.0, 0.5)
"""Says only that all windows of a post are read."""
