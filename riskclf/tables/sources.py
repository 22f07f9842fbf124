"""Posts to read: from a file, a data frame or rows in memory, labelled or not."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Any

from riskclf.errors import ColumnNotFound, InputError
from riskclf.language import Sentence, ngettext
from riskclf.tables.formats import Dialect
from riskclf.tables.frames import Frame, frame_rows
from riskclf.tables.keys import Key
from riskclf.tables.reading import LOOK_AHEAD, Row, open_table, refuse_repeated
from riskclf.tables.rejects import Reject, nothing_usable
from riskclf.tables.texts import text_problem
from riskclf.tables.wording import lacks_column, listed

__all__ = ["Columns", "Data", "Source", "UnlabelledPosts"]

_OPTIONAL = ("id", "slice", "language", "family", "weight")


Data = str | os.PathLike[str] | Iterable[Mapping[str, Any]] | Frame
"""A file that `open_table` reads, a data frame (pandas, polars, Arrow), or rows: a list of dicts, a
`datasets.Dataset` ..."""


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

    def used(self) -> list[str]:
        """The names of all optional columns."""
        return [self.optional(kind) for kind in _OPTIONAL]

    def named(self) -> list[str]:
        """The optional columns that must be there, since they were asked for by name."""
        return [name for kind in _OPTIONAL if (name := getattr(self, kind)) is not None]


class _Columns:
    """What posts are called in messages, and the columns that they have."""

    name: str
    columns: tuple[str, ...]
    repeated: frozenset[str] = frozenset()
    """Names that more than one column has."""

    def require(self, needed: Iterable[str], if_there: Iterable[str] = ()) -> None:
        """Refuse data that lack a column, or have one twice; of rows in memory, the first tells.

        Args:
            needed: columns that must be there.
            if_there: columns that are used where they are there.
        """
        for name in if_there:
            refuse_repeated(self.name, name, self.repeated)
        for name in needed if self.columns else ():
            if name not in self.columns:
                hint = "say which one holds it (--text-column, --label-column ...)"
                raise ColumnNotFound(lacks_column(self.name, name, self.columns, hint))
            refuse_repeated(self.name, name, self.repeated)


class Source(_Columns):
    """Rows of a file or of an iterable, as `tables` gives them; joined with a key if given."""

    def __init__(self, data: Data, stack: ExitStack, key: Key | None = None) -> None:
        self._rows: Iterator[Row | Reject]
        self._read(data, stack)
        if key is not None:
            self.columns = tuple(dict.fromkeys((*self.columns, *key.columns)))
            self.require([key.id_column])
            found = self._rows
            self._rows = (key.joined(x) if isinstance(x, Row) else x for x in found)

    def _read(self, data: Data, stack: ExitStack) -> None:
        if isinstance(data, str | os.PathLike):
            table = stack.enter_context(open_table(data, text_columns=(), look_ahead=LOOK_AHEAD))
            self.name, self.columns, self.repeated = table.name, table.columns, table.repeated
            self._rows = iter(table)
            self._place: Callable[[], tuple[int, int | None]] = lambda: (table.position, table.size)
            return
        if isinstance(data, Mapping):
            raise InputError(
                f"data is a {type(data).__name__}, not rows: choose one of {listed(list(data))}"
            )
        self.name = "data"
        frame = frame_rows(data)
        given: Any = data if frame is None else frame
        self._class_names = _class_names(given)
        try:
            rows = iter(given)
        except TypeError:
            raise InputError(
                f"data is a {type(data).__name__}, not rows: name a file, or give a data frame"
            ) from None
        first = next(rows, None)
        if first is not None and not isinstance(first, Mapping):
            raise InputError(
                f"data holds {type(first).__name__}; give mappings of columns to values"
            )
        self.columns = tuple(getattr(given, "column_names", None) or first or ())
        total = len(given) if isinstance(given, Sized) else None
        self._done = 0
        self._place = lambda: (self._done, total)
        self._rows = self._numbered(rows if first is None else chain([first], rows))

    def _numbered(self, rows: Iterator[Mapping[str, Any]]) -> Iterator[Row | Reject]:
        for self._done, row in enumerate(rows, start=1):
            if not isinstance(row, Mapping):
                reason = Sentence("it is not a mapping from column to value")
                yield Reject(self._done, None, reason)
                continue
            values = dict(row)
            for column, names in self._class_names.items():
                code = values.get(column)
                if isinstance(code, int) and 0 <= code < len(names):
                    values[column] = names[code]
            yield Row(self._done, values)

    def __iter__(self) -> Iterator[Row | Reject]:
        return self._rows

    def position(self) -> tuple[int, int | None]:
        """How far the reading is, and where its end is (None: not known)."""
        return self._place()


def _class_names(data: Any) -> dict[str, list[str]]:
    """The names behind the numbers of a `datasets.Dataset`."""
    features = getattr(data, "features", None) or {}
    return {column: kind.names for column, kind in features.items() if hasattr(kind, "names")}


class UnlabelledPosts(_Columns):
    """The rows of the input that have a text."""

    def __init__(self, data: Data, text_column: str, stack: ExitStack) -> None:
        self.rejects: list[Reject] = []
        self.schema: Any = None
        self.dialect = Dialect()
        self._good = 0
        self._text_column = text_column
        self._rows: Iterable[Row | Reject]
        if isinstance(data, str | os.PathLike):
            table = stack.enter_context(
                open_table(data, text_columns=(text_column,), look_ahead=LOOK_AHEAD)
            )
            self._rows, self.schema, self.dialect = table, table.schema, table.dialect
            self.name, self.columns = table.name, table.columns
            self.repeated = table.repeated
            self.position: Callable[[], tuple[int, int | None]] = lambda: (
                table.position,
                table.size,
            )
        else:
            source = Source(data, stack)
            source.require([text_column])
            self._rows, self.position = source, source.position
            self.name, self.columns, self.repeated = source.name, source.columns, source.repeated

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            if isinstance(row, Row):
                problem = text_problem(row.values.get(self._text_column))
                if problem is None:
                    self._good += 1
                    yield row
                    continue
                row = Reject(row.number, self._text_column, problem)
            self.rejects.append(row)

    def texts(self, waiting: deque[tuple[Row, tuple[int, int | None]]]) -> Iterator[str]:
        """The texts; the row of each, and where it stood, is put into `waiting`."""
        for row in self:
            waiting.append((row, self.position()))
            yield row.values[self._text_column]

    def check_usable(self) -> None:
        """Refuse data of which no row can be used."""
        if not self._good:
            raise InputError(nothing_usable(self.name, self.rejects, "choose from"))

    def unread(self) -> str:
        """A note on rows of a file that only serves for comparison."""
        if not self.rejects:
            return ""
        first = self.rejects[0]
        left_out = ngettext(
            "{name}: {count:,} row was left out; row {number}: {reason}",
            "{name}: {count:,} rows were left out; row {number}: {reason}",
            len(self.rejects),
        )
        return left_out.format(
            name=self.name,
            count=len(self.rejects),
            number=first.number,
            reason=first.reason.translated(),
        )
