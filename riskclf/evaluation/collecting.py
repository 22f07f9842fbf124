"""Takes rows one by one, judges them, and keeps gold labels and predictions in columns."""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.errors import EvaluationError, InputError
from riskclf.labels import DECISIONS, Prediction
from riskclf.language import Sentence
from riskclf.tables import (
    Columns,
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
from riskclf.tables.predictions import read_risk_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Coded", "GoldReader", "Predictions", "Recorded"]

_LEAST_WEIGHT = 1e-100  # the squares of smaller and of much larger ones are no numbers


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


class GoldReader:
    """Reads all of a row but its prediction, and keeps it in columns.

    Args:
        source: the rows.
        labels: those that a row may have.
        columns: names of the columns.
        label_map: your label to one of `labels`.
        keep_text: keep the posts.
        check: says what is wrong with the prediction that a row holds, as (column, reason). Where
            it is given, a row needs no text unless `keep_text`.
    """

    def __init__(
        self,
        source: Source,
        labels: tuple[str, ...],
        columns: Columns,
        label_map: Mapping[str, str],
        *,
        keep_text: bool,
        check: Callable[[Mapping[str, Any]], tuple[str, Sentence] | None] | None = None,
    ) -> None:
        self._needs_text = keep_text or check is None
        needed = (columns.text, columns.label) if self._needs_text else (columns.label,)
        source.require((*needed, *columns.named()), if_there=columns.used())
        for kind in ("id", "slice", "language"):
            if columns.optional(kind) == columns.text:
                raise InputError(
                    f"the column '{columns.text}' holds the posts and cannot be the {kind} column: "
                    "reports show its values"
                )
        self._source, self._columns, self._labels = source, columns, labels
        self._targets = TargetReader(labels, label_map)
        self._check, self._keep_text = check, keep_text
        self._weighted = columns.optional("weight") in source.columns
        self._number, self._gold, self._text_key = array("q"), array("q"), array("q")
        self._weight = array("d")
        self._kind = _Names()
        self._names = {name: _Names() for name in ("slice", "language", "family")}
        self._ids: list[str | None] = []
        self._texts: list[str] = []
        self._blank = 0
        self.rejects: list[Reject] = []

    def texts(self, places: deque[tuple[int, int | None]]) -> Iterator[str]:
        """The posts of the good rows; where each stood is put into `places`."""
        for row in self.rows():
            places.append(self._source.position())
            yield row.values[self._columns.text]

    def rows(self) -> Iterator[Row]:
        """The good rows."""
        for row in self._source:
            if isinstance(row, Row):
                bad = self._judge(row)
                if bad is None:
                    yield row
                    continue
                row = Reject(row.number, *bad)
            self.rejects.append(row)

    def _judge(self, row: Row) -> tuple[str, Sentence] | None:
        """Keep a row, or say which column is wrong, and how."""
        values, columns = row.values, self._columns
        text = values.get(columns.text)
        if self._needs_text and (problem := text_problem(text)):
            return columns.text, problem
        gold = self._targets.read(values.get(columns.label))
        if isinstance(gold, str):
            return columns.label, gold
        weight_column = columns.optional("weight")
        weight = number_of(values.get(weight_column)) if self._weighted else 1.0
        if weight is None or weight <= 0:
            return weight_column, Sentence("it is not a number above 0")
        if not _LEAST_WEIGHT < weight < 1 / _LEAST_WEIGHT:
            return weight_column, Sentence("it is too small or too large to be a weight")
        if weight_column in values and not self._weighted:
            return weight_column, Sentence("the first row has no such column")
        if self._check is not None and (bad := self._check(values)):
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
        if self._keep_text:
            self._texts.append(text or "")
        return None

    def fields(self) -> dict[str, Any]:
        """The fields of `LabelledRows`.

        Raises:
            EvaluationError: no row can be used.
        """
        if not self._number:
            raise EvaluationError(nothing_usable(self._source.name, self.rejects, "evaluate"))
        names = {name: column.coded() for name, column in self._names.items()}
        has_ids = any(identity is not None for identity in self._ids)
        return {
            "labels": self._labels,
            "number": np.array(self._number, dtype=np.int64),
            "gold": np.array(self._gold, dtype=np.int64),
            "kind": self._kind.coded(),
            "text_key": np.array(self._text_key, dtype=np.int64),
            "blank": self._blank,
            "weight": np.array(self._weight) if self._weighted else None,
            "id": np.array(self._ids, dtype=object) if has_ids else None,
            "text": np.array(self._texts, dtype=object) if self._keep_text else None,
            **{name: column if column.names else None for name, column in names.items()},
        }


class Predictions:
    """Keeps predictions in columns."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.risk_labels: tuple[str, ...] | None = None
        self._indices = {label: index for index, label in enumerate(labels)}
        self._predicted, self._decision = array("q"), array("q")
        self._risk, self._scores = array("d"), array("d")

    def add(self, prediction: Prediction) -> None:
        """Keep the prediction of the next row."""
        scores = (prediction.scores.get(label, math.nan) for label in self.labels)
        self._keep(prediction.label, prediction.decision, prediction.risk, scores)

    def _keep(self, label: str, decision: str, risk: float, scores: Iterable[float]) -> None:
        self._predicted.append(self._indices[label])
        self._decision.append(DECISIONS.index(decision))
        self._risk.append(risk)
        self._scores.extend(scores)

    def fields(self) -> dict[str, Any]:
        """The fields of `ScoredRows` that `LabelledRows` lacks."""
        return {
            "risk_labels": self.risk_labels or (),
            "predicted": np.array(self._predicted, dtype=np.int64),
            "decision": np.array(self._decision, dtype=np.int64),
            "risk": np.array(self._risk),
            "scores": np.array(self._scores).reshape(-1, len(self.labels)),
        }


class Recorded(Predictions):
    """Predictions that the rows hold, in columns whose names begin with `prefix`."""

    def __init__(self, labels: Sequence[str], prefix: str) -> None:
        super().__init__(labels)
        self._prefix = prefix

    def problem(self, values: Mapping[str, Any]) -> tuple[str, Sentence] | None:
        """Which column of a row is wrong, and how; None if none is."""
        prefix = self._prefix
        label = values.get(f"{prefix}label")
        if not isinstance(label, str) or label not in self._indices:
            return f"{prefix}label", Sentence("it is not one of the labels that have a score")
        if values.get(f"{prefix}decision") not in DECISIONS:
            reason = Sentence("it is not one of {names}", names=", ".join(DECISIONS))
            return f"{prefix}decision", reason
        for name in ("risk", *(f"score_{label}" for label in self.labels)):
            number = number_of(values.get(prefix + name))
            if number is None or not -1e-6 <= number <= 1 + 1e-5:
                return prefix + name, Sentence("it is not a number from 0 to 1")
        column = f"{prefix}risk_labels"
        found = read_risk_labels(values.get(column), self.labels)
        if found is None:
            return column, Sentence("it does not name labels that have a score")
        if self.risk_labels is None:
            self.risk_labels = found
        elif found != self.risk_labels:
            return column, Sentence(
                "it differs from the rows before: they were scored by another model"
            )
        total = sum(float(values[f"{prefix}score_{label}"]) for label in found)
        if abs(total - float(values[f"{prefix}risk"])) > 1e-4:
            return f"{prefix}risk", Sentence("it is not the sum of the scores of the risk labels")
        return None

    def add_recorded(self, values: Mapping[str, Any]) -> None:
        """Keep the prediction of a row that has no `problem`."""
        prefix = self._prefix
        self._keep(
            values[f"{prefix}label"],
            values[f"{prefix}decision"],
            float(values[f"{prefix}risk"]),
            (float(values[f"{prefix}score_{label}"]) for label in self.labels),
        )
