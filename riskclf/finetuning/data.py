"""Labelled posts to learn from: read, checked against each other, put into groups.

What `riskclf.evaluation.scored` does for evaluation, this does for fine-tuning: the same formats, the same
words for what is wrong with a row. Besides it looks for what would make the held-out figures lie:
posts that stand twice, that contradict each other, or that are nearly the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.errors import EvaluationError, InputError
from riskclf.tables import (
    UNCLEAR,
    Columns,
    Data,
    Reject,
    Row,
    Source,
    TargetReader,
    is_missing,
    same_text,
    text_problem,
)
from riskclf.tables.duplicates import near_duplicate_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LabelledPosts", "RawRows", "labels_in", "read_labelled", "read_raw"]

MAX_LABELS = 50
"""More different labels than this are a column chosen by mistake."""


@dataclass(frozen=True)
class RawRows:
    """Rows as they were read."""

    name: str
    rows: list[Row]
    rejects: list[Reject]


@dataclass(frozen=True)
class LabelledPosts:
    """Posts that can be learned from; every sequence has one item for each of them."""

    texts: list[str]
    targets: list[tuple[float, ...]]
    """Probability of each label."""
    labels: list[str]
    """The label column as `riskclf.evaluation.scored` reads it again: a name, or a soft target as JSON."""
    groups: NDArray[np.int64]
    """Posts of one group are of one family or nearly the same: they stay on one side of a split."""
    alike: NDArray[np.int64]
    """Posts of one number are nearly the same, whatever their family."""
    rejects: list[Reject]
    duplicates: int
    """Rows left out because their text and label stood before."""
    contradictory: int
    """Rows rejected because their text stands elsewhere with another label."""

    def __len__(self) -> int:
        return len(self.texts)


def read_raw(data: Data, columns: Columns, *, labelled: bool = True) -> RawRows:
    """All rows of a table, in memory.

    Raises:
        InputError: it cannot be read, or lacks a column.
    """
    with ExitStack() as stack:
        source = Source(data, stack)
        needed = [columns.text, columns.label] if labelled else [columns.text]
        source.require((*needed, *columns.named()))
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


def labels_in(raw: RawRows, columns: Columns, label_map: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that the label column names, sorted.

    Raises:
        InputError: there are too many for a column of labels, or fewer than two.
    """
    found: set[str] = set()
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
        found |= {label_map.get(str(x), str(x)) for x in names if not is_missing(x)}
    found.discard(UNCLEAR)
    if not 2 <= len(found) <= MAX_LABELS:
        raise InputError(
            f"{raw.name}: column '{columns.label}' holds {len(found):,} different labels, 2 to "
            f"{MAX_LABELS} are needed: say which column holds them with --label-column"
        )
    return tuple(sorted(found))


def read_labelled(
    raw: RawRows,
    labels: Sequence[str],
    risk_labels: Sequence[str],
    columns: Columns,
    label_map: Mapping[str, str],
) -> LabelledPosts:
    """Rows to posts; what cannot be learned from is rejected with its reason.

    `unclear` without shares becomes half risk, half not, each half spread evenly over its labels.

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
            reason = f"row {other} has the same text: they do not agree on the label"
            rejects.append(Reject(row.number, columns.label, reason))
    rejects.sort(key=lambda reject: reject.number)
    if not chosen:
        first = f"; row {rejects[0].number}: {rejects[0].reason}" if rejects else ""
        raise EvaluationError(f"{raw.name} has no row to learn from{first}")
    texts = [row.values[columns.text] for row, _ in chosen]
    families = [row.values.get(columns.optional("family")) for row, _ in chosen]
    alike = near_duplicate_groups(texts)
    return LabelledPosts(
        texts=texts,
        targets=[target for _, target in chosen],
        labels=[_written(target, labels) for _, target in chosen],
        groups=_joined(alike, families),
        alike=alike,
        rejects=rejects,
        duplicates=duplicates,
        contradictory=contradictory,
    )


def _unclear(labels: Sequence[str], risk_labels: Sequence[str]) -> tuple[float, ...]:
    sides = Counter(label in risk_labels for label in labels)
    return tuple(1 / len(sides) / sides[label in risk_labels] for label in labels)


def _written(target: Sequence[float], labels: Sequence[str]) -> str:
    shares = {label: share for label, share in zip(labels, target, strict=True) if share > 0}
    return next(iter(shares)) if len(shares) == 1 else json.dumps(shares, ensure_ascii=False)


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
