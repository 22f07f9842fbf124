"""A small model with all experts, fitted on everyday sentences: rain is a risk, bread is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from riskclf import artifact
from riskclf.artifact import Artifact, load
from riskclf.aspects import Heads, Question
from riskclf.experts import Experts
from riskclf.finetuning.ngrams import fit_ngrams
from riskclf.neighbours import Neighbours
from riskclf.stacker import Stacker
from tests.models import torch_model

__all__ = ["BREAD", "QUESTIONS", "RAIN", "SNOW", "with_experts"]

RAIN = tuple(f"今日は{place}で雨が降った" for place in ("山", "川", "海", "空", "田", "花"))
SNOW = tuple(f"明日は{place}に雪が降る" for place in ("山", "川", "海", "空", "田", "花"))
BREAD = tuple(f"{place}のパン屋でパンを買った" for place in ("山", "川", "海", "空", "田", "花"))

QUESTIONS = (
    Question("weather", ("rain", "snow", "none")),
    Question("thing", ("bread", "place"), several=True),
    Question("support", ("yes",), several=True),
)


def with_experts(directory: Path, output: Path) -> Artifact:
    """Save the model of `directory` with experts beside it, and load that."""
    loaded = load(directory, device="cpu", batch_size=8)
    posts = (*RAIN, *SNOW, *BREAD)
    labels = [0] * len(RAIN) + [1] * len(SNOW) + [2] * len(BREAD)
    windows = [encoding.head for encoding in loaded.tokenizer.encode_batch(posts)]
    sentence = loaded.engine.compute([window.ids for window in windows]).sentence
    unit = sentence / np.linalg.norm(sentence, axis=1, keepdims=True)
    targets = np.eye(3)[labels]
    families = [("rain", "snow", "")[label] for label in labels]
    hidden = sentence.shape[1]
    rng = np.random.default_rng(0)
    heads = Heads(
        QUESTIONS,
        rng.normal(size=(6, hidden)).astype(np.float32),
        rng.normal(size=6).astype(np.float32),
    )
    artifact.save(
        output,
        model=torch_model(loaded),
        tokenizer_directory=directory,
        manifest=replace(
            loaded.manifest,
            stacker=Stacker(
                ("transformer", "ngrams", "neighbours"), (0.2, 1.0, 0.5), (0.1, 1.0, 0.5), -0.5
            ),
            label_threshold=0.5,
        ),
        experts=Experts(
            fit_ngrams(windows, targets, np.ones(len(posts))),
            Neighbours.of(sentence, labels, families, unit.mean(axis=0)),
        ),
        aspects=heads.of(["weather", "thing"]),
        support=replace(heads.of(["support"]), threshold=0.75),
    )
    return load(output, device="cpu", batch_size=8)
