"""Open a table for writing: what every format has in common."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

from riskclf.errors import FormatError, InputError
from riskclf.tables.formats import SEPARATORS, format_of
from riskclf.tables.wording import cause

__all__ = [
    "TableWriter",
    "create_table",
]


def create_table(
    target: str | os.PathLike[str],
    *,
    columns: Sequence[str],
    added: Mapping[str, type] | None = None,
    schema: Any = None,
    format: str | None = None,
) -> TableWriter:
    """Open a table for writing: `columns` of the input, then those `added` with their types.

    The file is written beside its place, as ``<target>.partial``, and takes its place on `commit`.
    ``"-"`` is standard output. `schema` is the `TableReader.schema` of the input, for Parquet.

    Raises:
        InputError: the file cannot be made there.
        FormatError: unknown suffix or format, or one that cannot be written.
    """
    # Here, because they build on this module, and Parquet alone needs Arrow.
    from riskclf.tables.jsonl import JsonLinesWriter
    from riskclf.tables.parquet import ParquetWriter
    from riskclf.tables.separated import SeparatedWriter

    chosen = format_of(target, format)
    if chosen == "lines":
        raise FormatError("plain lines can be read but not written; write CSV or JSON Lines")
    place = None
    if os.fspath(target) == "-":
        if chosen == "parquet":
            raise FormatError("Parquet cannot be written to standard output; name a file")
        sys.stdout.flush()
        sink: BinaryIO = sys.stdout.buffer
    else:
        place = Path(target)
        if place.is_dir():
            raise InputError(f"{place} is a directory; name a file in it")
        try:
            sink = _partial(place).open("wb")
        except (OSError, ValueError) as error:
            raise InputError(f"{place} cannot be written: {cause(error)}") from None
    names = (*columns, *(added or {}))
    if chosen == "parquet":
        return ParquetWriter(sink, place, columns, added or {}, schema)
    if chosen == "jsonl":
        return JsonLinesWriter(sink, place)
    return SeparatedWriter(sink, place, names, SEPARATORS[chosen])


class TableWriter(ABC):
    """A table that is open for writing: `write` rows, then `commit` it."""

    def __init__(self, sink: BinaryIO, place: Path | None) -> None:
        self._sink = sink
        self._place = place

    @abstractmethod
    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows; a column that a row lacks is left empty (JSON Lines: left out)."""

    def commit(self) -> None:
        """Finish the file and put it in its place, over an older one."""
        self._finish()
        self._sink.flush()
        if self._place is not None:
            self._sink.close()
            _partial(self._place).replace(self._place)

    def close(self) -> None:
        """Let go of the file; if it was not committed, ``<target>.partial`` stays."""
        if self._place is not None:
            self._sink.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _finish(self) -> None:
        return None

    def _put(self, text: str) -> None:
        self._sink.write(text.encode("utf-8", "backslashreplace"))


def _partial(place: Path) -> Path:
    return place.with_name(place.name + ".partial")
