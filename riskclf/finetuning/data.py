"""Labelled posts to train on: read, checked against each other, put into groups.

Formats and messages are those of `riskclf.evaluate`. Besides, this finds what would bias the
held-out figures: posts that occur twice, that contradict each other, or that are nearly the same.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.errors import EvaluationError, InputError
from riskclf.finetuning.base import Base
from riskclf.labels import LABELS, RISK_LABELS
from riskclf.language import Sentence
from riskclf.modelfiles import is_plain_text
from riskclf.tables import (
    UNCLEAR,
    Columns,
    Data,
    Reject,
    Row,
    Source,
    TargetReader,
    is_missing,
    open_table,
    same_text,
    text_problem,
)
from riskclf.tables.duplicates import near_duplicate_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LabelledPosts",
    "RawRows",
    "choose_labels",
    "labels_in",
    "read_labelled",
    "read_ordinary",
    "read_raw",
]

_MOST_LABELS = 50
_LONGEST_LABEL = 64
"""A column with more different values, or longer ones, is taken for one chosen by mistake."""

_MOST_LISTED = 10


@dataclass(frozen=True)
class RawRows:
    """All rows of a table, in memory."""

    name: str
    rows: list[Row]
    rejects: list[Reject]


@dataclass(frozen=True)
class LabelledPosts:
    """Posts that can be trained on; every sequence has one item for each of them."""

    texts: list[str]
    targets: list[tuple[float, ...]]
    """Probability of each label."""
    groups: NDArray[np.int64]
    """Posts of one group are of one family or nearly the same: they stay in one fold. Shape
    (posts,)."""
    alike: NDArray[np.int64]
    """Posts with the same number are nearly the same, whatever their family. Shape (posts,)."""
    rejects: list[Reject]
    duplicates: int
    """Rows left out because an earlier row has the same text and label."""
    contradictory: int
    """Rows rejected because another row has the same text and another label."""

    def __len__(self) -> int:
        return len(self.texts)


def read_raw(data: Data, columns: Columns, *, labelled: bool = True) -> RawRows:
    """Read all rows of a table into memory.

    Raises:
        InputError: it cannot be read, lacks a column, or the label column is the text column.
    """
    if labelled and columns.label == columns.text:
        raise InputError(
            f"the column '{columns.text}' is named for the posts and for their labels: name the "
            "column of the labels with --label-column"
        )
    with ExitStack() as stack:
        source = Source(data, stack)
        needed = [columns.text, columns.label] if labelled else [columns.text]
        source.require((*needed, *columns.named()), if_there=columns.used())
        rows: list[Row] = []
        rejects: list[Reject] = []
        for row in source:
            if isinstance(row, Reject):
                rejects.append(row)
            elif problem := text_problem(row.values.get(columns.text), blank_allowed=False):
                rejects.append(Reject(row.number, columns.text, problem))
            else:
                rows.append(row)
        return RawRows(source.name, rows, rejects)


def read_ordinary(data: Data, columns: Columns) -> list[str]:
    """The texts of posts without labels, from a table or from a .txt file with one a line.

    Rows that cannot be read are left out.

    Raises:
        InputError: the data cannot be read.
        EvaluationError: no row can be used.
    """
    with ExitStack() as stack:
        if isinstance(data, str | os.PathLike) and Path(data).suffix == ".txt":
            table = open_table(data, format="lines", text_columns=(columns.text,))
            data = [x.values for x in stack.enter_context(table) if isinstance(x, Row)]
    raw = read_raw(data, Columns(text=columns.text), labelled=False)
    if not raw.rows:
        raise EvaluationError(f"{raw.name} has no ordinary post that can be read")
    return [row.values[columns.text] for row in raw.rows]


def labels_in(
    raw: RawRows, columns: Columns, label_map: Mapping[str, str]
) -> tuple[tuple[str, ...], str]:
    """The labels that the label column names, sorted; and the same in words for a message.

    The words list them only where they cannot be posts: few, short, and each in two rows or more.

    Raises:
        InputError: they are too many or too long for labels, or fewer than two.
    """
    found: Counter[str] = Counter()
    for row in raw.rows:
        value = row.values.get(columns.label)
        names: Sequence[Any] = [value]
        if isinstance(value, str) and value.startswith("{"):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                continue  # the row is rejected when it is read
        if isinstance(value, Mapping):
            names = [name for name, share in value.items() if share]
        found.update(label_map.get(str(x), str(x)) for x in names if not is_missing(x))
    del found[UNCLEAR]
    if not 2 <= len(found) <= _MOST_LABELS:
        raise InputError(
            f"{raw.name}: column '{columns.label}' holds {len(found):,} different labels, 2 to "
            f"{_MOST_LABELS} are needed: name the column of the labels with --label-column"
        )
    if max(map(len, found)) > _LONGEST_LABEL:
        raise InputError(
            f"{raw.name}: column '{columns.label}' holds a label of more than {_LONGEST_LABEL} "
            "characters: name the column of the labels with --label-column"
        )
    if not all(map(is_plain_text, found)):
        raise InputError(
            f"{raw.name}: column '{columns.label}' holds a label with a character that cannot be "
            "seen or that controls the terminal: write it in plain text"
        )
    labels = tuple(sorted(found))
    can_be_listed = len(labels) <= _MOST_LISTED and min(found.values()) >= 2
    return labels, ", ".join(labels) if can_be_listed else f"{len(labels)} labels"


def choose_labels(
    base: Base,
    risk_labels: Sequence[str] | None,
    raw: RawRows,
    columns: Columns,
    label_map: Mapping[str, str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels of the new model, and which of them are risks.

    Without `risk_labels` they are those of the base, or of the packaged model where the base has
    none. With it, they are those of the data.

    Raises:
        InputError: a risk label, or what the label map maps to, is not in the data, or all labels
            are risks.
    """
    before = base.manifest
    if risk_labels is None:
        if before is None:
            return LABELS, RISK_LABELS
        if set(before.labels) == set(before.risk_labels):
            raise InputError(
                f"all labels of the base {base.directory} are risks, so the risk of every post is "
                "1: choose another base, or name the risk labels with --risk-labels"
            )
        return before.labels, before.risk_labels
    labels, listed = labels_in(raw, columns, label_map)
    unknown = [label for label in risk_labels if label not in labels]
    if unknown:
        raise InputError(f"the risk label '{unknown[0]}' is not in the data, which has {listed}")
    astray = sorted(set(label_map.values()) - {*labels, UNCLEAR})
    if astray:
        raise InputError(
            f"the label map maps to '{astray[0]}', which is not in the data, which has {listed}"
        )
    if len(set(risk_labels)) == len(labels):
        raise InputError("all labels are named as risks: at least one must not be a risk")
    risks = tuple(label for label in labels if label in risk_labels)
    # In the base's own order, so that its head is kept.
    if before is not None and set(before.labels) == set(labels):
        if set(before.risk_labels) == set(risks):
            return before.labels, before.risk_labels
        labels = before.labels
        risks = tuple(label for label in labels if label in risk_labels)
    return labels, risks


