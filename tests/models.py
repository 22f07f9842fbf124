"""What tests ask a loaded model, and a small model with every expert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf import artifact
from riskclf.artifact import Artifact
from riskclf.aspects import Heads, Question
from riskclf.encoder import Outputs
from riskclf.engines.pytorch import PytorchEngine
from riskclf.experts import Experts
from riskclf.finetuning.ngrams import fit_ngrams
from riskclf.neighbours import Neighbours, unit
from riskclf.stacker import Stacker

__all__ = ["outputs_of", "save_with_experts", "torch_model"]

if TYPE_CHECKING:
    from numpy.typing import NDArray


def outputs_of(logits: NDArray[np.float32]) -> Outputs:
    """Outputs of an engine with these logits; the vectors are of no use."""
    vectors = np.zeros((len(logits), 2), dtype=np.float32)
    return Outputs(logits.astype(np.float32), vectors, vectors)


def torch_model(loaded: Artifact) -> Any:
    """The transformers model that a loaded model computes with."""
    assert isinstance(loaded.engine, PytorchEngine)
    return loaded.engine.model


def save_with_experts(
    directory: Path,
    output: Path,
    posts: Sequence[tuple[str, int, str]],
    *,
    stacker: Stacker,
    aspects: tuple[Question, ...],
    support: tuple[Question, ...],
    threshold: float,
) -> None:
    """Save the model of `directory` with experts that know `posts`, and with random heads.

    Args:
        directory: of a model.
        output: where to.
        posts: text, index of the label, and family of each.
        stacker: of all three experts.
        aspects: questions of a random head.
        support: likewise.
        threshold: of support.
    """
    loaded = artifact.load(directory, device="cpu", batch_size=8)
    texts, labels, families = zip(*posts, strict=True)
    windows = [encoding.head for encoding in loaded.tokenizer.encode_batch(texts)]
    sentence = loaded.engine.compute([window.ids for window in windows]).sentence
    rng = np.random.default_rng(0)

    def heads(questions: tuple[Question, ...]) -> Heads:
        count = sum(len(question.answers) for question in questions)
        weights = rng.normal(size=(count, sentence.shape[1])).astype(np.float32)
        return Heads(questions, weights, np.zeros(count, dtype=np.float32))

    artifact.save(
        output,
        model=torch_model(loaded),
        tokenizer_directory=directory,
        manifest=replace(loaded.manifest, stacker=stacker, label_threshold=0.5),
        experts=Experts(
            fit_ngrams(
                windows, np.eye(len(loaded.manifest.labels))[[*labels]], np.ones(len(posts))
            ),
            Neighbours.of(sentence, labels, families, unit(sentence).mean(axis=0)),
        ),
        aspects=heads(aspects),
        support=replace(heads(support), threshold=threshold),
    )
