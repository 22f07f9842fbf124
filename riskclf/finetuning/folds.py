"""Cross-validation: each post is predicted by a model that was trained without its group.

Groups (posts of a family, or nearly the same) stay in one fold. A fold that is finished is stored
as the outputs of its model, without text, so that an interrupted run does not train it again.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.encoder import Outputs
from riskclf.errors import EvaluationError
from riskclf.files import replacing
from riskclf.finetuning.computed import Computed
from riskclf.finetuning.data import LabelledPosts
from riskclf.finetuning.figures import WordGain
from riskclf.finetuning.job import Job
from riskclf.finetuning.learning import Trainings
from riskclf.finetuning.tasks import Example
from riskclf.finetuning.trainer import fingerprint
from riskclf.tokens import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "Fold",
    "HeldOut",
    "cross_validate",
    "plan",
    "split",
    "word_gain",
]

_FOLDS = 5
_CROSS_VALIDATED = 1000
"""With more posts than this, only one fold is held out."""


_LEAST_SCORE = 1e-9
"""Its logarithm is a number."""


@dataclass(frozen=True)
class Fold:
    """One training of the cross-validation."""

    start: Path
    """Directory of the model it starts from."""
    held: list[int]
    """Rows that are held out."""
    new: list[Example]
    """The other new posts."""
    file: Path
    """Where its outputs are stored once it is finished."""

    @property
    def finished(self) -> bool:
        """An earlier run has trained it."""
        return self.file.is_file()


@dataclass(frozen=True)
class HeldOut:
    """What models that have not seen a post computed for it."""

    rows: list[int]
    """Which posts, in the order of the folds."""
    computed: Computed
    """Of each of them."""


def split(posts: LabelledPosts, seed: int) -> list[list[int]]:
    """The rows that each fold holds out; no group is in two of them.

    Up to five folds, stratified by the likeliest label; of more than 1,000 posts only the first.

    Raises:
        EvaluationError: there are too few posts or groups.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    strata = np.array([int(np.argmax(target)) for target in posts.targets])
    groups = len(np.unique(posts.groups))
    count = min(_FOLDS, groups, int(np.bincount(strata).max()))
    if count < 2:
        raise EvaluationError(
            f"{len(posts)} posts in {groups} groups (of one family, or nearly the same) are too "
            "few to train and measure on: add posts that differ"
        )
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A label with fewer posts than folds is missing in some; the report counts the labels.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(splitter.split(np.zeros(len(posts)), strata, posts.groups))
    folds = [held.tolist() for _, held in splits if len(held)]
    return folds if len(posts) <= _CROSS_VALIDATED else folds[:1]


def plan(job: Job, start: Path, folds: Sequence[Sequence[int]]) -> list[Fold]:
    """The trainings of a cross-validation that starts from the model in `start`."""
    result = []
    for held in map(list, folds):
        new = job.examples(sorted({*range(len(job.posts))} - {*held}))
        run = fingerprint(
            start,
            job.mix(new),
            labels=job.labels,
            config=job.config(len(new)),
            questions=job.questions,
            centre=job.centre,
        )
        before = None if job.known is None else job.known.fingerprint
        rest = repr((job.quick, before, [job.posts.texts[row] for row in held]))
        key = run + hashlib.sha256(rest.encode("utf-8", "backslashreplace")).hexdigest()[:8]
        result.append(Fold(start, held, new, job.work / f"{key}.npz"))
    return result


def cross_validate(job: Job, folds: Sequence[Fold], trainings: Trainings, stage: str) -> HeldOut:
    """Train every fold that is not finished, and give the outputs for all held-out posts."""
    found: list[Outputs] = []
    rows = [row for fold in folds for row in fold.held]
    for number, fold in enumerate(folds, start=1):
        if not fold.finished:
            learned = trainings.learn(fold.start, fold.new, f"{stage} {number}/{len(folds)}")
            texts = [job.posts.texts[row] for row in fold.held]
            _store(fold.file, learned.compute(texts, job.manifest).outputs)
            # Only now are the checkpoints of this fold no longer needed.
            for directory in job.work.iterdir():
                if directory.is_dir() and any(directory.glob("checkpoint-*")):
                    shutil.rmtree(directory)
        with np.load(fold.file) as stored:
            found.append(Outputs(**{name: stored[name] for name in stored.files}))
    # An expert that a fold could not fit (`riskclf.finetuning.learning`) is left out of all.
    together = Outputs.joined(found)
    encodings = Tokenizer.load(folds[0].start).encode_batch([job.posts.texts[row] for row in rows])
    return HeldOut(rows, Computed(encodings, together))


def _store(file: Path, outputs: Outputs) -> None:
    """Numbers only: no text of a post is in the work directory."""
    file.parent.mkdir(parents=True, exist_ok=True)
    columns: dict[str, Any] = outputs.columns
    with replacing(file) as staged, staged.open("wb") as stream:
        np.savez(stream, **columns)


def word_gain(job: Job, without: HeldOut, with_words: HeldOut) -> WordGain:
    """What new words are worth: the cross-entropy on the held-out posts without and with them."""
    targets = np.array([job.posts.targets[row] for row in without.rows])

    def loss(held_out: HeldOut) -> Floats:
        predictions = held_out.computed.predictions(job.manifest)
        scores = np.array([[*prediction.scores.values()] for prediction in predictions])
        losses: Floats = -(targets * np.log(np.maximum(scores, _LEAST_SCORE))).sum(axis=1)
        return losses

    gain = loss(without) - loss(with_words)
    error = float(gain.std(ddof=1) / math.sqrt(len(gain)))
    return WordGain(float(gain.mean()), error, len(gain))
