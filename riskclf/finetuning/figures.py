"""Every figure of a fine-tuning, as a frozen dataclass; `to_dict` gives the JSON that is stored.

Parts of it are those of `riskclf.evaluation.figures`. No figure holds text of a post.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from riskclf.evaluation.figures import Counts, Estimate, Proportion
from riskclf.evaluation.plain import FLAT, OPTIONAL, Figure

__all__ = [
    "AlarmChanges",
    "Change",
    "Check",
    "Flips",
    "NewWords",
    "Part",
    "Report",
    "Split",
    "TrainedOn",
    "WordGain",
]


@dataclass(frozen=True)
class Flips(Figure):
    """How many posts became right (won) and wrong (lost)."""

    won: int
    lost: int
    lost_texts: int
    """Lost posts with the same text count once."""
    net: int
    """Texts lost minus texts won."""
    won_families: int | None
    """None where rows name no families."""
    lost_families: int | None
    p_value: float
    """p-value of McNemar's exact test, by families if there are any."""


@dataclass(frozen=True)
class Change(Figure):
    """A figure before and after; before and difference are None without a model before."""

    before: Proportion | Estimate | None
    after: Proportion | Estimate
    difference: Estimate | None
    """After minus before, paired."""
    flips: Flips | None = field(default=None, metadata=OPTIONAL | FLAT)


@dataclass(frozen=True)
class AlarmChanges(Figure):
    """Figures of an alarm, before and after the fine-tuning."""

    recall: Change
    """Of the risky posts, those with an alarm."""
    precision: Change
    """Of the alarms that are not unclear posts, the risky ones."""
    false_positive_rate: Change
    """Of the benign posts, those with an alarm."""
    recall_of: Mapping[str, Change]
    """Recall of each risk label."""


@dataclass(frozen=True)
class Part(Figure):
    """Two models on the same posts, or one alone."""

    counts: Counts
    risk_labels: Sequence[str]
    alarms: Mapping[str, AlarmChanges]
    """By alarm: `flag`, `flag_or_review`."""
    macro_f1: Change
    """Macro-F1 over all labels."""
    wrong_side: Change | None
    """Of the risky posts, those whose likelier risk label is the wrong one; None where there are
    fewer than two risk labels."""

    @property
    def has_before(self) -> bool:
        """There is a model before to compare with."""
        return self.macro_f1.before is not None


@dataclass(frozen=True)
class Check(Figure):
    """One question that the gate asks; see `riskclf.finetuning.gate`."""

    part: str
    """`new`, `old` or `natural`."""
    figure: str
    """`recall`, `false_positive_rate`, `wrong_side` or `macro_f1`."""
    alarm: str | None
    """`flag` or `flag_or_review`; None for the other figures."""
    change: Change | None = field(default=None, metadata=OPTIONAL | FLAT)
    """None if nothing could be measured."""
    refused_by: Sequence[str] = ()
    """`points`: the loss exceeds the limit; `interval`: all of the interval is a loss."""
    weighted: bool = False


@dataclass(frozen=True)
class TrainedOn(Figure):
    """The posts that the model was trained on."""

    posts: int
    labels: Mapping[str, int]
    """Numbers of posts; an unclear one counts under its labels joined by +."""
    groups: int
    """Posts of one family, or nearly the same, are one group."""
    duplicates: int
    contradictory: int
    rejected: int


@dataclass(frozen=True)
class Split(Figure):
    """The cross-validation."""

    folds: int
    held_out: int
    """Number of posts judged in it."""


@dataclass(frozen=True)
class WordGain(Figure):
    """How much new words help on held-out posts."""

    gain: float
    """Mean cross-entropy without them minus with them, in nats."""
    standard_error: float
    posts: int

    @property
    def helps(self) -> bool:
        """The gain is more than its standard error."""
        return self.gain > self.standard_error


@dataclass(frozen=True)
class NewWords(Figure):
    """Words that became tokens."""

    added: int
    compared: WordGain | None
    """None where there were none to add, or nobody asked."""


@dataclass(frozen=True, kw_only=True)
class Report(Figure):
    """The report of a fine-tuning; finetuning.json holds the same."""

    lang: str = "en"
    """Language of the report, of `reasons` and of `warnings`."""
    riskclf: str
    """Version of the library."""
    model_before: str | None
    """Its fingerprint; None where it has other labels."""
    accepted: bool
    regression_accepted: bool
    """The gate refused the model, and the user accepted it."""
    reasons: Sequence[str]
    """Why the gate refused it, a sentence each; empty where it did not."""
    warnings: Sequence[str]
    """Why the figures say less than they seem to, a sentence each."""
    parts: Mapping[str, Part | None]
    """`new`, `old` and `natural`; None where there are no such posts."""
    checks: Sequence[Check]
    data: TrainedOn
    split: Split
    new_words: NewWords
    settings: Mapping[str, Any]
    """`replay_posts`, `quick`, and the training config or, of a quick run, its `seed`."""
