"""A fine-tuning job: what was read and decided before the first training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from riskclf import artifact
from riskclf.artifact import Base
from riskclf.evaluation.scored import Columns, Data
from riskclf.files import target_of
from riskclf.finetuning.config import TrainingConfig, training_config_for
from riskclf.finetuning.data import (
    OLD_LABELS,
    OLD_RISKS,
    LabelledPosts,
    choose_labels,
    read_labelled,
    read_ordinary,
    read_raw,
)
from riskclf.finetuning.replay import OurPost, base_answers, load_our_posts, training_mix
from riskclf.finetuning.trainer import Example
from riskclf.tables.duplicates import same_text

__all__ = ["Job", "prepare"]


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
        card = self.base.card
        return card is not None and (card.labels, card.risk_labels) == (
            self.labels,
            self.risk_labels,
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
    ours = load_our_posts() if (labels, risks) == (OLD_LABELS, OLD_RISKS) else []
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
        job.replay[:] = base_answers(found, texts, device=device, batch_size=batch_size)
    return job
