"""Is a fine-tuned model accepted? It is compared with the model before, on the same posts.

There are three parts: `new` (the user's new posts, held out), `old` (our own posts of families that
are kept for this) and `natural` (ordinary posts of the user, all taken for benign). **The model is
refused** when, on one of them,

- recall at flag or review falls (`old`, `new`),
- false positives at flag, or at flag or review, rise (`old`, `natural`),
- the share of risky posts on the wrong side rises (`old`), or
- macro-F1 of the labels falls (`old`),

by more than 3 points, or by so much that the paired 95 % interval leaves out "no loss". It is never
refused for a single flip: the texts that became wrong must outnumber those that became right by 2
or more. Two figures refuse by their interval alone, since they move a little with every training:
recall at flag (`old`; a post that is reviewed instead of flagged is still seen) and macro-F1 (where
2 texts or more must have become wrong). More false positives on `new` are reported, not judged:
recall on the new posts is the aim, and its cost shows on ordinary posts.

**The side** of a post is its likelier risk label, whatever its risk. The share is taken of all
risky posts, so a model cannot lower it by finding more of them, or fewer.

**Which test decides.** The interval (`riskclf.evaluation.intervals`), since it takes families and
weights into account. The p-value of McNemar's exact test, by families where there are any, is a
cross-check and is in every reason. The two differ where few posts changed: the interval leaves out
0 from 4 posts lost (of as many families) and none won, the exact test from 6. Requiring both would
miss more real losses; a user can overrule a wrong refusal, but does not see a wrong acceptance.

**What it costs.** The limit of 3 points ignores chance: with few risky posts, it sometimes refuses
a model that is no worse. A reason says of how many families the lost posts are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from riskclf.errors import EvaluationError
from riskclf.evaluation.figures import Estimate
from riskclf.evaluation.intervals import Intervals, mcnemar
from riskclf.evaluation.metrics import (
    ALARMS,
    counts_of,
    intervals_of,
    label_figures,
    macro_f1_difference,
)
from riskclf.evaluation.scored import ScoredRows
from riskclf.finetuning.figures import AlarmChanges, Change, Check, Flips, Part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

__all__ = ["LEAST_POSTS", "LIMIT", "Verdict", "alone", "judge", "paired"]

LIMIT = 0.03
"""A loss of more than this share refuses the model."""

LEAST_POSTS = 2
"""Fewer posts, net, refuse nothing."""

_ROUNDING = 1e-9
"""Shares are sums of floats: 0.40 - 0.37 is a little more than 0.03."""

_CHECKS = (
    ("old", "recall", "flag_or_review"),
    ("old", "recall", "flag"),
    ("old", "false_positive_rate", "flag"),
    ("old", "false_positive_rate", "flag_or_review"),
    ("old", "wrong_side", None),
    ("old", "macro_f1", None),
    ("natural", "false_positive_rate", "flag"),
    ("natural", "false_positive_rate", "flag_or_review"),
    ("new", "recall", "flag_or_review"),
)

_BY_INTERVAL_ONLY = {("recall", "flag"), ("macro_f1", None)}
_MORE_IS_BETTER = {"recall", "macro_f1"}


@dataclass(frozen=True)
class Verdict:
    """What the figures say of a fine-tuned model."""

    checks: tuple[Check, ...]

    @property
    def refusing(self) -> tuple[Check, ...]:
        """The checks that it does not pass."""
        return tuple(check for check in self.checks if check.refused_by)

    @property
    def accepted(self) -> bool:
        """It passes all of them."""
        return not self.refusing


# Figures -----------------------------------------------------------------------------------------


def paired(before: ScoredRows, after: ScoredRows) -> Part:
    """The figures of two models on the same posts, and how they differ.

    Args:
        before: the posts as the first model scored them.
        after: the same posts in the same order, as the second one did. Weights and families are
            taken from these; `text_key` must tell texts apart.

    Raises:
        EvaluationError: the rows are not the same posts.
    """
    same = (
        before.labels == after.labels
        and before.risk_labels == after.risk_labels
        and np.array_equal(before.gold, after.gold)
        and np.array_equal(before.text_key, after.text_key)
    )
    if not same:
        raise EvaluationError(
            "before and after are not the same posts with the same labels; score the same rows "
            "with both models"
        )
    return _part(after, replace(before, weight=after.weight, family=after.family))


def alone(after: ScoredRows) -> Part:
    """The figures of a model where there is none before: every before and difference is None."""
    return _part(after, None)


def _part(after: ScoredRows, before: ScoredRows | None) -> Part:
    intervals = intervals_of(after)
    risky, benign = after.risky, after.clearly & ~after.risky

    def share(was: Flags | None, now: Flags, of: Flags, *, bad: bool | None = None) -> Change:
        """Of the rows `of`; `bad` says whether more is worse, and None leaves flips out."""
        if was is None:
            return Change(None, intervals.proportion(now, of), None)
        flips = None
        if bad is not None:
            won, lost = (was & ~now, now & ~was) if bad else (now & ~was, was & ~now)
            flips = _flips(after, won & of, lost & of, of)
        return Change(
            intervals.proportion(was, of),
            intervals.proportion(now, of),
            intervals.share_difference((now, of), (was, of)),
            flips,
        )

    def alarm_changes(lowest: int) -> AlarmChanges:
        now = after.decision >= lowest
        was = None if before is None else before.decision >= lowest
        precision = Change(None, intervals.proportion(risky, now & after.clearly), None)
        if was is not None:
            right = (risky, now & after.clearly), (risky, was & after.clearly)
            precision = replace(
                precision,
                before=intervals.proportion(*right[1]),
                difference=intervals.share_difference(*right),
            )
        return AlarmChanges(
            recall=share(was, now, risky, bad=False),
            precision=precision,
            false_positive_rate=share(was, now, benign, bad=True),
            recall_of={
                label: share(was, now, after.gold == after.labels.index(label))
                for label in after.risk_labels
            },
        )

    wrong_side = None
    if len(after.risk_labels) > 1:
        before_wrong = None if before is None else _side(before) != before.gold
        wrong_side = share(before_wrong, _side(after) != after.gold, risky, bad=True)
    return Part(
        counts=counts_of(after, intervals),
        risk_labels=after.risk_labels,
        alarms={name: alarm_changes(lowest) for name, lowest in ALARMS.items()},
        macro_f1=_macro_f1(intervals, after, before),
        wrong_side=wrong_side,
    )


def _side(rows: ScoredRows) -> NDArray[np.int64]:
    """Index of each post's likelier risk label, whatever its risk."""
    risks = np.array([rows.labels.index(label) for label in rows.risk_labels])
    sides: NDArray[np.int64] = risks[rows.scores[:, risks].argmax(axis=1)]
    return sides


