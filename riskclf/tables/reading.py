"""Open a table for reading: what every format has in common."""

from __future__ import annotations

import codecs
import io
import os
import stat
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from riskclf.errors import ColumnNotFound, FormatError, InputError
from riskclf.tables.formats import NAMES, Format, format_of
from riskclf.tables.rejects import Reject
from riskclf.tables.texts import text_problem
from riskclf.tables.wording import cause, lacks_column, listed

__all__ = [
    "LOOK_AHEAD",
    "Row",
    "TableReader",
    "open_table",
]

LOOK_AHEAD = 1000
"""Lines of a JSON Lines stream that tell its columns where nobody waits for the first row."""

_HEAD = 1 << 16  # bytes that are looked at to tell a table from a binary file

_PARQUET_MAGIC = b"PAR1"
BOM = b"\xef\xbb\xbf"
_MAGIC = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook; export the sheet as 'CSV UTF-8'",
    b"\xd0\xcf\x11\xe0": "is an old Excel or Office document; export the sheet as 'CSV UTF-8'",
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; unpack it first",
    b"\xff\xfe": "is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as UTF-8",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A good row: the text columns that were asked for are there and hold a str."""

    number: int
    """Line number in a text file (where the row begins), record number from 1 in Parquet."""

    values: dict[str, Any]
    """All columns of the row. A JSON object may lack some; a CSV row never does."""


def open_table(
    source: str | os.PathLike[str],
    *,
    format: str | None = None,
    text_columns: Sequence[str] = ("text",),
    look_ahead: int = 1,
    before_wait: Callable[[], None] | None = None,
) -> TableReader:
    """Open a table for reading; ``"-"`` is standard input (JSON Lines unless `format` says else).

    A JSON Lines file is read through once here, so that its columns are known. Of a stream they are
    those of its first records; later ones may have others (see `TableWriter.checked`). Standard
    input is not closed with the table.

    Args:
        source: a path, or ``"-"``.
        format: see `format_of`.
        text_columns: columns that must exist and must hold a str in every row; a row where one does
            not becomes a `Reject`. Plain lines have one column, the first of these.
        look_ahead: how many lines of a JSON Lines stream tell its columns. No row comes out before
            that many have arrived; up to `LOOK_AHEAD` are read to find the text columns.
        before_wait: called before each read from a stream, since its next row may be long in
            coming: handle the rows that were read so far.

    Raises:
        InputError: no such file, a directory, or a file that may not be read.
        FormatError: not the format that its suffix or `format` says, or no table at all.
        ColumnNotFound: a text column is missing.
    """
    if os.fspath(source) == "-":
        chosen = format_of("-", format or "jsonl")
        if chosen == "parquet":
            raise FormatError("Parquet cannot be read from standard input; name a file")
        raw: io.RawIOBase = _Stream(sys.stdin.buffer, before_wait, is_ours=False)
        stream: io.BufferedReader = io.BufferedReader(raw, _HEAD)
        return _open_stream("standard input", stream, None, chosen, text_columns, look_ahead)
    name = os.fspath(source)
    try:
        if Path(source).is_dir():
            raise InputError(f"{name} is a directory; name one file in it")
        file: io.BufferedReader = io.BufferedReader(io.FileIO(source), _HEAD)
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be opened: {cause(error)}") from None
    try:
        status = os.fstat(file.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None  # None: a pipe
        chosen = format_of(source, format)
        if size is None:
            raw = _Stream(file, before_wait, is_ours=True)
            file = io.BufferedReader(raw, _HEAD)
        return _open_stream(name, file, size, chosen, text_columns, look_ahead)
    except BaseException:
        file.close()
        raise


def _open_stream(
    name: str,
    stream: io.BufferedReader,
    size: int | None,
    format: Format,
    text_columns: Sequence[str],
    look_ahead: int,
) -> TableReader:
    # Here, because they build on this module, and Parquet alone needs Arrow.
    from riskclf.tables.jsonl import JsonLinesReader, LinesReader
    from riskclf.tables.parquet import ParquetReader
    from riskclf.tables.separated import SeparatedReader

    _check_head(name, format, stream.peek(_HEAD)[:_HEAD])
    kinds: dict[Format, type[TableReader]] = {
        "csv": SeparatedReader,
        "tsv": SeparatedReader,
        "jsonl": JsonLinesReader,
        "parquet": ParquetReader,
        "lines": LinesReader,
    }
    return kinds[format](name, stream, size, format, text_columns, look_ahead)


def _check_head(name: str, format: Format, head: bytes) -> None:
    """Tell a table from something else by its first bytes, before any row is read."""
    if not head.removeprefix(BOM):
        raise FormatError(f"{name} is empty; there is nothing to read")
    is_parquet = head.startswith(_PARQUET_MAGIC)
    if is_parquet != (format == "parquet"):
        what = "is a Parquet file" if is_parquet else "is not a Parquet file"
        hint = "name it .parquet" if is_parquet else "check its format"
        raise FormatError(f"{name} {what}, read as {NAMES[format]}; {hint}")
    if is_parquet:
        return
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise FormatError(f"{name} {what}")
    if format == "jsonl" and head.removeprefix(BOM).lstrip().startswith(b"["):
        raise FormatError(f"{name} is a JSON array, not JSON Lines; write one JSON object a line")
    lines = head.split(b"\n")
    if len(lines) > 1:
        lines.pop()  # empty, or only the beginning of a line
    # Single bad lines are rejects; a file that is mostly unreadable is not the text it claims.
    if 2 * sum(not _is_text(line) for line in lines) > len(lines):
        raise FormatError(
            f"{name} is not UTF-8 text (read as {NAMES[format]}): it is a binary file, or text in "
            "another encoding such as Shift_JIS; save it as UTF-8"
        )


def _is_text(line: bytes) -> bool:
    try:
        # Incremental, because a long line may end in the middle of a character.
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(line)
    except UnicodeDecodeError:
        return False


class _Stream(io.RawIOBase):
    """Bytes that arrive one after the other, such as those of a pipe.

    `before_wait` is called before each read. Closing this closes `source` only if it is ours.
    """

    def __init__(
        self, source: Any, before_wait: Callable[[], None] | None, *, is_ours: bool
    ) -> None:
        self._source, self._before_wait, self._is_ours = source, before_wait, is_ours
        self._read = getattr(source, "read1", source.read)  # what is there, without waiting for all

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._before_wait is not None:
            self._before_wait()
        content = self._read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        if self._is_ours:
            self._source.close()
        super().close()


class TableReader(ABC):
    """A table that is open for reading: iterate over it once, then close it (or use `with`)."""

    name: str
    """The file as the user named it, for messages."""

    format: Format

    columns: tuple[str, ...]
    """All columns that the rows can have, in the order of the table."""

    schema: Any = None
    """The Arrow schema of a Parquet file; None for other formats."""

    size: int | None
    """What `position` will have reached at the end; None when the end is not known."""

    def __init__(
        self,
        name: str,
        stream: io.BufferedReader,
        size: int | None,
        format: Format,
        text_columns: Sequence[str],
        look_ahead: int,
    ) -> None:
        self.name = name
        self.size = size
        self.format = format
        self._stream = stream
        self._text_columns = tuple(text_columns)
        self._look_ahead = look_ahead
        self._open()

    @abstractmethod
    def _open(self) -> None:
        """Read as much as it takes to know the columns."""

    @property
    def position(self) -> int:
        """How far the reader is: bytes of a text file, records of a Parquet file."""
        return self._stream.tell() if self.size is not None else 0

    @abstractmethod
    def __iter__(self) -> Iterator[Row | Reject]:
        """Good rows and rejects in the order of the table.

        Raises:
            FormatError: a Parquet file is damaged, so that what follows cannot be read.
        """

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _set_columns(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise FormatError(
                f"{self.name} has more than one column named {listed(twice)}; rename all but one"
            )
        for column in self._text_columns:
            if column not in self.columns:
                hint = "say which one holds the text with --text-column"
                raise ColumnNotFound(lacks_column(self.name, column, columns, hint))

    def _checked(self, number: int, values: dict[str, Any]) -> Row | Reject:
        for column in self._text_columns:
            if problem := text_problem(values.get(column)):
                return Reject(number, column, problem)
        return Row(number, values)
