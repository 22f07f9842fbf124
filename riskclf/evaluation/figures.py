"""Every figure of an evaluation, as a frozen dataclass; `to_dict` gives the JSON of report.json.

A share is between 0 and 1; `low` and `high` end a 95 % interval (`riskclf.evaluation.intervals`).
None is what the rows do not determine. No figure holds text of a post.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from riskclf.evaluation.plain import FLAT, OPTIONAL, Figure

__all__ = [
    "AlarmFigures",
    "Areas",
    "Bin",
    "Calibration",
    "Comparison",
    "Confusion",
    "Counts",
    "Curve",
    "DataFigures",
    "Differences",
    "Estimate",
    "Expected",
    "Figure",
    "Figures",
    "FirstPosts",
    "LabelFigures",
    "Labelling",
    "Macro",
    "ModelFigures",
    "PairedEstimate",
    "PairedTest",
    "PairedTests",
    "Proportion",
    "RowFigures",
    "Size",
    "Slice",
    "StreamFigures",
    "Threshold",
    "Unclear",
    "UnclearShares",
]


@dataclass(frozen=True)
class Estimate(Figure):
    """A figure with its interval; each is None where the rows do not determine it."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Proportion(Figure):
    """A share of rows with its interval; `hits` and `of` are numbers of rows."""

    hits: int
    of: int
    value: float | None
    """The share, weighted where rows have weights; None without rows."""
    low: float
    high: float
    effective: float
    """How many independent rows would tell as much."""
    families: int | None = field(default=None, metadata=OPTIONAL)
    """Of the rows; None where these name no families."""


@dataclass(frozen=True)
class Counts(Figure):
    """Numbers of rows, and of families (None where rows name none)."""

    rows: int
    clear_cut: int
    """Rows with one right label: risky and benign ones."""
    risky: int
    benign: int
    unclear: int
    families: int | None
    weighted: bool


@dataclass(frozen=True)
class LabelFigures(Figure):
    """How well one label is given."""

    precision: Proportion
    recall: Proportion
    f1: Estimate
    """0 for a label that is never right, as in scikit-learn."""
    support: int


@dataclass(frozen=True)
class Macro(Figure):
    """Plain means over the labels."""

    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True)
class Confusion(Figure):
    """Numbers of rows by right label and given label."""

    labels: Sequence[str]
    counts: Sequence[Sequence[int]]
    """One row for each right label, one column for each given label."""


@dataclass(frozen=True, kw_only=True)
class Labelling(Figure):
    """How well labels are given; see `riskclf.evaluation.metrics.label_figures`."""

    labels: Mapping[str, LabelFigures]
    macro: Macro
    accuracy: Proportion
    confusion: Confusion


@dataclass(frozen=True)
class AlarmFigures(Figure):
    """What happens when certain posts are shown to a person."""

    precision: Proportion
    """Of the alarms that are not unclear posts, the risky ones."""
    recall: Proportion
    """Of the risky posts, those with an alarm."""
    recall_of: Mapping[str, Proportion]
    false_positive_rate: Proportion
    """Of the benign posts, those with an alarm."""
    workload: Proportion
    """Of all posts, unclear ones included, those with an alarm."""
    unclear_alarms: int
    """How many alarms are unclear posts."""
    precision_at_prevalence: Estimate | None = field(default=None, metadata=OPTIONAL)
    """Precision at the stream's prevalence; None where that is not given."""


@dataclass(frozen=True)
class Areas(Figure):
    """Average precision and area under the ROC curve; None where there is one class only."""

    pr: float | None
    roc: float | None


@dataclass(frozen=True)
class UnclearShares(Figure):
    """How many unclear posts are shown to a person."""

    flag: Proportion
    flag_or_review: Proportion


@dataclass(frozen=True)
class Unclear(Figure):
    """The same for all of them, and by what they may be (see `ScoredRows.kind`)."""

    all: UnclearShares
    kinds: Mapping[str, UnclearShares]


@dataclass(frozen=True)
class Bin(Figure):
    """The rows whose risk lies between two values, and how many of them are risky."""

    start: float = field(metadata={"key": "from"})
    end: float = field(metadata={"key": "to"})
    risk: float
    """Mean risk of the rows."""
    share: Proportion = field(metadata=FLAT)
    """Risky rows."""


@dataclass(frozen=True)
class Calibration(Figure):
    """Expected calibration error (ece) and Brier score; see `riskclf.evaluation.reliability`."""

    bins: Sequence[Bin]
    ece: float | None
    ece_p_value: float | None
    """How often calibrated risks would give an error as large."""
    brier: float | None


@dataclass(frozen=True)
class Curve(Figure):
    """Points of the precision-recall curve, by falling threshold; all of one length."""

    threshold: Sequence[float] = ()
    recall: Sequence[float] = ()
    false_positive_rate: Sequence[float] = ()
    precision: Sequence[float] = ()


@dataclass(frozen=True)
class Slice(Figure):
    """A part of the rows, at flag or review; the last four are None without risk labels."""

    counts: Counts
    accuracy: Proportion
    too_small: Sequence[str]
    """Names of proportions with too wide an interval to judge."""
    recall: Proportion | None = field(default=None, metadata=OPTIONAL)
    recall_flag: Proportion | None = field(default=None, metadata=OPTIONAL)
    false_positive_rate: Proportion | None = field(default=None, metadata=OPTIONAL)
    false_positive_rate_flag: Proportion | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, kw_only=True)
