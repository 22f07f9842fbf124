"""A small model with every expert and head, which knows harmless sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from riskclf import artifact
from riskclf.artifact import load
from riskclf.aspects import Heads, Question
from riskclf.experts import Experts
from riskclf.finetuning.ngrams import fit_ngrams
from riskclf.neighbours import Neighbours, unit
from riskclf.stacker import EXPERTS, Stacker
from tests.models import torch_model

__all__ = ["ASPECTS", "SUPPORT", "with_experts"]

ASPECTS = (Question("place", ("indoors", "outdoors")), Question("has", ("food", "animal"), True))
SUPPORT = (Question("support", ("yes",), True),)


def with_experts(directory: Path, texts: Sequence[str], target: Path) -> Path:
    """The model of `directory` with experts that know `texts`, and with random heads."""
    loaded = load(directory, device="cpu", batch_size=8)
    labels = [number % len(loaded.manifest.labels) for number in range(len(texts))]
    windows = [encoding.head for encoding in loaded.tokenizer.encode_batch(texts)]
    sentence = loaded.engine.compute([window.ids for window in windows]).sentence
    targets = np.eye(len(loaded.manifest.labels))[labels]
    rng = np.random.default_rng(0)

    def heads(questions: tuple[Question, ...], threshold: float | None = None) -> Heads:
        count = sum(len(question.answers) for question in questions)
        weights = rng.normal(size=(count, sentence.shape[1])).astype(np.float32)
        return Heads(questions, weights, np.zeros(count, dtype=np.float32), threshold)

    artifact.save(
        target,
        model=torch_model(loaded),
        tokenizer_directory=directory,
        manifest=replace(
            loaded.manifest,
            stacker=Stacker(EXPERTS, (0.4, 0.5, 0.1), (0.4, 0.5, 0.1), 0.0),
            label_threshold=0.5,
        ),
        experts=Experts(
            fit_ngrams(windows, targets, np.ones(len(texts))),
            Neighbours.of(
                sentence,
                labels,
                [f"family {number % 7}" for number in range(len(texts))],
                unit(sentence).mean(axis=0),
            ),
        ),
        aspects=heads(ASPECTS),
        support=heads(SUPPORT, 0.7),
    )
    return target
