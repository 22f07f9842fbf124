"""Posts with a gold label and a prediction, in columns: what every figure is made from.

A row is judged once, on the way in: its gold label is one of the model's, or it is *unclear* (the
word itself, or a soft target such as ``{"minor_solicitation": 0.5, "benign": 0.5}``). A row that
cannot be used becomes a `Reject` with the reason. A million rows take some 200 MB.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from riskclf.errors import ColumnNotFound, EvaluationError, InputError
from riskclf.labels import Prediction
from riskclf.tables import Reject, Row, nothing_usable, open_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "DECISIONS",
    "UNCLEAR",
    "Classifier",
    "Coded",
    "Columns",
    "Data",
    "ScoredRows",
    "Source",
    "Target",
    "TargetReader",
    "read_rows",
]

DECISIONS = ("clear", "review", "flag")
"""In the order of attention: a decision's number is its place here."""

UNCLEAR = "unclear"
"""The gold label of a post that the text does not settle."""

_OPTIONAL = ("id", "slice", "language", "family", "weight")

Data = str | os.PathLike[str] | Iterable[Mapping[str, Any]]
"""A file that `riskclf.tables.table` reads, or rows: a list of dicts, a `datasets.Dataset` ..."""

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
class Columns:
    """Which columns hold what. None stands for the usual name, if there is such a column."""

    text: str = "text"
    label: str = "label"
    id: str | None = None
    slice: str | None = None
    language: str | None = None
    family: str | None = None
    weight: str | None = None

    def optional(self, kind: str) -> str:
        """The name of an optional column."""
        return getattr(self, kind) or kind

    def named(self) -> list[str]:
        """The optional columns that must be there, since they were asked for by name."""
        return [name for kind in _OPTIONAL if (name := getattr(self, kind)) is not None]


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
        prefix = None if model is not None else _prediction_prefix(source.columns, columns)
        if prefix is None:
            model = model or load_default()
            needed = [columns.text, columns.label]
            collector = _Collector(
                model.labels, tuple(model.info()["saved_as"]["risk_labels"]), columns, label_map
            )
        else:
            needed = [columns.text, columns.label] if keep_text else [columns.label]
            labels = tuple(
                name.removeprefix(f"{prefix}score_")
                for name in source.columns
                if name.startswith(f"{prefix}score_")
            )
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


class Source:
    """Rows of a file or of an iterable, as `tables` gives them."""

    def __init__(self, data: Data, stack: ExitStack) -> None:
        if isinstance(data, str | os.PathLike):
            table = stack.enter_context(open_table(data, text_columns=()))
            self.name, self.columns = table.name, table.columns
            self._rows: Iterator[Row | Reject] = iter(table)
            self._place: Callable[[], tuple[int, int | None]] = lambda: (table.position, table.size)
            return
        if isinstance(data, Mapping):
            raise InputError(
                f"data is a {type(data).__name__}, not rows: choose one of {', '.join(data)}"
            )
        self.name = "data"
        self._class_names = _class_names(data)
        rows = iter(data)
        first = next(rows, None)
        if first is not None and not isinstance(first, Mapping):
            raise InputError(
                f"data holds {type(first).__name__}; give mappings of columns to values"
            )
        self.columns = tuple(getattr(data, "column_names", None) or first or ())
        total = len(data) if isinstance(data, Sized) else None
        self._done = 0
        self._place = lambda: (self._done, total)
        self._rows = self._numbered(rows if first is None else chain([first], rows))

    def _numbered(self, rows: Iterator[Mapping[str, Any]]) -> Iterator[Row | Reject]:
        for self._done, row in enumerate(rows, start=1):
            if not isinstance(row, Mapping):
                yield Reject(self._done, None, "it is not a mapping from column to value")
                continue
            values = dict(row)
            for column, names in self._class_names.items():
                code = values.get(column)
                if isinstance(code, int) and 0 <= code < len(names):
                    values[column] = names[code]
            yield Row(self._done, values)

    def require(self, needed: Iterable[str]) -> None:
        """Refuse data that lack a column; of rows in memory, the first one tells."""
        for name in needed if self.columns else ():
            if name not in self.columns:
                raise ColumnNotFound(
                    f"{self.name} has no column '{name}'; its columns are "
                    f"{', '.join(x if len(x) <= 24 else '(a long name)' for x in self.columns)}; "
                    "say which one holds it (--text-column, --label-column ...)"
                )

    def __iter__(self) -> Iterator[Row | Reject]:
        return self._rows

    def position(self) -> tuple[int, int | None]:
        """How far the reading is, and where its end is (None: not known)."""
        return self._place()


def _class_names(data: Any) -> dict[str, list[str]]:
    """The names behind the numbers of a `datasets.Dataset`."""
    features = getattr(data, "features", None) or {}
    return {column: kind.names for column, kind in features.items() if hasattr(kind, "names")}


def _prediction_prefix(present: Sequence[str], columns: Columns) -> str | None:
    """What stands before the names of a prediction's columns, None where there is no prediction.

    `riskclf predict` prefixes them where the input had a column of one of the names, once more for
    each time: the longest prefix is the last prediction.
    """
    prefixes = []
    prefix = ""
    while any(name.startswith(prefix) for name in present):
        has_scores = sum(name.startswith(f"{prefix}score_") for name in present) >= 2
        if has_scores and {prefix + x for x in ("label", "decision", "risk")} <= set(present):
            prefixes.append(prefix)
        prefix += "riskclf_"
    if not prefixes:
        return None
    if prefixes[-1] + "label" == columns.label:
        raise InputError(
            f"the column '{columns.label}' is the model's prediction: say which one holds the gold "
            "label with --label-column"
        )
    return prefixes[-1]