def _macro_f1(intervals: Intervals, after: ScoredRows, before: ScoredRows | None) -> Change:
    def figure(rows: ScoredRows) -> Estimate:
        found = label_figures(rows.labels, rows.gold, rows.predicted, rows.weight, intervals)
        return found.macro.f1

    if before is None:
        return Change(None, figure(after), None)
    hard = after.clearly
    was, now = before.predicted == before.gold, after.predicted == after.gold
    return Change(
        figure(before),
        figure(after),
        macro_f1_difference(after, after.predicted, before.predicted, intervals),
        _flips(after, now & ~was & hard, was & ~now & hard, hard),
    )


def _flips(rows: ScoredRows, won: Flags, lost: Flags, of: Flags) -> Flips:
    family = None if rows.family is None else rows.family.grouped()
    texts = [len(np.unique(rows.text_key[chosen])) for chosen in (won, lost)]
    families = [None if family is None else len(np.unique(family[x])) for x in (won, lost)]
    return Flips(
        won=int(won.sum()),
        lost=int(lost.sum()),
        lost_texts=texts[1],
        net=texts[1] - texts[0],
        won_families=families[0],
        lost_families=families[1],
        p_value=mcnemar(won[of], lost[of], None if family is None else family[of]).p_value,
    )


# Verdict -----------------------------------------------------------------------------------------


def judge(old: Part | None, natural: Part | None, new: Part | None) -> Verdict:
    """The verdict on what `paired` found; the rule is in the module's documentation.

    Args:
        old: our own posts; None where there are none.
        natural: ordinary posts of the user; likewise.
        new: the user's new posts; likewise, and of `alone` where there is no model before.

    Returns:
        A figure that is not measured (no such posts, nothing before) refuses nothing.
    """
    return Verdict(tuple(_checks({"old": old, "natural": natural, "new": new})))


def _checks(parts: Mapping[str, Part | None]) -> Iterator[Check]:
    for name, figure, alarm in _CHECKS:
        part = parts[name]
        if part is None:
            continue
        change = getattr(part if alarm is None else part.alarms[alarm], figure)
        if change is None:  # fewer than two risk labels have no sides
            continue
        check = Check(name, figure, alarm)
        if _is_measured(change):
            by = _refused_by(check, change)
            check = replace(check, change=change, refused_by=by, weighted=part.counts.weighted)
        yield check


def _is_measured(change: Change) -> bool:
    return change.difference is not None and change.difference.value is not None


def _refused_by(check: Check, change: Change) -> tuple[str, ...]:
    difference, flips = change.difference, change.flips
    assert difference is not None and flips is not None
    assert difference.value is not None
    assert difference.low is not None and difference.high is not None
    loss, least = difference.value, difference.low
    if check.figure in _MORE_IS_BETTER:
        loss, least = -difference.value, -difference.high
    # Macro-F1 can fall though as many posts became right as wrong: they weigh differently.
    enough = flips.lost_texts if check.figure == "macro_f1" else flips.net
    if enough < LEAST_POSTS:
        return ()
    by = []
    if loss > LIMIT + _ROUNDING and (check.figure, check.alarm) not in _BY_INTERVAL_ONLY:
        by.append("points")
    if least > _ROUNDING:
        by.append("interval")
    return tuple(by)
