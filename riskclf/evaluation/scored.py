"""Posts with a gold label, and with a prediction, in columns: what every figure is made from.

A row is judged once, on the way in: its gold label is one of the model's, or it is *unclear* (the
word itself, or a soft target such as ``{"minor_solicitation": 0.5, "benign": 0.5}``). A row that
cannot be used becomes a `Reject` with the reason. A million rows take some 200 MB.

`read_labelled` reads labels and needs no model; `read_rows` reads labels and scores, or scores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from riskclf.errors import InputError
from riskclf.evaluation.collecting import Coded, GoldReader, Predictions, Recorded
from riskclf.labels import Prediction
from riskclf.language import gettext as _
from riskclf.progress import Progress, following
from riskclf.tables import Columns, Data, Key, Reject, Source
from riskclf.tables.predictions import scored_labels, scored_prefix

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Classifier",
    "Coded",
    "LabelledRows",
    "ScoredRows",
    "read_labelled",
    "read_rows",
]

_OFTEN = 64
"""Rows between two reports of progress."""


class Classifier(Protocol):
    """What is needed of a model; `RiskClassifier` is one."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the logits."""

    @property
    def risk_labels(self) -> tuple[str, ...]:
        """Those of them that are risks."""

    def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
        """Label any number of posts, in their order."""

    def info(self) -> dict[str, Any]:
        """What the model is, as JSON values."""


@dataclass(frozen=True, kw_only=True)
class LabelledRows:
    """Rows with a gold label; all arrays have shape (rows,) unless said otherwise."""

    labels: tuple[str, ...]
    number: NDArray[np.int64]
    """Line or record number in the input."""
    gold: NDArray[np.int64]
    """Index into `labels`, -1 for an unclear post."""
    kind: Coded
    """What an unclear post may be: `unclear`, or the labels of its soft target joined by +."""
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

    def only(self, rows: NDArray[np.bool_]) -> Self:
        """The chosen rows; `rows` has shape (rows,)."""
        changed: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Coded):
                changed[item.name] = value.only(rows)
            elif isinstance(value, np.ndarray):
                changed[item.name] = value[rows]
        return replace(self, **changed)


@dataclass(frozen=True, kw_only=True)
class ScoredRows(LabelledRows):
    """Rows with a gold label and a prediction."""

    risk_labels: tuple[str, ...]
    predicted: NDArray[np.int64]
    """Index into `labels`."""
    decision: NDArray[np.int64]
    """Index into `DECISIONS`."""
    risk: NDArray[np.float64]
    scores: NDArray[np.float64]
    """Shape (rows, labels)."""

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


def read_labelled(
    data: Data, labels: Sequence[str], *, columns: Columns, label_map: Mapping[str, str]
) -> tuple[LabelledRows, list[Reject]]:
    """Read posts and their gold labels, without a model; the text is kept.

    Args:
        data: rows with a text and a label.
        labels: those that a row may have, besides `unclear`.
        columns: names of the columns.
        label_map: your label to one of `labels`, or to `unclear`.

    Returns:
        The rows, and the rows that cannot be used.

    Raises:
        InputError: the data cannot be read, or a column that is needed is not there.
        EvaluationError: no row can be used.
    """
    with ExitStack() as stack:
        source = Source(data, stack)
        gold = GoldReader(source, tuple(labels), columns, label_map, keep_text=True)
        for _ in gold.rows():
            pass
        return LabelledRows(**gold.fields()), gold.rejects


def read_rows(
    data: Data,
    model: Classifier | None,
    load_default: Callable[[], Classifier],
    *,
    columns: Columns,
    label_map: Mapping[str, str],
    key: Key | None = None,
    keep_text: bool = False,
    progress: Progress = None,
) -> tuple[ScoredRows, list[Reject], Classifier | None]:
    """Read labelled posts and score them, or read scores that are there already.

    With `key`, rows have its columns too. With `model` every post is scored by it. Without, the
    columns that ``riskclf predict --output`` writes are used if `data` has them, and the model of
    `load_default` if not.

    Returns:
        The rows, the rows that cannot be used, and the model that scored (None: scored before).

    Raises:
        InputError: the data cannot be read, or a column that is needed is not there.
        EvaluationError: no row can be used.
    """
    with ExitStack() as stack:
        tell = stack.enter_context(following(progress))
        source = Source(data, stack, key)
        prefix = None if model is not None else _scored_before(source, columns)
        if prefix is not None:
            found = Recorded(scored_labels(source.columns, prefix), prefix)
            gold = GoldReader(
                source, found.labels, columns, label_map, keep_text=keep_text, check=found.problem
            )
            for done, row in enumerate(gold.rows()):
                found.add_recorded(row.values)
                if done % _OFTEN == 0:
                    tell(_("reading scores"), *source.position())
            tell(_("reading scores"), *source.position())
            return ScoredRows(**gold.fields(), **found.fields()), gold.rejects, None
        model = model or load_default()
        predictions = Predictions(model.labels)
        predictions.risk_labels = model.risk_labels
        gold = GoldReader(source, model.labels, columns, label_map, keep_text=keep_text)
        # A model reads ahead: what counts is how far its predictions are.
        places: deque[tuple[int, int | None]] = deque()
        for done, prediction in enumerate(model.stream(gold.texts(places))):
            predictions.add(prediction)
            place = places.popleft()
            if done % _OFTEN == 0:
                tell(_("scoring posts"), *place)
        tell(_("scoring posts"), *source.position())
        return ScoredRows(**gold.fields(), **predictions.fields()), gold.rejects, model


def _scored_before(source: Source, columns: Columns) -> str | None:
    """The prefix of the prediction that the data hold, None where they hold none."""
    prefix = scored_prefix(source.columns)
    if prefix is None:
        return None
    names = ("label", "decision", "risk", *(name for name in source.columns if "score_" in name))
    source.require([], if_there=[prefix + name.removeprefix(prefix) for name in names])
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
