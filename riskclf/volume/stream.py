"""Reads the scores of a stream and counts them by month, in bounded memory.

A month keeps no post. It keeps sums of scores, counts by decision, and how the risk is distributed
on a grid of log-odds: all that the methods of `riskclf.volume.quantifiers` need.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from riskclf.errors import InputError
from riskclf.evaluation.collecting import Recorded
from riskclf.language import Sentence
from riskclf.language import gettext as _
from riskclf.progress import Callback
from riskclf.tables import Columns, Data, Reject, Row, Source, nothing_usable
from riskclf.tables.predictions import scored_labels, scored_prefix
from riskclf.volume.times import months_between, time_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["GRID", "Month", "Stream", "Texts", "crisp", "grid_cells", "read_stream", "scores_of"]

GRID = np.arange(-14.0, 14.01, 0.05)
"""Log-odds of the risk at which its distribution is kept; shape (cells,)."""

_ROWS_AT_ONCE = 4096
_TEXTS = 2000
_MOST_MONTHS = 240


@dataclass
class Month:
    """The scored posts of one month. The labels of all arrays are in the order of the scores."""

    name: str
    """Such as ``2026-04``."""
    posts: int = 0
    days: set[int] = field(default_factory=set)
    """Days of the month with a post."""
    flagged: int = 0
    """Posts with the decision `flag`."""
    counts: Floats = field(default_factory=lambda: np.zeros(0))
    """Posts by `crisp` label, shape (labels,)."""
    sums: Floats = field(default_factory=lambda: np.zeros(0))
    """Sums of the scores, shape (labels,)."""
    products: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """Sums of products of two scores, shape (labels, labels)."""
    grid: Floats = field(default_factory=lambda: np.zeros(len(GRID)))
    """Posts by risk, shape (cells,), see `GRID`."""

    def add(self, scores: Floats, flagged: NDArray[np.bool_], risk: NDArray[np.bool_], /) -> None:
        """Count posts.

        Args:
            scores: shape (posts, labels).
            flagged: shape (posts,).
            risk: which labels are risks, shape (labels,).
        """
        self.add_counted(scores, flagged, risk, np.ones(len(scores)))

    def add_counted(
        self, scores: Floats, flagged: NDArray[np.bool_], risk: NDArray[np.bool_], count: Floats
    ) -> None:
        """Count posts of which there are several each: `count`, shape (posts,)."""
        if not len(self.sums):
            labels = scores.shape[1]
            self.counts, self.sums = np.zeros(labels), np.zeros(labels)
            self.products = np.zeros((labels, labels))
        self.posts += round(float(count.sum()))
        self.flagged += round(float(count[flagged].sum()))
        self.counts += count @ crisp(scores, flagged, risk)
        self.sums += count @ scores
        self.products += (scores * count[:, None]).T @ scores
        self.grid += np.bincount(grid_cells(scores[:, risk].sum(axis=1)), count, len(GRID))


def crisp(scores: Floats, flagged: NDArray[np.bool_], risk: NDArray[np.bool_]) -> Floats:
    """One label for each post: the likelier risk of a flagged one, the likelier other of the rest.

    Returns:
        1 for the label and 0 for the others, shape (posts, labels).
    """
    allowed = np.where(flagged[:, None], risk, ~risk)
    chosen = np.where(allowed, scores, -1.0).argmax(axis=1)
    result: Floats = np.eye(scores.shape[1])[chosen]
    return result


def grid_cells(risk: Floats) -> NDArray[np.int64]:
    """The nearest cell of `GRID` for each risk."""
    clipped = np.clip(risk, 1e-9, 1 - 1e-9)
    odds = np.log(clipped / (1 - clipped))
    place = np.rint((odds - GRID[0]) / (GRID[1] - GRID[0]))
    found: NDArray[np.int64] = np.clip(place, 0, len(GRID) - 1).astype(np.int64)
    return found


class Texts:
    """Some texts of a stream, drawn at random (Vitter's algorithm R)."""

    def __init__(self, most: int = _TEXTS) -> None:
        self.found: list[str] = []
        self._most, self._seen = most, 0
        self._rng = np.random.default_rng(0)

    def add(self, text: str) -> None:
        """See one more."""
        self._seen += 1
        if len(self.found) < self._most:
            self.found.append(text)
        elif (place := int(self._rng.integers(self._seen))) < self._most:
            self.found[place] = text


@dataclass(frozen=True)
class Stream:
    """A scored stream."""

    name: str
    labels: tuple[str, ...]
    risk_labels: tuple[str, ...]
    months: Sequence[Month]
    """All from the first to the last; some may have no post."""
    texts: Sequence[str] = field(repr=False)
    """Some of the posts, at random; empty where the table has no texts."""
    rejects: Sequence[Reject] = field(repr=False)


def scores_of(
    source: Source, rejects: list[Reject]
) -> tuple[Recorded, Iterator[tuple[Row, list[float], bool]]]:
    """The scores in a table that `riskclf predict` wrote.

    Args:
        source: the table.
        rejects: rows that cannot be used are added to it.

    Returns:
        Labels and, once rows were read, risk labels; row, scores and whether it is flagged.

    Raises:
        InputError: there are no scores.
    """
    prefix = scored_prefix(source.columns)
    if prefix is None or f"{prefix}risk_labels" not in source.columns:
        raise InputError(
            f"{source.name} holds no scores with the column risk_labels: score it first, with "
            "`riskclf predict --input FILE --output SCORED`"
        )
    found = Recorded(scored_labels(source.columns, prefix), prefix)
    names = [f"{prefix}score_{label}" for label in found.labels]

    def rows() -> Iterator[tuple[Row, list[float], bool]]:
        for row in source:
            if isinstance(row, Row):
                bad = found.problem(row.values)
                if bad is None:
                    scores = [float(row.values[name]) for name in names]
                    yield row, scores, row.values[f"{prefix}decision"] == "flag"
                    continue
                row = Reject(row.number, *bad)
            rejects.append(row)

    return found, rows()


def read_stream(
    data: Data, *, zone: ZoneInfo, time_column: str, columns: Columns, tell: Callback
) -> Stream:
    """Read a scored stream.

    Args:
        data: a table with the columns of `riskclf predict` and one of times.
        zone: in which months begin and end.
        time_column: when each post was posted.
        columns: of texts, which are read where they are there.
        tell: told how far the reading is.

    Raises:
        InputError: the table or a column cannot be used, or no row can.
    """
    rejects: list[Reject] = []
    months: dict[str, Month] = {}
    waiting: dict[str, list[tuple[list[float], bool]]] = {}
    texts = Texts()
    with ExitStack() as stack:
        source = Source(data, stack)
        source.require([time_column], if_there=[columns.text])
        found, rows = scores_of(source, rejects)
        risk = np.zeros(0, dtype=bool)

        def count(name: str) -> None:
            scores, flagged = zip(*waiting.pop(name), strict=True)
            months[name].add(np.array(scores), np.array(flagged), risk)

        for done, (row, scores, flagged) in enumerate(rows):
            if not len(risk):
                risk = np.isin(found.labels, found.risk_labels or ())
            when = time_of(row.values.get(time_column), zone)
            if isinstance(when, Sentence):
                rejects.append(Reject(row.number, time_column, when))
                continue
            name = f"{when:%Y-%m}"
            months.setdefault(name, Month(name)).days.add(when.day)
            waiting.setdefault(name, []).append((scores, flagged))
            if len(waiting[name]) == _ROWS_AT_ONCE:
                count(name)
            text: Any = row.values.get(columns.text)
            if isinstance(text, str):
                texts.add(text)
            if done % 256 == 0:
                tell(_("reading scores"), *source.position())
        for name in list(waiting):
            count(name)
        if not months:
            raise InputError(nothing_usable(source.name, rejects, "count"))
        every = months_between(min(months), max(months))
        if len(every) > _MOST_MONTHS:
            raise InputError(
                f"{source.name}: the times in column '{time_column}' reach from {every[0]} to "
                f"{every[-1]}: correct what is wrong, or leave these posts out"
            )
        return Stream(
            source.name,
            found.labels,
            found.risk_labels or (),
            [months.get(name) or _empty(name, len(found.labels)) for name in every],
            texts.found,
            rejects,
        )


def _empty(name: str, labels: int) -> Month:
    return Month(
        name,
        counts=np.zeros(labels),
        sums=np.zeros(labels),
        products=np.zeros((labels, labels)),
    )