def read_labelled(
    raw: RawRows,
    labels: Sequence[str],
    risk_labels: Sequence[str],
    columns: Columns,
    label_map: Mapping[str, str],
) -> LabelledPosts:
    """Rows to posts; a row that cannot be used is rejected with the reason.

    `unclear` without shares becomes half risk and half not, each half divided evenly over its
    labels.

    Raises:
        EvaluationError: no row can be used.
    """
    reader = TargetReader(labels, label_map)
    unclear = _unclear(labels, risk_labels)
    rejects = list(raw.rejects)
    kept: dict[str, list[tuple[Row, tuple[float, ...]]]] = {}
    for row in raw.rows:
        target = reader.read(row.values.get(columns.label))
        if isinstance(target, str):
            rejects.append(Reject(row.number, columns.label, target))
            continue
        key = same_text(row.values[columns.text])
        kept.setdefault(key, []).append((row, target.shares or unclear))
    chosen: list[tuple[Row, tuple[float, ...]]] = []
    duplicates = contradictory = 0
    for posts in kept.values():
        if len({target for _, target in posts}) == 1:
            chosen.append(posts[0])
            duplicates += len(posts) - 1
            continue
        contradictory += len(posts)
        for row, _ in posts:
            other = next(x.number for x, _ in posts if x is not row)
            reason = Sentence("row {other} has the same text and another label", other=other)
            rejects.append(Reject(row.number, columns.label, reason))
    rejects.sort(key=lambda reject: reject.number)
    if not chosen:
        first = f"; row {rejects[0].number}: {rejects[0].reason}" if rejects else ""
        raise EvaluationError(f"{raw.name} has no row to train on{first}")
    texts = [row.values[columns.text] for row, _ in chosen]
    families = [row.values.get(columns.optional("family")) for row, _ in chosen]
    alike = near_duplicate_groups(texts)
    return LabelledPosts(
        texts=texts,
        targets=[target for _, target in chosen],
        groups=_joined(alike, families),
        alike=alike,
        rejects=rejects,
        duplicates=duplicates,
        contradictory=contradictory,
    )


def _unclear(labels: Sequence[str], risk_labels: Sequence[str]) -> tuple[float, ...]:
    sides = Counter(label in risk_labels for label in labels)
    return tuple(1 / len(sides) / sides[label in risk_labels] for label in labels)


def _joined(groups: NDArray[np.int64], families: Sequence[Any]) -> NDArray[np.int64]:
    """Groups that share a family become one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(groups)
    numbers: dict[str, int] = {}
    edges = [(row, count + int(group)) for row, group in enumerate(groups)]
    for row, family in enumerate(families):
        if not is_missing(family):
            number = numbers.setdefault(str(family), len(numbers))
            edges.append((row, 2 * count + number))
    size = 2 * count + len(numbers)
    rows, others = np.array(edges).T
    graph = coo_array((np.ones(len(edges)), (rows, others)), shape=(size, size))
    found: NDArray[np.int64] = connected_components(graph, directed=False)[1][:count]
    return np.unique(found, return_inverse=True)[1]
