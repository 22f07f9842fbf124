"""Posts with a gold label and a prediction, in columns: what every figure is made from.

A row is judged once, on the way in: its gold label is one of the model's, or it is *unclear* (the
word itself, or a soft target such as ``{"minor_solicitation": 0.5, "benign": 0.5}``). A row that
cannot be used becomes a `Reject` with the reason. A million rows take some 200 MB.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from riskclf.errors import EvaluationError, InputError
from riskclf.labels import DECISIONS, Prediction
from riskclf.tables import (
    Columns,
    Data,
    Reject,
    Row,
    Source,
    TargetReader,
    is_blank,
    is_missing,
    nothing_usable,
    text_key,
    text_problem,
)
from riskclf.tables.cells import number_of
from riskclf.tables.predictions import read_risk_labels, scored_labels, scored_prefix

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Classifier",
    "Coded",
    "ScoredRows",
    "read_rows",
]

Progress = Callable[[int, int | None], None]
"""Told how far the reading is, and where its end is if that is known."""


class Classifier(Protocol):
    """What is needed of a model; `RiskClassifier` is one."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the logits."""

    def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
        """Label any number of posts, in their order."""

    def info(self) -> dict[str, Any]:
        """`saved_as` in it holds `risk_labels`."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of names, each stored once."""

    names: tuple[str, ...]
    codes: NDArray[np.int64]
    """Index into `names` for each row, -1 where there is none; shape (rows,)."""

    def only(self, rows: NDArray[np.bool_]) -> Coded:
        """The column of the chosen rows."""
        return Coded(self.names, self.codes[rows])

    def grouped(self) -> NDArray[np.int64]:
        """`codes`, but a row without a name is a group of its own."""
        lone = self.codes < 0
        result = self.codes.copy()
        result[lone] = len(self.names) + np.arange(int(lone.sum()))
        return result


@dataclass(frozen=True)
class ScoredRows:
    """Rows with gold label and prediction; all arrays have shape (rows,) unless said otherwise."""

    labels: tuple[str, ...]
    risk_labels: tuple[str, ...]
    number: NDArray[np.int64]
    """Line or record number in the input."""
    gold: NDArray[np.int64]
    """Index into `labels`, -1 for an unclear post."""
    kind: Coded
    """What an unclear post may be: `unclear`, or the labels of its soft target joined by +."""
    predicted: NDArray[np.int64]
    """Index into `labels`."""
    decision: NDArray[np.int64]
    """Index into `DECISIONS`."""
    risk: NDArray[np.float64]
    scores: NDArray[np.float64]
    """Shape (rows, labels)."""
    text_key: NDArray[np.int64]
    """Equal for equal texts."""
    blank: int = 0
    """How many of all rows that were read have an empty text."""
    weight: NDArray[np.float64] | None = None
    slice: Coded | None = None
    language: Coded | None = None
    family: Coded | None = None
    id: NDArray[np.object_] | None = None
    text: NDArray[np.object_] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.gold)

    @property
    def clearly(self) -> NDArray[np.bool_]:
        """Rows that are not unclear."""
        return self.gold >= 0

    @property
    def risky(self) -> NDArray[np.bool_]:
        """Rows whose gold label is a risk."""
        return self._is_risk(self.gold)

    @property
    def predicted_risky(self) -> NDArray[np.bool_]:
        """Rows that were given a risk label."""
        return self._is_risk(self.predicted)

    def _is_risk(self, label: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.isin(label, [self.labels.index(name) for name in self.risk_labels])

    def only(self, rows: NDArray[np.bool_]) -> ScoredRows:
        """The chosen rows; `rows` has shape (rows,)."""
        changed: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Coded):
                changed[item.name] = value.only(rows)
            elif isinstance(value, np.ndarray):
                changed[item.name] = value[rows]
        return replace(self, **changed)


