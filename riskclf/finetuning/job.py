"""A fine-tuning job: what was read and decided before the first training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from riskclf import artifact
from riskclf.artifact import Base
from riskclf.decide import OperatingPoint
from riskclf.files import target_of
from riskclf.finetuning.computed import Computed, compute
from riskclf.finetuning.config import TrainingConfig, training_config_for
from riskclf.finetuning.data import (
    LabelledPosts,
    choose_labels,
    read_labelled,
    read_ordinary,
    read_raw,
)
from riskclf.finetuning.replay import OurPost, base_answers, load_our_posts, training_mix
from riskclf.finetuning.trainer import Example
from riskclf.labels import LABELS, RISK_LABELS
from riskclf.manifest import Manifest
from riskclf.tables import Columns, Data, same_text

__all__ = ["FALLBACK", "Job", "prepare"]

FALLBACK = OperatingPoint(flag=0.8, review=0.3)
"""The thresholds of a model with new labels, where the posts are too few to choose any."""


@dataclass(frozen=True)
class Job:
    """All that the stages of `riskclf.finetune` share."""

    base: Base
    labels: tuple[str, ...]
    risk_labels: tuple[str, ...]
    posts: LabelledPosts
    replay: list[Example]
    """Our own posts that are mixed in; empty where the labels are others."""
    old: list[OurPost]
    """Our own posts that are measured before and after, and never trained on."""
    natural: list[str]
    """Ordinary posts of the user: likewise."""
    seed: int
    work: Path
    """Checkpoints and finished folds, until the model is written."""
    device: str
    batch_size: int

    @property
    def keeps_labels(self) -> bool:
        """The base has these labels: it can be compared with, and its thresholds are kept."""
        before = self.base.manifest
        return before is not None and (before.labels, before.risk_labels) == (
            self.labels,
            self.risk_labels,
        )

    @property
    def benign(self) -> tuple[float, ...]:
        """The target of a post that is no risk: all on the first label that is none."""
        first = next(i for i, label in enumerate(self.labels) if label not in self.risk_labels)
        return tuple(float(i == first) for i in range(len(self.labels)))

    @property
    def manifest(self) -> Manifest:
        """The base's, or for other labels one that is not calibrated yet."""
        if self.keeps_labels:
            assert self.base.manifest is not None
            return self.base.manifest
        points = {"standard": FALLBACK} if self.risk_labels else {}
        return Manifest(self.labels, self.risk_labels, points, 1.0, 0.5 if points else 0.0)

    def compute(self, model: Any, start: Path, texts: Sequence[str]) -> Computed:
        """What a model of this job computes for posts; `start` is the directory it started from."""
        return compute(
            model,
            start,
            texts,
            self.manifest,
            device=self.device,
            batch_size=self.batch_size,
        )

    def config(self, new: int) -> TrainingConfig:
        """How to train on so many new posts."""
        return training_config_for(
            new, len(self.replay), new_head=not self.keeps_labels, seed=self.seed
        )

    def examples(self, rows: Iterable[int] | None = None) -> list[Example]:
        """The new posts of these rows, or all of them."""
        chosen = range(len(self.posts)) if rows is None else rows
        return [Example(self.posts.texts[row], self.posts.targets[row]) for row in chosen]

    def mix(self, new: Sequence[Example]) -> list[Example]:
        """What a training on these new posts learns from."""
        return training_mix(new, self.replay)


def prepare(
    data: Data,
    base: str | os.PathLike[str] | None,
    *,
    output: Path,
    columns: Columns,
    label_map: Mapping[str, str],
    natural: Data | None,
    risk_labels: Sequence[str] | None,
    seed: int,
    device: str,
    batch_size: int,
) -> Job:
    """Read and check everything, so that what is wrong is said before any training.

    The arguments and errors are those of `riskclf.finetune`.
    """
    artifact.check_place(output)
    raw = read_raw(data, columns)
    ordinary = [] if natural is None else read_ordinary(natural, columns)
    found = artifact.locate_base(base)
    labels, risks = choose_labels(found, risk_labels, raw, columns, label_map)
    posts = read_labelled(raw, labels, risks, columns, label_map)
    ours = load_our_posts() if (labels, risks) == (LABELS, RISK_LABELS) else []
    known = {same_text(text) for text in posts.texts}
    target = target_of(output)
    job = Job(
        base=found,
        labels=labels,
        risk_labels=risks,
        posts=posts,
        replay=[post.example(labels) for post in ours if post.part == "replay"],
        old=[post for post in ours if post.part == "old" and same_text(post.text) not in known],
        natural=[text for text in ordinary if same_text(text) not in known],
        seed=seed,
        work=target.with_name(f".{target.name}.finetuning"),
        device=device,
        batch_size=batch_size,
    )
    if job.keeps_labels and job.replay:
        texts = [example.text for example in job.replay]
        answers = base_answers(found, texts, device=device, batch_size=batch_size)
        return replace(job, replay=answers)
    return job
