"""The report of a fine-tuning: figures before and after, the verdict, and warnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

import riskclf
from riskclf.evaluation.collecting import Coded, Predictions
from riskclf.evaluation.scored import ScoredRows
from riskclf.finetuning import gate
from riskclf.finetuning.data import LabelledPosts
from riskclf.finetuning.figures import NewWords, Part, Report, Split, TrainedOn
from riskclf.finetuning.folds import HeldOut
from riskclf.finetuning.job import FALLBACK, Job
from riskclf.finetuning.tasks import Example
from riskclf.finetuning.vocabulary import content_words
from riskclf.finetuning.wording import reason
from riskclf.labels import Prediction
from riskclf.language import current, ngettext, pgettext
from riskclf.language import gettext as _
from riskclf.manifest import Manifest
from riskclf.tables import text_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Predict", "measure", "scored_rows"]

Predict = Callable[[Sequence[str]], list[Prediction]]
"""Predictions of posts, in their order."""

_FEW = 30
"""Fewer risky or fewer benign posts than this deserve a warning."""


def measure(
    job: Job,
    manifest: Manifest,
    held_out: HeldOut,
    predict: Predict,
    *,
    split: Split,
    new_words: NewWords,
    accept_regression: bool,
) -> Report:
    """Before and after, and the verdict; see `riskclf.finetuning.gate`.

    Args:
        job: what was fine-tuned.
        manifest: of the new model.
        held_out: predicts the new posts.
        predict: the new model, for all other posts.
        split: of the cross-validation.
        new_words: what became of them.
        accept_regression: accept the model whatever the verdict.
    """
    posts = job.posts
    before = job.known if job.keeps_labels else None
    # Where every post is a group of its own, there are no families.
    grouped = len(np.unique(posts.groups)) < len(posts)

    def part(
        examples: Sequence[Example],
        families: Sequence[str] | None,
        after: Callable[[], list[Prediction]],
    ) -> Part | None:
        if not examples:
            return None
        now = scored_rows(manifest, examples, after(), families)
        if before is None:
            return gate.alone(now)
        was = before.compute([example.text for example in examples]).predictions(job.manifest)
        return gate.paired(scored_rows(manifest, examples, was, families), now)

    new = job.examples(held_out.rows)
    old = [post.example(job.labels) for post in job.old]
    natural = [Example(text, job.benign) for text in job.natural]
    parts = {
        "new": part(
            new,
            [str(posts.groups[row]) for row in held_out.rows] if grouped else None,
            lambda: held_out.computed.predictions(manifest),
        ),
        "old": part(old, [post.family for post in job.old], lambda: predict([x.text for x in old])),
        "natural": part(natural, None, lambda: predict(job.natural)),
    }
    # Without a before there is nothing that could have been lost.
    compared = parts if before is not None else dict.fromkeys(parts)
    verdict = gate.judge(**compared)
    return Report(
        lang=current(),
        riskclf=riskclf.__version__,
        model_before=None if before is None else before.fingerprint,
        accepted=verdict.accepted or accept_regression,
        regression_accepted=accept_regression and not verdict.accepted,
        reasons=tuple(reason(check) for check in verdict.refusing),
        warnings=tuple(_warnings(job, manifest)),
        parts=parts,
        checks=verdict.checks,
        data=TrainedOn(
            posts=len(posts),
            labels=dict(
                sorted(
                    Counter(_kind(job.labels, job.posts.targets[x]) for x in held_out.rows).items()
                )
            ),
            groups=len(np.unique(posts.groups)),
            duplicates=posts.duplicates,
            contradictory=posts.contradictory,
            rejected=len(posts.rejects),
        ),
        split=split,
        new_words=new_words,
        settings=_settings(job),
    )


def _settings(job: Job) -> dict[str, Any]:
    """How it was trained; a quick run trains no transformer, and has no config of that."""
    how = {"seed": job.seed} if job.quick else asdict(job.config(len(job.posts)))
    return {"replay_posts": len(job.replay), "quick": job.quick, **how}


def scored_rows(
    manifest: Manifest,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    families: Sequence[str] | None = None,
) -> ScoredRows:
    """Posts with their targets and predictions, as the figures need them.

    Args:
        manifest: names the labels.
        examples: the posts; one whose target is not all of one label is unclear.
        predictions: one for each of them.
        families: likewise; None takes posts for independent.
    """
    labels = manifest.labels
    targets = np.array([example.target for example in examples])
    kinds = ["" if x.max() > 1 - 1e-6 else _kind(labels, x) for x in targets]
    found = Predictions(labels)
    found.risk_labels = manifest.risk_labels
    for prediction in predictions:
        found.add(prediction)
    return ScoredRows(
        labels=labels,
        number=np.arange(1, len(examples) + 1),
        gold=np.where(targets.max(axis=1) > 1 - 1e-6, targets.argmax(axis=1), -1),
        kind=_coded(kinds),
        text_key=np.array([text_key(example.text) for example in examples], dtype=np.int64),
        family=None if families is None else _coded(families),
        **found.fields(),
    )


def _coded(names: Iterable[str]) -> Coded:
    """A column of names, where an empty one is none."""
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(name, len(numbers)) if name else -1 for name in names]
    return Coded(tuple(numbers), np.array(codes, dtype=np.int64))


def _kind(labels: Sequence[str], target: Iterable[float]) -> str:
    return "+".join(label for label, share in zip(labels, target, strict=True) if share > 0)


def _warnings(job: Job, manifest: Manifest) -> list[str]:
    """What in the posts limits what the figures tell, a sentence each, in the current language."""
    posts, found = job.posts, []
    is_risk = np.isin(job.labels, job.risk_labels)
    shares = np.array(posts.targets)[:, is_risk].sum(axis=1)
    risky, harmless = int((shares > 1 - 1e-9).sum()), int((shares < 1e-9).sum())
    if is_risk.any() and not harmless:
        found.append(
            _(
                "No post is harmless: the model may take every use of the new words for a risk. "
                "Add harmless posts with the same words."
            )
        )
    elif is_risk.any() and not risky:
        found.append(_("No post is risky: the model can only learn to find fewer."))
    elif is_risk.any() and min(risky, harmless) < _FEW:
        few = _(
            "There are only {risky} risky and {harmless} harmless posts: the intervals of the "
            "figures on new posts are wide."
        )
        found.append(few.format(risky=risky, harmless=harmless))
    if is_risk.any() and risky and harmless and (words := _one_sided(posts, shares)):
        one_sided = ngettext(
            "{count} word occurs in three or more risky posts and in no harmless one: add harmless "
            "posts with it, where there are any.",
            "{count} words occur in three or more risky posts and in no harmless one: add harmless "
            "posts with them, where there are any.",
            words,
        )
        found.append(one_sided.format(count=words))
    if posts.contradictory:
        left_out = _("{count} posts were left out: their text occurs twice, with different labels.")
        found.append(left_out.format(count=posts.contradictory))
    if posts.duplicates:
        left_out = ngettext(
            "{count} post was left out: it occurs twice.",
            "{count} posts were left out: they occur twice.",
            posts.duplicates,
        )
        found.append(left_out.format(count=posts.duplicates))
    if alike := len(posts) - len(np.unique(posts.groups)):
        same = ngettext(
            "{count} post is nearly the same as another one, or of its family: they are in the "
            "same fold.",
            "{count} posts are nearly the same as another one, or of its family: they are in the "
            "same fold.",
            alike,
        )
        found.append(same.format(count=alike))
    if missing := [x for i, x in enumerate(job.labels) if not any(t[i] > 0 for t in posts.targets)]:
        labels = pgettext("between two names", " or ").join(missing)
        found.append(_("No post has the label {labels}.").format(labels=labels))
    if not job.keeps_labels and manifest.operating_points:
        found.append(
            _(
                "Temperature and thresholds were fitted on the same held-out posts that they are "
                "measured on (optimistic)."
            )
        )
        if next(iter(manifest.operating_points.values())) == FALLBACK:
            few = _(
                "The posts are too few to choose thresholds: flag is {flag:g} and review "
                "{review:g}."
            )
            found.append(few.format(flag=FALLBACK.flag, review=FALLBACK.review))
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