def read_rows(
    data: Data,
    model: Classifier | None,
    load_default: Callable[[], Classifier],
    *,
    columns: Columns,
    label_map: Mapping[str, str],
    keep_text: bool = False,
    progress: Progress | None = None,
) -> tuple[ScoredRows, list[Reject], Classifier | None]:
    """Read posts and score them, or read scores that are there already.

    With `model` every post is scored by it. Without, the columns that ``riskclf predict --output``
    writes are used if `data` has them, and the model of `load_default` if not.

    Returns:
        The rows, the rows that cannot be used, and the model that scored (None: scored before).

    Raises:
        InputError: the data cannot be read, or a column that is needed is not there.
        EvaluationError: no row can be used.
    """
    with ExitStack() as stack:
        source = Source(data, stack)
        prefix = None if model is not None else _scored_before(source, columns)
        if prefix is None:
            model = model or load_default()
            needed = [columns.text, columns.label]
            collector = _Collector(
                model.labels, tuple(model.info()["saved_as"]["risk_labels"]), columns, label_map
            )
        else:
            needed = [columns.text, columns.label] if keep_text else [columns.label]
            labels = scored_labels(source.columns, prefix)
            collector = _Collector(labels, None, columns, label_map)
        source.require((*needed, *columns.named()))
        collector.keep_text, collector.needs_text = keep_text, columns.text in needed
        collector.weighted = columns.optional("weight") in source.columns
        if prefix is None:
            assert model is not None
            # A model reads ahead: what counts is how far its predictions are.
            places: deque[tuple[int, int | None]] = deque()
            for done, prediction in enumerate(model.stream(collector.texts(source, places))):
                collector.add_prediction(prediction)
                place = places.popleft()
                if progress and done % 64 == 0:
                    progress(*place)
        else:
            for done, row in enumerate(collector.judged(source, prefix)):
                collector.add_recorded(row, prefix)
                if progress and done % 256 == 0:
                    progress(*source.position())
        if progress:
            progress(*source.position())
        collector.check(source.name)
        rows = collector.rows()
        return rows, collector.rejects, model if prefix is None else None


def _scored_before(source: Source, columns: Columns) -> str | None:
    """The prefix of the prediction that the data hold, None where they hold none."""
    prefix = scored_prefix(source.columns)
    if prefix is None:
        return None
    if prefix + "label" == columns.label:
        raise InputError(
            f"the column '{columns.label}' is the model's prediction: say which one holds the gold "
            "label with --label-column"
        )
    if f"{prefix}risk_labels" not in source.columns:
        raise InputError(
            f"{source.name} holds scores, but no column '{prefix}risk_labels' that says which "
            "labels are risks: score the posts again with `riskclf predict`, or name a --model"
        )
    return prefix


