"""The report of a fine-tuning: figures before and after, the verdict, and warnings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import riskclf
from riskclf.artifact import Artifact, Card
from riskclf.classifier import RiskClassifier
from riskclf.evaluation.scored import Classifier, Columns, ScoredRows, read_rows
from riskclf.finetuning import gate
from riskclf.finetuning.data import LabelledPosts
from riskclf.finetuning.figures import NewWords, Part, Report, Split, TrainedOn
from riskclf.finetuning.folds import HeldOut, encoder_of
from riskclf.finetuning.job import Job
from riskclf.finetuning.manifest import FALLBACK
from riskclf.finetuning.report import reason
from riskclf.finetuning.vocabulary import content_words
from riskclf.labels import Prediction
from riskclf.tokens import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["measure"]

_FEW = 30
"""Fewer risky or fewer benign posts than this deserve a warning."""


class _Replay:
    """Takes the place of an encoder: gives logits that were computed before, in their order.

    They are those that a classifier asks for: of windows, or without risk labels of heads.
    """

    batch_size = 64

    def __init__(self, logits: Sequence[Floats]) -> None:
        self._rows = iter(np.concatenate(logits))

    def logits(self, sequences: Sequence[Sequence[int]]) -> Floats:
        return np.array([next(self._rows) for _ in sequences])


@dataclass(frozen=True)
class _Unsaved:
    """A model in memory, as `riskclf.evaluation.scored` asks for it."""

    directory: Path
    """Of the tokenizer."""
    card: Card
    encoder: Any

    @property
    def labels(self) -> tuple[str, ...]:
        return self.card.labels

    def info(self) -> dict[str, Any]:
        return {"saved_as": {"risk_labels": list(self.card.risk_labels)}}

    def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
        tokenizer = Tokenizer.load(self.directory)
        loaded = Artifact(self.directory, self.card, tokenizer, self.encoder, {})
        return RiskClassifier(loaded).stream(posts)


def measure(
    job: Job,
    start: Path,
    card: Card,
    held_out: HeldOut,
    model: Any,
    *,
    split: Split,
    new_words: NewWords,
    accept_regression: bool,
) -> Report:
    """Before and after, and the verdict; see `riskclf.finetuning.gate`.

    Args:
        job: what was fine-tuned.
        start: directory of the model that the training started from.
        card: of the new model.
        held_out: predicts the new posts.
        model: predicts all others.
        split: of the cross-validation.
        new_words: what became of them.
        accept_regression: accept the model whatever the verdict.
    """
    rows = held_out.rows
    groups = job.posts.groups
    # Where every post is a group of its own, there are no families.
    grouped = len(np.unique(groups)) < len(groups)
    new = [
        {
            "text": job.posts.texts[row],
            "label": job.posts.labels[row],
            "family": str(groups[row]) if grouped else None,
        }
        for row in rows
    ]
    old = [
        {"text": post.text, "label": json.dumps(dict(post.target)), "family": post.family}
        for post in job.old
    ]
    harmless = next(label for label in job.labels if label not in job.risk_labels)
    natural = [{"text": text, "label": harmless} for text in job.natural]
    before = None
    if job.keeps_labels:
        before = RiskClassifier.load(
            job.base.directory, device=job.device, batch_size=job.batch_size
        )
    after = _Unsaved(start, card, encoder_of(job, model, Tokenizer.load(start)))
    logits = [x[1:] if job.risk_labels else x[:1] for x in held_out.logits]
    parts = {
        "new": _part(new, before, _Unsaved(start, card, _Replay(logits))),
        "old": _part(old, before, after) if old else None,
        "natural": _part(natural, before, after) if natural else None,
    }
    # Without a before there is nothing that could have been lost.
    compared = parts if before is not None else dict.fromkeys(parts)
    verdict = gate.judge(**compared)
    return Report(
        riskclf=riskclf.__version__,
        model_before=None if before is None else before.fingerprint,
        accepted=verdict.accepted or accept_regression,
        regression_accepted=accept_regression and not verdict.accepted,
        reasons=tuple(reason(check) for check in verdict.refusing),
        warnings=tuple(_warnings(job, card)),
        parts=parts,
        checks=verdict.checks,
        data=TrainedOn(
            posts=len(job.posts),
            labels=dict(sorted(Counter(map(_kind, new)).items())),
            groups=len(np.unique(groups)),
            duplicates=job.posts.duplicates,
            contradictory=job.posts.contradictory,
            rejected=len(job.posts.rejects),
        ),
        split=split,
        new_words=new_words,
        settings={"replay_posts": len(job.replay), **asdict(job.config(len(job.posts)))},
    )


def _part(rows: Sequence[Mapping[str, Any]], before: Classifier | None, after: Classifier) -> Part:
    now = _scored(rows, after)
    return gate.alone(now) if before is None else gate.paired(_scored(rows, before), now)


def _scored(rows: Sequence[Mapping[str, Any]], model: Classifier) -> ScoredRows:
    return read_rows(rows, model, lambda: model, columns=Columns(), label_map={})[0]


def _kind(row: Mapping[str, Any]) -> str:
    label = str(row["label"])
    return "+".join(json.loads(label)) if label.startswith("{") else label


def _warnings(job: Job, card: Card) -> list[str]:
    """What in the posts limits what the figures tell, one sentence each."""
    posts, found = job.posts, []
    is_risk = np.isin(job.labels, job.risk_labels)
    shares = np.array(posts.targets)[:, is_risk].sum(axis=1)
    risky, harmless = int((shares > 1 - 1e-9).sum()), int((shares < 1e-9).sum())
    if is_risk.any() and not harmless:
        found.append(
            "No post is harmless: the model may take every use of the new words for a risk. Add "
            "harmless posts with the same words."
        )
    elif is_risk.any() and not risky:
        found.append("No post is risky: the model can only learn to find fewer.")
    elif is_risk.any() and min(risky, harmless) < _FEW:
        found.append(
            f"There are only {risky} risky and {harmless} harmless posts: the intervals of the "
            "figures on new posts are wide."
        )
    if is_risk.any() and risky and harmless and (words := _one_sided(posts, shares)):
        found.append(
            f"{words} words occur in three or more risky posts and in no harmless one: add "
            "harmless posts with them, where there are any."
        )
    if posts.contradictory:
        found.append(
            f"{posts.contradictory} posts were left out: their text occurs twice, with different "
            "labels."
        )
    if posts.duplicates:
        found.append(f"{posts.duplicates} posts were left out: they occur twice.")
    if alike := len(posts) - len(np.unique(posts.groups)):
        found.append(
            f"{alike} posts are nearly the same as another one, or of its family: they are in the "
            "same fold."
        )
    if missing := [x for i, x in enumerate(job.labels) if not any(t[i] > 0 for t in posts.targets)]:
        found.append(f"No post has the label {' or '.join(missing)}.")
    if not job.keeps_labels and card.operating_points:
        found.append(
            "Temperature and thresholds were fitted on the same held-out posts that they are "
            "measured on (optimistic)."
        )
        if next(iter(card.operating_points.values())) == FALLBACK:
            found.append(
                "The posts are too few to choose thresholds: "
                f"flag is {FALLBACK.flag:g} and review {FALLBACK.review:g}."
            )
    return found


def _one_sided(posts: LabelledPosts, shares: Floats) -> int:
    """How many content words occur in three or more risky posts and in no harmless one."""
    risky: Counter[str] = Counter()
    harmless: set[str] = set()
    for text, share in zip(posts.texts, shares.tolist(), strict=True):
        words = content_words(text)
        if share > 1 - 1e-9:
            risky.update(words)
        elif share < 1e-9:
            harmless |= words
    return sum(count >= 3 and word not in harmless for word, count in risky.items())
