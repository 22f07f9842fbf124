"""The figures of one model, or of one method, on slang posts and on old ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from riskclf import RiskClassifier
from riskclf.evaluation.metrics import ALARMS, intervals_of, label_figures
from riskclf.evaluation.scored import Classifier, ScoredRows, read_rows
from riskclf.finetuning import gate
from riskclf.finetuning.base import Base
from riskclf.tables import Columns
from training.experiments.predicted import scored_rows
from training.experiments.slang.draws import is_cue_free
from training.posts.post import GATE, Post
from training.posts.post import rows as evaluation_rows
from training.recipe.replay import as_examples

__all__ = ["Bench", "scored"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Bench:
    """What is measured on, and with what."""

    base: Base
    before: RiskClassifier
    new: list[Post]
    old: list[Post]

    @classmethod
    def of(cls, base: Base, new: Sequence[Post], posts: Sequence[Post]) -> Bench:
        """With the base loaded, and those of the gate among `posts` as the old ones."""
        before = RiskClassifier.load(base.directory, device="cpu")
        old = [post for post in posts if post.fold == GATE and post.labelled]
        return cls(base, before, list(new), old)

    @property
    def posts(self) -> list[Post]:
        """The new ones, then the old ones."""
        return [*self.new, *self.old]

    def with_thresholds(self, model: Classifier, first: ScoredRows) -> dict[str, Any]:
        """The figures of a model; `first` are the old posts as the model before scored them."""
        old = scored(self.old, model)
        return {
            "new": _measured(scored(self.new, model), self.new, thresholds=True),
            "old": _measured(old, self.old, thresholds=True) | {"change": _changes(first, old)},
        }

    def by_label(self, scores: Floats) -> dict[str, Any]:
        """The figures of a method from its probabilities of `posts`."""
        parts = {"new": self.new, "old": self.old}
        halves = zip(parts, np.split(scores, [len(self.new)]), strict=True)
        return {
            name: _measured(_recorded(parts[name], half), parts[name], thresholds=False)
            for name, half in halves
        }


def scored(posts: Sequence[Post], model: Classifier) -> ScoredRows:
    """The posts as the model scores them, in their order."""
    rows = list(evaluation_rows(posts))
    return read_rows(rows, model, lambda: model, columns=Columns(), label_map={})[0]


def _recorded(posts: Sequence[Post], scores: Floats) -> ScoredRows:
    """The same for a method without thresholds, from its probabilities of the posts."""

    def never() -> Classifier:
        raise AssertionError("the rows hold their scores")

    return read_rows(
        list(scored_rows(posts, scores)), None, never, columns=Columns(), label_map={}
    )[0]


def _measured(rows: ScoredRows, posts: Sequence[Post], *, thresholds: bool) -> dict[str, Any]:
    """The figures of one run on some posts.

    Args:
        rows: the posts as they were scored, in their order.
        posts: the same.
        thresholds: False leaves out what is decided on thresholds.

    Returns:
        Shares of the risky posts: labelled (with a risk label), and with thresholds found (flag or
        review) and flagged; of the slang ones each also as _cue_free and _with_cues. Shares of the
        benign: wrong (flagged, or with a risk label), and with thresholds flag, reviewed and raised
        (flag or review). right_side: share of the found ones (without thresholds: of those with a
        risk label) whose likelier side is the right one, of the slang ones also as _cue_free and
        _with_cues.
        Then average_precision of the risk, macro_f1, cross_entropy (soft targets too).
    """
    assert len(rows) == len(posts)
    intervals = intervals_of(rows)
    risky, benign = rows.risky, rows.clearly & ~rows.risky
    raised = rows.decision >= ALARMS["flag_or_review"]
    flag = rows.decision >= ALARMS["flag"]

    def share(hits: Flags, of: Flags) -> dict[str, Any]:
        found = intervals.proportion(hits, of).to_dict()
        return {name: found[name] for name in ("hits", "of", "value", "low", "high")}

    groups = {"": risky}
    if any(post.term for post in posts):
        free = np.array([is_cue_free(post) for post in posts])
        groups |= {"_cue_free": risky & free, "_with_cues": risky & ~free}
    is_risk = np.isin(rows.labels, rows.risk_labels)
    side = np.where(is_risk, rows.scores, -1.0).argmax(axis=1)
    result: dict[str, Any] = {}
    for suffix, group in groups.items():
        result[f"labelled{suffix}"] = share(rows.predicted_risky, group)
        if thresholds:
            result[f"found{suffix}"] = share(raised, group)
            result[f"flagged{suffix}"] = share(flag, group)
        shown = raised if thresholds else rows.predicted_risky
        result[f"right_side{suffix}"] = share(side == rows.gold, group & shown)
    result["wrong"] = share(flag | rows.predicted_risky, benign)
    if thresholds:
        result["flag"] = share(flag, benign)
        result["reviewed"] = share(raised & ~flag, benign)
        result["raised"] = share(raised, benign)
    hard = rows.clearly
    result["average_precision"] = float(average_precision_score(risky[hard], rows.risk[hard]))
    labels = label_figures(rows.labels, rows.gold, rows.predicted, rows.weight, intervals)
    result["macro_f1"] = labels.macro.f1.to_dict()
    targets = np.array([example.target for example in as_examples(posts)])
    logs = np.log(np.clip(rows.scores, 1e-12, None))
    result["cross_entropy"] = float(-(targets * logs).sum(axis=1).mean())
    return result


def _changes(before: ScoredRows, after: ScoredRows) -> dict[str, Any]:
    """Paired differences, after minus before, see `riskclf.finetuning.gate.paired`."""
    found = gate.paired(before, after)
    flag, either = found.alarms["flag"], found.alarms["flag_or_review"]
    changes = {
        "found": either.recall,
        "flag": flag.false_positive_rate,
        "raised": either.false_positive_rate,
        "macro_f1": found.macro_f1,
    }
    return {name: x.difference and x.difference.to_dict() for name, x in changes.items()}
