"""One training of every expert: the transformer, the n-grams and the neighbours.

Each fold of the cross-validation and the final model are trained here. A quick run differs in one
step only: its transformer is that of the base, as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from riskclf.aspects import Heads
from riskclf.decide import windows_read
from riskclf.encoder import Engine
from riskclf.engines.pytorch import PytorchEngine
from riskclf.experts import NO_EXPERTS, Experts
from riskclf.finetuning.computed import Computed, computed_by
from riskclf.finetuning.job import Job, is_clear
from riskclf.finetuning.ngrams import fit_ngrams
from riskclf.finetuning.tasks import Example
from riskclf.finetuning.trainer import seconds_per_step, train_classifier
from riskclf.language import gettext as _
from riskclf.language import ngettext
from riskclf.manifest import Manifest
from riskclf.neighbours import Neighbours, unit
from riskclf.ngrams import Ngrams
from riskclf.progress import Callback
from riskclf.tokens import Tokenizer

__all__ = ["Learned", "Trainings"]


@dataclass(frozen=True)
class Learned:
    """A trained model that is not saved yet."""

    model: Any
    """The sequence classifier of transformers."""
    heads: Heads | None
    """Of all questions of the base together; None where there are none."""
    experts: Experts
    engine: Engine
    """Computes the model."""
    tokenizer: Tokenizer

    def compute(self, texts: Sequence[str], manifest: Manifest) -> Computed:
        """What the model computes for posts; `manifest` says which windows are read."""
        return computed_by(self.engine, self.tokenizer, texts, manifest, experts=self.experts)

    def with_experts(self, names: Collection[str]) -> Learned:
        """The same with these experts only; see `riskclf.stacker.EXPERTS`."""
        kept = Experts(
            self.experts.ngrams if "ngrams" in names else None,
            self.experts.neighbours if "neighbours" in names else None,
        )
        return replace(self, experts=kept)


class Trainings:
    """Trains the models of a job and tells how far all of them together are."""

    def __init__(self, job: Job, sizes: Sequence[int], show: Callback) -> None:
        """
        Args:
            job: what to train on.
            sizes: numbers of new posts of the trainings that are to come.
            show: is told the stage, and the steps of all trainings together.
        """
        self._job, self._show, self._count = job, show, len(sizes)
        self._done = 0
        self._total = sum(self._steps(size) for size in sizes)

    def estimate(self, start: Path) -> None:
        """Tell how many minutes the trainings will take, from the time of one step.

        Nothing is told of a quick run, which takes no such steps.
        """
        job, new = self._job, self._job.examples()
        if job.quick:
            return
        seconds = self._total * seconds_per_step(
            start,
            job.mix(new),
            labels=job.labels,
            config=job.config(len(new)),
            questions=job.questions,
            centre=job.centre,
            device=job.device,
        )
        minutes = max(1, round(seconds / 60))
        about = ngettext("about {count:,} minute", "about {count:,} minutes", minutes)
        trainings = ngettext("{count:,} training", "{count:,} trainings", self._count)
        message = _("{about} ({trainings})").format(
            about=about.format(count=minutes), trainings=trainings.format(count=self._count)
        )
        self._show(message, 0, 0)

    def learn(self, start: Path, new: Sequence[Example], stage: str) -> Learned:
        """One model, from these new posts and the replay set.

        Args:
            start: directory of the transformer that the training starts from.
            new: posts of the user.
            stage: what to tell of it.
        """
        self._show(stage, self._done, self._total)
        learned = self._transformer(start, new, stage)
        self._done += self._steps(len(new))
        return replace(
            learned,
            experts=Experts(
                _ngrams(self._job, learned.tokenizer, new), _neighbours(self._job, learned, new)
            ),
        )

    def _transformer(self, start: Path, new: Sequence[Example], stage: str) -> Learned:
        job = self._job
        if job.quick:
            known = job.known
            assert known is not None
            return Learned(known.model, known.heads, NO_EXPERTS, known.engine, known.tokenizer)

        def show(_stage: str, done: int, total: int | None) -> None:
            self._show(stage, self._done + done, self._total)

        trained = train_classifier(
            start,
            job.mix(new),
            labels=job.labels,
            checkpoints=job.work,
            config=job.config(len(new)),
            questions=job.questions,
            heads=job.known.heads if job.known is not None and job.questions else None,
            centre=job.centre,
            device=job.device,
            progress=show,
        )
        tokenizer = Tokenizer.load(start)
        engine = PytorchEngine(
            trained.model, pad_id=tokenizer.pad_id, device=job.device, batch_size=job.batch_size
        )
        return Learned(trained.model, trained.heads, NO_EXPERTS, engine, tokenizer)

    def _steps(self, new: int) -> int:
        if self._job.quick:
            return 1
        examples = len(self._job.mix(self._job.examples(range(new))))
        return self._job.config(new).steps(examples)


def _ngrams(job: Job, tokenizer: Tokenizer, new: Sequence[Example]) -> Ngrams | None:
    """The base's n-gram expert with the new posts, or for new labels one of its own."""
    before = job.known.experts.ngrams if job.known is not None and job.keeps_labels else None
    if before is None and not job.fits_new_experts:
        return None
    mix = job.mix(new)
    windows = [encoding.head for encoding in tokenizer.encode_batch([x.text for x in mix])]
    targets = np.array([x.target for x in mix], dtype=np.float64)
    return fit_ngrams(windows, targets, np.ones(len(mix)), start=before)


def _neighbours(job: Job, learned: Learned, new: Sequence[Example]) -> Neighbours | None:
    """The base's neighbours and the new posts, or for new labels the new posts alone."""
    before = job.known.experts.neighbours if job.known is not None and job.keeps_labels else None
    if before is None and not job.fits_new_experts:
        return None
    # A long post says many things, and an unclear one is near to no label.
    encodings = learned.tokenizer.encode_batch([x.text for x in new])
    short = [len(windows) == 1 for windows in windows_read(encodings, job.manifest)]
    targets = np.array([x.target for x in new], dtype=np.float64)
    rows = np.flatnonzero(is_clear(targets) & np.array(short))
    labels = targets[rows].argmax(axis=1).tolist()
    sentence = learned.engine.compute([encodings[row].head.ids for row in rows]).sentence
    if before is not None:
        return before.with_posts(sentence, labels)
    if {*labels} != {*range(len(job.labels))}:
        return None  # a fold may hold out all posts of a label
    return Neighbours.of(sentence, labels, [""] * len(rows), unit(sentence).mean(axis=0))