class RowFigures(Labelling):
    """Everything measured on one set of rows; without risk labels, what needs them is empty."""

    counts: Counts
    areas: Mapping[str, Areas]
    """By label, and `risk`."""
    operating_points: Mapping[str, AlarmFigures] = field(default_factory=dict, metadata=OPTIONAL)
    """By alarm: `flag`, `flag_or_review`."""
    other_risk_label: Proportion | None = field(default=None, metadata=OPTIONAL)
    """Of the risky posts that got a risk label, those that got the wrong one."""
    unclear: Unclear | None = field(default=None, metadata=OPTIONAL)
    calibration: Calibration
    curve: Curve
    slices: Mapping[str, Slice] = field(default_factory=dict, metadata=OPTIONAL)
    languages: Mapping[str, Slice] = field(default_factory=dict, metadata=OPTIONAL)


@dataclass(frozen=True)
class Size(Figure):
    """Numbers of rows."""

    rows: int
    risky: int
    benign: int
    unclear: int


@dataclass(frozen=True)
class Expected(Figure):
    """Numbers of posts in a unit of time: alarms, and risky posts found and missed."""

    unit: str
    alarms: Estimate
    """Unclear posts included."""
    unclear: Estimate
    """Alarms that are unclear posts."""
    found: Estimate
    missed: Estimate
    prevalence: float
    unclear_share: float
    """Assumed share of unclear posts in the stream; see `riskclf.evaluation.thresholds`."""
    prevalence_is_that_of_the_rows: bool
    """True where the stream's prevalence is not given."""


@dataclass(frozen=True)
class Threshold(Figure):
    """The threshold that meets a constraint (None where none does), and what it does on rows."""

    constraint: str
    """`capacity`, `precision` or `recall`."""
    asked: str
    threshold: float | None
    same_rows: bool
    """True where it is chosen and measured on the same rows (optimistic)."""
    chosen_on: Size
    measured_on: Size
    measured: AlarmFigures | None = field(default=None, metadata=OPTIONAL)
    expected: Expected | None = field(default=None, metadata=OPTIONAL | FLAT)
    """None without a volume."""


@dataclass(frozen=True)
class FirstPosts(Figure):
    """What the `first` riskiest of a stream of `of` posts hold."""

    first: int
    of: int
    threshold: float
    risky: Estimate
    """How many of the first are risky."""
    resolved: bool
    """False where there are too few benign rows to tell; see `first_posts`."""


@dataclass(frozen=True)
class PairedTest(Figure):
    """Numbers of rows that two models get right, and a test that they do so equally often."""

    both: int
    only_ours: int
    only_theirs: int
    neither: int
    p_value: float


@dataclass(frozen=True)
class PairedTests(Figure):
    """A test on the alarms of the risky posts, of the benign posts, and on the labels."""

    risky: PairedTest
    benign: PairedTest
    label: PairedTest | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class Differences(Figure):
    """Ours minus theirs."""

    recall: Estimate
    false_positive_rate: Estimate
    precision: Estimate
    macro_f1: Estimate | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class PairedEstimate(Figure):
    """One figure of both sides."""

    ours: Estimate
    theirs: Estimate


@dataclass(frozen=True)
class Comparison(Figure):
    """A model and a baseline on the same rows.

    What is made of labels is None where the baseline does not give the same labels. On `differ`
    rows only one side raises an alarm.
    """

    name: str
    how: str
    """What counts as its alarm, in words."""
    ours: AlarmFigures
    theirs: AlarmFigures
    difference: Differences
    mcnemar: PairedTests
    differ: int
    macro_f1: PairedEstimate | None = field(default=None, metadata=OPTIONAL)
    curve: Curve | None = field(default=None, metadata=OPTIONAL)
    """Of the baseline; None where it gives no risk."""


@dataclass(frozen=True)
class ModelFigures(Figure):
    """Which model was measured, as far as it says so."""

    fingerprint: str | None = field(default=None, metadata=OPTIONAL)
    thresholds: Mapping[str, float] | None = field(default=None, metadata=OPTIONAL)
    versions: Mapping[str, Any] | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class DataFigures(Figure):
    """What was read, and how many rows could not be used."""

    name: str | None
    """File name without its directory; None where it is not a file."""
    rejected: int
    reasons: Mapping[str, int]
    """Numbers of rejected rows by reason, the most frequent first."""


@dataclass(frozen=True)
class StreamFigures(Figure):
    """What was said of the stream."""

    prevalence: float | None
    volume: str | None
    capacity: str | None


@dataclass(frozen=True, kw_only=True)
class Figures(RowFigures):
    """Everything that `riskclf.evaluate` measures: the content of report.json."""

    lang: str = "en"
    """Language of the words in `thresholds`, `comparisons`, `notes` and the reasons of `data`."""
    riskclf: str
    """Version of the library."""
    model: ModelFigures | None
    """None where the scores were already there."""
    data: DataFigures
    stream: StreamFigures
    first: Sequence[FirstPosts]
    thresholds: Sequence[Threshold]
    comparisons: Sequence[Comparison]
    notes: Sequence[str]
    """What one must know to read the figures, a sentence each."""
