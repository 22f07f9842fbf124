"""Open a table for writing: what every format has in common."""

from __future__ import annotations

import gzip
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

from riskclf.disk import unwritable
from riskclf.errors import FormatError, InputError
from riskclf.files import Replacement
from riskclf.language import Sentence
from riskclf.tables.formats import NAMES, WHOLE, Dialect, format_of, is_packed
from riskclf.tables.reading import Row
from riskclf.tables.rejects import Reject

__all__ = ["TableWriter", "create_table", "write_table"]


def create_table(
    target: str | os.PathLike[str],
    *,
    columns: Sequence[str],
    added: Mapping[str, type] | None = None,
    schema: Any = None,
    format: str | None = None,
    dialect: Dialect | None = None,
) -> TableWriter:
    """Open a table for writing: `columns` of the input, then those `added` with their types.

    The file is written beside its place, as ``<target>.partial``, and takes its place on `commit`.
    Until then its lock is held. Only its owner may read it, since tables hold posts. ``"-"`` is
    standard output. `schema` and `dialect` are those of the input's `TableReader`: the first is for
    Parquet, the second for CSV and TSV. A name that ends with ``.gz`` is compressed with gzip.

    Raises:
        InputError: the file cannot be made there, or another run is writing it.
        FormatError: unknown suffix or format, or one that cannot be written.
    """
    # Here, because they build on this module, and only some need Arrow or XlsxWriter.
    from riskclf.tables.excel import ExcelWriter
    from riskclf.tables.jsonl import JsonLinesWriter
    from riskclf.tables.parquet import ParquetWriter
    from riskclf.tables.separated import SeparatedWriter

    chosen = format_of(target, format)
    if chosen == "lines":
        raise FormatError("plain lines can be read but not written; write CSV or JSON Lines")
    name = os.fspath(target)
    output = None
    if name == "-":
        if chosen in WHOLE:
            raise FormatError(f"{NAMES[chosen]} cannot be written to standard output; name a file")
    elif Path(name).is_dir():
        raise InputError(f"{name} is a directory; name a file in it")
    else:
        output = Replacement(name, private=True)
    try:
        if chosen == "parquet":
            return ParquetWriter(name, output, columns, added or {}, schema)
        if chosen == "jsonl":
            return JsonLinesWriter(name, output, columns, added or {})
        if chosen == "xlsx":
            return ExcelWriter(name, output, columns, added or {})
        return SeparatedWriter(name, output, columns, added or {}, chosen, dialect or Dialect())
    except BaseException:
        if output is not None:
            output.discard()
        raise


def write_table(
    target: str | os.PathLike[str],
    rows: Iterable[Mapping[str, Any]],
    *,
    columns: Sequence[str],
    added: Mapping[str, type] | None = None,
    schema: Any = None,
    dialect: Dialect | None = None,
) -> None:
    """Write a whole table; where that fails, nothing of it stays. Arguments as `create_table`.

    Raises:
        InputError: the file cannot be written, or another run is writing it.
        FormatError: unknown suffix, or a value that the format cannot hold.
    """
    with create_table(
        target, columns=columns, added=added, schema=schema, dialect=dialect
    ) as table:
        try:
            table.write(rows)
            table.commit()
        except BaseException:
            table.discard()
            raise


class TableWriter(ABC):
    """A table that is open for writing: `write` rows, then `commit` it."""

    def __init__(
        self,
        name: str,
        output: Replacement | None,
        columns: Sequence[str],
        added: Mapping[str, type],
    ) -> None:
        self._name = name
        self._output = output
        self._columns = tuple(columns)
        self._added = dict(added)
        self._known = frozenset(columns)
        if output is None:
            sys.stdout.flush()
        self._sink: BinaryIO = sys.stdout.buffer if output is None else output.file
        self._packed: gzip.GzipFile | None = None
        if output is not None and is_packed(name):
            # Without name and time, so that a continued run gives the same bytes.
            self._packed = gzip.GzipFile("", "wb", compresslevel=6, fileobj=self._sink, mtime=0)
            self._sink = cast(BinaryIO, self._packed)

    def checked(self, row: Row) -> Row | Reject:
        """The row, or why this table has no place for it.

        The columns of a JSON Lines stream are those of its first record. A later record may have
        others, which only JSON Lines can hold, unless they have the name of an added column.
        """
        if row.values.keys() <= self._known:
            return row
        reason = Sentence(
            "it has a column that the first row does not have: write JSON Lines instead"
        )
        return Reject(row.number, None, reason)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows; a column that a row lacks is left empty (JSON Lines: left out).

        Raises:
            FormatError: a value that the format cannot hold.
            InputError: the file cannot be written, for instance because the disk is full.
        """
        try:
            self._write(rows)
        except OSError as error:
            raise self._named(error) from None

    def commit(self) -> None:
        """Finish the file and put it in its place, over an older one.

        Raises:
            InputError: it cannot be written or put there.
        """
        try:
            self._finish()
            self._sink.flush()
            if self._packed is not None:
                self._packed.close()
        except OSError as error:
            raise self._named(error) from None
        if self._output is not None:
            self._output.commit()

    def discard(self) -> None:
        """Let go of the file and remove what was written."""
        if self._output is not None:
            self._output.discard()

    def close(self) -> None:
        """Let go of the file; if it was not committed, ``<target>.partial`` stays."""
        if self._output is not None:
            self._output.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None: ...

    def _finish(self) -> None:
        return None

    def _put(self, text: str) -> None:
        self._sink.write(text.encode("utf-8", "backslashreplace"))

    def _named(self, error: OSError) -> OSError | InputError:
        """The error of a file that has no name yet, under the name that it will have."""
        if self._output is None:
            return error  # of standard output: a pipe that was closed is no fault of the input
        return unwritable(self._name, error)
