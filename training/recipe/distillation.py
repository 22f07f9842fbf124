"""The teacher's sentence vectors, what the student has to learn of them, and how near it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from transformers import BertModel

from riskclf.encoder import length_sorted_batches
from riskclf.engines.pytorch import mean_token_vector, padded
from riskclf.files import replacing
from riskclf.finetuning.loop import computes_bfloat16
from riskclf.progress import Progress, following
from training.recipe.base import SPECIALS, Base

__all__ = [
    "PAD_ID",
    "Target",
    "Vectors",
    "measure",
    "sentence_vectors",
    "teach",
]

_SPREAD = 0.4
"""Root mean square that the pooler's values are to have: well inside tanh's range, and large enough
for a classification head to read."""

PAD_ID = list(SPECIALS).index("[PAD]")
"""Id of the padding token in every vocabulary that the recipe writes."""

Vectors = npt.NDArray[np.float32]
"""Sentence vectors, shape (lines, hidden)."""


def teach(teacher: Base, lines: Sequence[str], cache: Path, progress: Progress = None) -> Vectors:
    """The teacher's sentence vectors, from the cache as far as it has them.

    Args:
        teacher: a model with its own pieces.
        lines: normalised lines.
        cache: directory; holds float16 vectors by hash, no text.
        progress: see `riskclf.progress`.

    Returns:
        Shape (lines, hidden), each row of length 1.
    """
    cache.mkdir(parents=True, exist_ok=True)
    part = 8_192
    parts: list[npt.NDArray[np.float16]] = []
    model: BertModel | None = None
    digest = teacher.digest()
    with following(progress) as show:
        for start in range(0, len(lines), part):
            texts = lines[start : start + part]
            key = hashlib.sha256("\0".join([digest, *texts]).encode("utf-8")).hexdigest()
            file = cache / f"{key[:32]}.npy"
            if not file.is_file():
                model = model or teacher.model()
                vectors = _teacher_vectors(model, teacher, texts)
                with replacing(file) as partial, partial.open("wb") as stream:
                    np.save(stream, vectors.astype(np.float16), allow_pickle=False)
            parts.append(np.load(file, allow_pickle=False))
            show("teacher's vectors", start + len(texts), len(lines))
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
            vectors[rows] = _computed(model, [ids[i] for i in rows], pad_id)[1].numpy()
    return vectors


def sentence_vectors(
    model: BertModel, batch: Mapping[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pooler output and mean token vector of length 1, both float32 of shape (rows, hidden)."""
    output = model(**batch)
    mean = mean_token_vector(output.last_hidden_state.float(), batch["attention_mask"])
    return output.pooler_output.float(), F.normalize(mean, dim=1)


def _computed(
    model: BertModel, ids: Sequence[Sequence[int]], pad_id: int
) -> tuple[torch.Tensor, torch.Tensor]:
    # Where the processor has no instructions for bfloat16 it is many times slower than float32.
    with torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16(on_gpu=False)):
        return sentence_vectors(model, padded(ids, pad_id))


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
            one, other = _computed(model, [ids[i] for i in rows], PAD_ID)
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
