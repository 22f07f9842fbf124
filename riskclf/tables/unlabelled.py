"""Posts to read whose labels do not matter: from a file, a data frame or rows."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from typing import Any

from riskclf.errors import InputError
from riskclf.evaluation.scored import Data, Source
from riskclf.tables import Reject, Row, nothing_usable, open_table
from riskclf.tables.duplicates import same_text

__all__ = ["UnlabelledPosts", "text_key"]


class UnlabelledPosts:
    """The rows of the input that have a text."""

    def __init__(self, data: Data, text_column: str, stack: ExitStack) -> None:
        self.rejects: list[Reject] = []
        self.schema: Any = None
        self._good = 0
        self._text_column = text_column
        self._rows: Iterable[Row | Reject]
        if isinstance(data, str | os.PathLike):
            table = stack.enter_context(open_table(data, text_columns=(text_column,)))
            self._rows, self.schema = table, table.schema
            self.name, self.columns = table.name, table.columns
            self.position: Callable[[], tuple[int, int | None]] = lambda: (
                table.position,
                table.size,
            )
        else:
            source = Source(data, stack)
            source.require([text_column])
            self._rows, self.position = source, source.position
            self.name, self.columns = source.name, source.columns

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            if isinstance(row, Row):
                text = row.values.get(self._text_column)
                if isinstance(text, str):
                    self._good += 1
                    yield row
                    continue
                reason = "it is missing" if text is None else "it is not text"
                row = Reject(row.number, self._text_column, reason)
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
        were = "row was" if len(self.rejects) == 1 else "rows were"
        return (
            f"{self.name}: {len(self.rejects):,} {were} left out; row {first.number}: "
            f"{first.reason}"
        )


def text_key(text: str) -> int:
    """The random number of a text, 64 bits; the same for texts that are the same."""
    content = same_text(text).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8, key=b"riskclf suggest").digest(), "big")
