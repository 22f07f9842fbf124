"""Rows that cannot be used: what is wrong with each, shown and written without its text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from riskclf.language import Language, Sentence, current
from riskclf.tables.formats import Dialect

if TYPE_CHECKING:
    from riskclf.tables.writing import TableWriter

__all__ = ["Reject", "RejectsFile", "nothing_usable", "write_rejects"]

_FIRST = 20


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be used. It holds no text of the row, so it may be shown and stored."""

    number: int
    """As `Row.number`: rows are numbered from 1."""

    column: str | None
    """The column that is to blame, or None when it is the row as a whole."""

    reason: Sentence
    """In English; `reason.translated()` is in the current language."""


class RejectsFile:
    """Lists rejected rows in a CSV file (row, column, reason), which takes its place on `commit`.

    Without a place it only counts them and keeps the first 20 to be shown. The reasons are in the
    current language (`riskclf.language`); a Japanese list has a byte order mark, for Excel. A link
    of that name to a file is removed, not followed: the name is ours more often than the user's.

    Raises:
        InputError: the file cannot be made there, or another run is writing it.
    """

    count: int
    """How many were added."""

    first: list[Reject]
    """The first 20 of them."""

    def __init__(self, place: Path | None) -> None:
        self.place = place
        self.count = 0
        self.first = []
        self._writer: TableWriter | None = None
        if place is not None:  # at once, so that a place that cannot be written is found early
            from riskclf.tables.writing import create_table

            if place.is_symlink() and place.is_file():  # not where it leads to a device
                place.unlink()
            columns = ("row", "column", "reason")
            dialect = Dialect(marked=current() is Language.JAPANESE)
            self._writer = create_table(place, columns=columns, format="csv", dialect=dialect)

    def add(self, reject: Reject) -> None:
        """List one more row."""
        self.count += 1
        if len(self.first) < _FIRST:
            self.first.append(reject)
        if self._writer is not None:
            row = {
                "row": reject.number,
                "column": reject.column,
                "reason": reject.reason.translated(),
            }
            self._writer.write([row])

    def commit(self) -> None:
        """Put the list in its place; with nothing to list, remove that of an earlier run."""
        if self.place is None or self._writer is None:
            return
        if self.count:
            self._writer.commit()
        else:
            if self.place.is_file():
                self.place.unlink()
            self._writer.discard()

    def close(self) -> None:
        """Let go of a list that was not committed; ``<place>.partial`` stays."""
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_rejects(place: str | os.PathLike[str], rejects: Iterable[Reject]) -> None:
    """List rejected rows in a CSV file; with none to list, remove that of an earlier run.

    Raises:
        InputError: the file cannot be written.
    """
    with RejectsFile(Path(place)) as file:
        for reject in rejects:
            file.add(reject)
        file.commit()


def nothing_usable(name: str, rejects: Sequence[Reject], purpose: str) -> str:
    """Why a table of which no row can be used is refused, with the first reason; for an error."""
    if not rejects:
        return f"{name} has no rows; there is nothing to {purpose}"
    first = rejects[0]
    where = f"row {first.number}" + (f", column {first.column}" if first.column else "")
    return f"{name}: none of the {len(rejects):,} rows can be used; {where}: {first.reason}"