class _Names:
    """Builds a `Coded` column."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._column = array("q")

    def add(self, value: Any) -> None:
        if value is None or value == "":
            self._column.append(-1)
        else:
            self._column.append(self._codes.setdefault(str(value), len(self._codes)))

    def coded(self) -> Coded:
        return Coded(tuple(self._codes), np.array(self._column, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Target:
    """What a post should be labelled."""

    shares: tuple[float, ...]
    """Probability of each label, in their order; empty for `unclear`, which leaves it open."""
    index: int
    """Of the label that has all of it, -1 if none has."""
    kind: str
    """What an unclear post may be (see `ScoredRows.kind`); empty for any other."""


class TargetReader:
    """Reads the label column.

    Args:
        labels: of the model, in the order of its logits.
        label_map: your label to the model's, or to `unclear`.

    Raises:
        InputError: the label map leads to a label that is not there.
    """

    def __init__(self, labels: Sequence[str], label_map: Mapping[str, str]) -> None:
        unknown = sorted(set(label_map.values()) - {*labels, UNCLEAR})
        if unknown:
            raise InputError(
                f"the label map leads to '{unknown[0]}', which the model does not know; its labels "
                f"are {', '.join(labels)}, and '{UNCLEAR}'"
            )
        self._labels, self._label_map = tuple(labels), label_map
        self._known: dict[str, Target | str] = {}

    def read(self, value: Any) -> Target | str:
        """The target of a value, or what is wrong with it, in words that do not name it.

        A label column that was chosen by mistake may hold posts.
        """
        if isinstance(value, Mapping):
            return self._soft(value)
        if value is None or value == "":
            return "it is missing"
        name = str(value)
        found = self._known.get(name)
        if found is None:
            found = self._parsed(name)
            if len(self._known) < 1000:
                self._known[name] = found
        return found

    def _parsed(self, name: str) -> Target | str:
        mapped = self._label_map.get(name, name)
        if mapped in self._labels:
            return self._soft({mapped: 1.0})
        if mapped == UNCLEAR:
            return Target((), -1, UNCLEAR)
        if name.startswith("{"):
            try:
                target = json.loads(name)
            except (ValueError, RecursionError):
                return "it begins like a soft target, but is not a JSON object"
            if isinstance(target, Mapping):
                return self._soft(target)
        return (
            f"it is not a label of the model ({', '.join(self._labels)}), not '{UNCLEAR}', and not "
            "in the label map"
        )

    def _soft(self, target: Mapping[str, Any]) -> Target | str:
        shares = dict.fromkeys(self._labels, 0.0)
        for name, value in target.items():
            label = self._label_map.get(name, name)
            if value is None:  # Parquet gives every row all keys
                continue
            share = _number(value)
            if label not in shares or share is None or share < 0:
                return "its soft target is not made of labels of the model with shares from 0 on"
            shares[label] += share
        if abs(sum(shares.values()) - 1) > 1e-6:
            return "its soft target does not add up to 1"
        parts = [label for label in self._labels if shares[label] > 1e-6]
        values = tuple(shares.values())
        if len(parts) == 1:
            return Target(values, self._labels.index(parts[0]), "")
        return Target(values, -1, "+".join(parts))


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
        if self.needs_text and not isinstance(text, str):
            return columns.text, "it is missing" if text is None else "it is not text"
        gold = self._targets.read(values.get(columns.label))
        if isinstance(gold, str):
            return columns.label, gold
        weight_column = columns.optional("weight")
        weight = _number(values.get(weight_column)) if self.weighted else 1.0
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
        self._ids.append(None if identity is None else str(identity))
        if isinstance(text, str):
            self._blank += not text.strip()
            self._text_key.append(zlib.crc32(text.encode("utf-8", "surrogatepass")))
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
            number = _number(values.get(prefix + name))
            if number is None or not -1e-6 <= number <= 1 + 1e-5:
                return prefix + name, "it is not a number from 0 to 1"
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
            risk_labels=_risk_labels(self._labels, risk, scores)
            if self._risk_labels is None
            else self._risk_labels,
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


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _risk_labels(
    labels: tuple[str, ...], risk: NDArray[np.float64], scores: NDArray[np.float64]
) -> tuple[str, ...]:
    """The labels whose scores add up to the recorded risk.

    Where a label's scores are all 0 the sum does not tell: the largest set is taken. It is never
    all of them, unless nothing less explains the risk.
    """
    if not risk.any():
        # No probability is exactly 0 but for rounding: only a model without risk labels, whose
        # risk is 0, has posts with a risk of 0 and no label with scores of 0.
        scored = np.flatnonzero(scores.max(axis=0) > 0)
        return tuple(label for index, label in enumerate(labels) if index not in scored)
    some = slice(0, 1000)
    for size in (*range(len(labels) - 1, 0, -1), len(labels)):
        for chosen in combinations(range(len(labels)), size):
            total = scores[some][:, chosen].sum(axis=1)
            if np.allclose(total, risk[some], rtol=0, atol=1e-4):
                return tuple(labels[index] for index in chosen)
    raise EvaluationError(
        "the recorded risk is not the sum of the scores of some labels: score the posts again"
    )
