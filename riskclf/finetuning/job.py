"""A fine-tuning job: what was read and decided before the first training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from riskclf import artifact
from riskclf.decide import OperatingPoint
from riskclf.errors import InputError
from riskclf.files import target_of
from riskclf.finetuning.base import Base, locate_base
from riskclf.finetuning.config import TrainingConfig, training_config_for
from riskclf.finetuning.data import (
    LabelledPosts,
    choose_labels,
    read_labelled,
    read_ordinary,
    read_raw,
)
from riskclf.finetuning.known import Known
from riskclf.finetuning.replay import OurPost, load_our_posts, training_mix
from riskclf.finetuning.tasks import Example
from riskclf.labels import LABELS, RISK_LABELS
from riskclf.manifest import Manifest
from riskclf.tables import Columns, Data, same_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.aspects import Question

__all__ = ["FALLBACK", "Job", "is_clear", "prepare"]

FALLBACK = OperatingPoint(flag=0.8, review=0.3)
"""The thresholds of a model with new labels, where the posts are too few to choose any."""

_LEAST_POSTS, _LEAST_OF_A_LABEL = 100, 10
"""With fewer posts, or fewer of a label, new labels get no experts beside the transformer."""


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
    known: Known | None = None
    """The base, loaded; None for a plain BERT."""
    directions: NDArray[np.float32] | None = None
    """What the sentence vectors of the new posts are held to, shape (posts, hidden)."""
    quick: bool = False
    """The transformer stays as it is: only the experts beside it learn."""

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

    @property
    def questions(self) -> tuple[Question, ...]:
        """What the transformer keeps answering beside the label.

        With other labels there is no replay set that would keep the answers right.
        """
        return self.known.questions if self.known is not None and self.keeps_labels else ()

    @property
    def centre(self) -> NDArray[np.float32] | None:
        """What sentence vectors are centred on while they are held; None leaves them free."""
        return None if self.known is None else self.known.centre

    @property
    def fits_new_experts(self) -> bool:
        """The labels are new, and there are enough posts to fit experts beside the transformer.

        Without risk labels, or with nothing else, there is no stacker that would read them.
        """
        if self.keeps_labels or not 0 < len(self.risk_labels) < len(self.labels):
            return False
        targets = np.array(self.posts.targets)
        clear = np.bincount(targets[is_clear(targets)].argmax(axis=1), minlength=len(self.labels))
        return len(targets) >= _LEAST_POSTS and int(clear.min()) >= _LEAST_OF_A_LABEL

    def config(self, new: int) -> TrainingConfig:
        """How to train on so many new posts."""
        return training_config_for(
            new, len(self.replay), new_head=not self.keeps_labels, seed=self.seed
        )

    def examples(self, rows: Iterable[int] | None = None) -> list[Example]:
        """The new posts of these rows, or all of them."""
        posts, held = self.posts, self.directions
        return [
            Example(
                posts.texts[row],
                posts.targets[row],
                sentence=None if held is None else held[row],
            )
            for row in (range(len(posts)) if rows is None else rows)
        ]

    def mix(self, new: Sequence[Example]) -> list[Example]:
        """What a training on these new posts learns from."""
        return training_mix(new, self.replay)


def is_clear(targets: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which posts have all of their probability on one label: (posts, labels) to (posts,)."""
    clear: NDArray[np.bool_] = targets.max(axis=1) > 1 - 1e-9
    return clear


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
    quick: bool = False,
) -> Job:
    """Read and check everything, so that what is wrong is said before any training.

    The arguments and errors are those of `riskclf.finetune`.
    """
    artifact.check_place(output)
    raw = read_raw(data, columns)
    ordinary = [] if natural is None else read_ordinary(natural, columns)
    found = locate_base(base)
    labels, risks = choose_labels(found, risk_labels, raw, columns, label_map)
    posts = read_labelled(raw, labels, risks, columns, label_map)
    ours = load_our_posts() if (labels, risks) == (LABELS, RISK_LABELS) else []
    given = {same_text(text) for text in posts.texts}
    target = target_of(output)
    known = Known.of(found, device=device, batch_size=batch_size)
    job = Job(
        base=found,
        labels=labels,
        risk_labels=risks,
        posts=posts,
        replay=[post.example(labels) for post in ours if post.part == "replay"],
        old=[post for post in ours if post.part == "old" and same_text(post.text) not in given],
        natural=[text for text in ordinary if same_text(text) not in given],
        seed=seed,
        work=target.with_name(f".{target.name}.finetuning"),
        device=device,
        batch_size=batch_size,
        known=known,
        quick=quick,
    )
    if quick:
        _check_quick(job)
    if known is None:
        return job
    if job.keeps_labels and job.replay:
        job = replace(job, replay=known.answers([example.text for example in job.replay]))
    return replace(job, directions=known.directions(posts.texts))


def _check_quick(job: Job) -> None:
    """Refuse a quick run where nothing would learn.

    Raises:
        InputError: the labels are not the base's, or its decisions use no further experts.
    """
    if not job.keeps_labels:
        raise InputError(
            "a quick run keeps the labels of its base, and these are others: leave out --quick"
        )
    stacker = job.manifest.stacker
    if stacker is None or not {"ngrams", "neighbours"} <= {*stacker.experts}:
        raise InputError(
            f"the base {job.base.directory} has no n-gram expert and no neighbours, which are what "
            "a quick run trains: leave out --quick, or choose another base"
        )