class _Names:
    """Builds a `Coded` column."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._column = array("q")

    def add(self, value: Any) -> None:
        if is_missing(value):
            self._column.append(-1)
        else:
            self._column.append(self._codes.setdefault(str(value), len(self._codes)))

    def coded(self) -> Coded:
        return Coded(tuple(self._codes), np.array(self._column, dtype=np.int64))


class _Collector:
    """Takes rows one by one and keeps them in columns."""

    def __init__(
        self,
        labels: tuple[str, ...],
        risk_labels: tuple[str, ...] | None,
        columns: Columns,
        label_map: Mapping[str, str],
    ) -> None:
        self._targets = TargetReader(labels, label_map)
        self._labels, self._risk_labels = labels, risk_labels
        self._indices = {label: index for index, label in enumerate(labels)}
        self._columns = columns
        self._number, self._gold, self._text_key = array("q"), array("q"), array("q")
        self._predicted, self._decision = array("q"), array("q")
        self._risk, self._scores, self._weight = array("d"), array("d"), array("d")
        self._kind = _Names()
        self._names = {name: _Names() for name in ("slice", "language", "family")}
        self._ids: list[str | None] = []
        self._texts: list[str] = []
        self._blank = 0
        self.weighted = False
        self.keep_text = False
        self.needs_text = True
        self.rejects: list[Reject] = []

    def texts(self, source: Source, places: deque[tuple[int, int | None]]) -> Iterator[str]:
        """The posts of the good rows; where each stood is put into `places`."""
        for row in self.judged(source, None):
            places.append(source.position())
            yield row.values[self._columns.text]

    def judged(self, source: Source, prefix: str | None) -> Iterator[Row]:
        """The good rows; all but the prediction is kept by then."""
        for row in source:
            if isinstance(row, Row):
                bad = self._judge(row, prefix)
                if bad is None:
                    yield row
                    continue
                row = Reject(row.number, *bad)
            self.rejects.append(row)

    def _judge(self, row: Row, prefix: str | None) -> tuple[str, str] | None:
        """Keep all of a row but its prediction, or say which column is wrong, and how."""
        values, columns = row.values, self._columns
        text = values.get(columns.text)
        if self.needs_text and (problem := text_problem(text)):
            return columns.text, problem
        gold = self._targets.read(values.get(columns.label))
        if isinstance(gold, str):
            return columns.label, gold
        weight_column = columns.optional("weight")
        weight = number_of(values.get(weight_column)) if self.weighted else 1.0
        if weight is None or weight <= 0:
            return weight_column, "it is not a number above 0"
        if weight_column in values and not self.weighted:
            return weight_column, "the first row has no such column"
        if prefix is not None:
            bad = self._bad_prediction(values, prefix)
            if bad is not None:
                return bad
        self._number.append(row.number)
        self._gold.append(gold.index)
        self._kind.add(gold.kind)
        self._weight.append(weight)
        for name, column in self._names.items():
            column.add(values.get(columns.optional(name)))
        identity = values.get(columns.optional("id"))
        self._ids.append(None if is_missing(identity) else str(identity))
        if isinstance(text, str):
            self._blank += is_blank(text)
            self._text_key.append(text_key(text))
        else:
            self._text_key.append(-row.number)
        if self.keep_text:
            self._texts.append(text or "")
        return None

    def _bad_prediction(self, values: Mapping[str, Any], prefix: str) -> tuple[str, str] | None:
        if values.get(f"{prefix}label") not in self._indices:
            return f"{prefix}label", "it is not one of the labels that have a score"
        if values.get(f"{prefix}decision") not in DECISIONS:
            return f"{prefix}decision", f"it is not one of {', '.join(DECISIONS)}"
        for name in ("risk", *(f"score_{label}" for label in self._labels)):
            number = number_of(values.get(prefix + name))
            if number is None or not -1e-6 <= number <= 1 + 1e-5:
                return prefix + name, "it is not a number from 0 to 1"
        return self._bad_risk(values, prefix)

    def _bad_risk(self, values: Mapping[str, Any], prefix: str) -> tuple[str, str] | None:
        """What is wrong with the risk labels of a scored row, or with the risk that they give."""
        column = f"{prefix}risk_labels"
        found = read_risk_labels(values.get(column), self._labels)
        if found is None:
            return column, "it does not name labels that have a score"
        if self._risk_labels is None:
            self._risk_labels = found
        elif found != self._risk_labels:
            return column, "it differs from the rows before: they were scored by another model"
        total = sum(float(values[f"{prefix}score_{label}"]) for label in found)
        if abs(total - float(values[f"{prefix}risk"])) > 1e-4:
            return f"{prefix}risk", "it is not the sum of the scores of the risk labels"
        return None

    def add_prediction(self, prediction: Prediction) -> None:
        """Keep the prediction of the next row."""
        self._predicted.append(self._indices[prediction.label])
        self._decision.append(DECISIONS.index(prediction.decision))
        self._risk.append(prediction.risk)
        self._scores.extend(prediction.scores.get(label, math.nan) for label in self._labels)

    def add_recorded(self, row: Row, prefix: str) -> None:
        """Keep the prediction that a row holds."""
        values = row.values
        self._predicted.append(self._indices[values[f"{prefix}label"]])
        self._decision.append(DECISIONS.index(values[f"{prefix}decision"]))
        self._risk.append(float(values[f"{prefix}risk"]))
        self._scores.extend(float(values[f"{prefix}score_{label}"]) for label in self._labels)

    def rows(self) -> ScoredRows:
        risk = np.array(self._risk)
        scores = np.array(self._scores).reshape(-1, len(self._labels))
        names = {name: column.coded() for name, column in self._names.items()}
        has_ids = any(identity is not None for identity in self._ids)
        return ScoredRows(
            labels=self._labels,
            risk_labels=self._risk_labels or (),
            number=np.array(self._number, dtype=np.int64),
            gold=np.array(self._gold, dtype=np.int64),
            kind=self._kind.coded(),
            predicted=np.array(self._predicted, dtype=np.int64),
            decision=np.array(self._decision, dtype=np.int64),
            risk=risk,
            scores=scores,
            text_key=np.array(self._text_key, dtype=np.int64),
            blank=self._blank,
            weight=np.array(self._weight) if self.weighted else None,
            id=np.array(self._ids, dtype=object) if has_ids else None,
            text=np.array(self._texts, dtype=object) if self.keep_text else None,
            **{name: column if column.names else None for name, column in names.items()},
        )

    def check(self, name: str) -> None:
        """Refuse a table of which nothing can be used."""
        if not self._number:
            raise EvaluationError(nothing_usable(name, self.rejects, "evaluate"))
