"""Tables of posts in files: read row by row, write with columns added, lose nothing.

CSV, TSV, JSON Lines, Parquet and plain lines (one post a line) are read as a stream, so the size
of a file does not matter. A reader yields every row exactly once, either as a `Row` (good) or as a
`Reject` (its number and what is wrong with it, never its text), in the order of the file::

    with open_table("posts.csv", text_columns=("text",)) as table:
        for row in table:
            if isinstance(row, Row):
                row.values["text"]      # a str, and so is every column named in text_columns

- **Row numbers** are line numbers for text files, as an editor shows them: the line on which the
  row begins, the header of a CSV being line 1. For Parquet they are record numbers from 1.
- Text is UTF-8, with or without a byte order mark. An empty string is a text; null is not. Blank
  lines are skipped, except in plain lines, where each is an empty text.
- CSV and TSV use double quotes as RFC 4180 says. A quote that is opened and never properly closed
  costs the one line that opens it: the following lines are read again as rows of their own.
- Values are written as they were read. CSV has no types, so null becomes an empty field there and
  nested values become JSON. A cell that begins with ``=``, ``+``, ``-`` or ``@`` is not altered:
  import such a CSV into a spreadsheet as text, or the spreadsheet may run it as a formula.
- Parquet keeps its column types from Parquet to Parquet; from other formats all are strings.
- What UTF-8 cannot hold (half of a surrogate pair) is written as its ``\\udXXX`` escape.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import datetime
import io
import json
import math
import os
import stat
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, cast, get_args

from riskclf.errors import ColumnNotFound, FormatError, InputError

__all__ = [
    "Format",
    "Journal",
    "Reject",
    "Row",
    "TableReader",
    "TableWriter",
    "create_table",
    "format_of",
    "nothing_usable",
    "open_table",
]

Format = Literal["csv", "tsv", "jsonl", "parquet", "lines"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_SEPARATORS = {"csv": ",", "tsv": "\t"}
_NAMES = {"csv": "CSV", "tsv": "TSV", "jsonl": "JSON Lines", "parquet": "Parquet", "lines": "lines"}

_HEAD = 1 << 16  # bytes that are looked at to tell a table from a binary file
_STREAM_HEAD = 1000  # records of a stream that tell its columns; a file is read through instead
_RECORD_LIMIT = 1 << 25  # characters over several lines after which a quote counts as never closed
_PARQUET_BATCH = 1024
_ROW_GROUP_ROWS = 1 << 16
_ROW_GROUP_BYTES = 1 << 26

_PARQUET_MAGIC = b"PAR1"
_BOM = b"\xef\xbb\xbf"
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


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be used. It holds no text of the row, so it may be shown and stored."""

    number: int
    column: str | None
    """The column that is to blame, or None when it is the row as a whole."""

    reason: str


def nothing_usable(name: str, rejects: Sequence[Reject], purpose: str) -> str:
    """Why a table of which no row can be used is refused, with the first reason; for an error."""
    if not rejects:
        return f"{name} has no rows; there is nothing to {purpose}"
    first = rejects[0]
    where = f"row {first.number}" + (f", column {first.column}" if first.column else "")
    return f"{name}: none of the {len(rejects):,} rows can be used; {where}: {first.reason}"


def format_of(path: str | os.PathLike[str], format: str | None = None) -> Format:
    """The format of a file: `format` if given, else what the suffix of `path` says.

    Raises:
        FormatError: an unknown format, or a suffix that tells none.
    """
    if format is not None:
        if format not in get_args(Format):
            known = ", ".join(get_args(Format))
            raise FormatError(f"format '{format}' is not known; use one of: {known}")
        return cast(Format, format)
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        known = " ".join(_SUFFIXES)
        raise FormatError(
            f"{os.fspath(path)}: the suffix '{suffix}' tells no format; "
            f"name it with one of {known} (for its input, `riskclf predict` also takes --format)"
        )
    return _SUFFIXES[suffix]


# Reading ----------------------------------------------------------------------------------------


def open_table(
    source: str | os.PathLike[str],
    *,
    format: str | None = None,
    text_columns: Sequence[str] = ("text",),
) -> TableReader:
    """Open a table for reading; ``"-"`` is standard input (JSON Lines unless `format` says else).

    `text_columns` must exist, and must hold a str in every row; a row where one does not becomes a
    `Reject`. Plain lines have one column, the first of `text_columns`.

    A JSON Lines file is read through once here, so that its columns are known. Of a stream only
    the first 1,000 records are looked at, and a later record with another column is rejected.

    Raises:
        InputError: no such file, a directory, or a file that may not be read.
        FormatError: not the format that its suffix or `format` says, or no table at all.
        ColumnNotFound: a text column is missing.
    """
    if os.fspath(source) == "-":
        chosen = format_of("-", format or "jsonl")
        if chosen == "parquet":
            raise FormatError("Parquet cannot be read from standard input; name a file")
        buffer: Any = sys.stdin.buffer
        stream = buffer if hasattr(buffer, "peek") else io.BufferedReader(buffer)
        return _open_stream("standard input", stream, None, chosen, text_columns)
    name = os.fspath(source)
    try:
        if Path(source).is_dir():
            raise InputError(f"{name} is a directory; name one file in it")
        file: io.BufferedReader = io.BufferedReader(io.FileIO(source), _HEAD)
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be opened: {_cause(error)}") from None
    try:
        status = os.fstat(file.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None  # None: a pipe
        return _open_stream(name, file, size, format_of(source, format), text_columns)
    except BaseException:
        file.close()
        raise


def _open_stream(
    name: str,
    stream: io.BufferedReader,
    size: int | None,
    format: Format,
    text_columns: Sequence[str],
) -> TableReader:
    _check_head(name, format, stream.peek(_HEAD)[:_HEAD])
    kinds: dict[Format, type[TableReader]] = {
        "csv": _SeparatedReader,
        "tsv": _SeparatedReader,
        "jsonl": _JsonLinesReader,
        "parquet": _ParquetReader,
        "lines": _LinesReader,
    }
    return kinds[format](name, stream, size, format, text_columns)


def _check_head(name: str, format: Format, head: bytes) -> None:
    """Tell a table from something else by its first bytes, before any row is read."""
    if not head.removeprefix(_BOM):
        raise FormatError(f"{name} is empty; there is nothing to read")
    is_parquet = head.startswith(_PARQUET_MAGIC)
    if is_parquet != (format == "parquet"):
        what = "is a Parquet file" if is_parquet else "is not a Parquet file"
        hint = "name it .parquet" if is_parquet else "check its format"
        raise FormatError(f"{name} {what}, read as {_NAMES[format]}; {hint}")
    if is_parquet:
        return
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise FormatError(f"{name} {what}")
    if format == "jsonl" and head.removeprefix(_BOM).lstrip().startswith(b"["):
        raise FormatError(f"{name} is a JSON array, not JSON Lines; write one JSON object a line")
    lines = head.split(b"\n")
    if len(lines) > 1:
        lines.pop()  # empty, or only the beginning of a line
    # Single bad lines are rejects; a file that is mostly unreadable is not the text it claims.
    if 2 * sum(not _is_text(line) for line in lines) > len(lines):
        raise FormatError(
            f"{name} is not UTF-8 text (read as {_NAMES[format]}): it is a binary file, or text in "
            "another encoding such as Shift_JIS; save it as UTF-8"
        )


def _is_text(line: bytes) -> bool:
    try:
        # Incremental, because a long line may end in the middle of a character.
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(line)
    except UnicodeDecodeError:
        return False


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
    ) -> None:
        self.name = name
        self.size = size
        self.format = format
        self._stream = stream
        self._text_columns = tuple(text_columns)
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
                f"{self.name} has more than one column named {_listed(twice)}; rename all but one"
            )
        for column in self._text_columns:
            if column not in self.columns:
                raise ColumnNotFound(
                    f"{self.name} has no column '{column}'; its columns are {_listed(columns)}; "
                    "say which one holds the text with --text-column"
                )

    def _checked(self, number: int, values: dict[str, Any]) -> Row | Reject:
        for column in self._text_columns:
            value = values.get(column)
            if not isinstance(value, str):
                if value is not None:
                    reason = f"it is {_kind(value)}, not text"
                else:
                    reason = "it is null" if column in values else "it is missing"
                return Reject(number, column, reason)
        return Row(number, values)


class _SeparatedReader(TableReader):
    """CSV and TSV."""

    def _open(self) -> None:
        # The csv module's limit is process-wide and 128 KiB unless raised; a post may be longer.
        csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
        # surrogateescape lets bytes that are not UTF-8 through, to be rejected with their row.
        text = io.TextIOWrapper(self._stream, "utf-8-sig", errors="surrogateescape", newline="")
        self._text = text
        self._records = _records(text, _SEPARATORS[self.format])
        header = next(self._records, None)
        if header is None:
            raise FormatError(f"{self.name} is empty; its first line must name the columns")
        number, fields = header
        if isinstance(fields, str) or _bad_field(fields) is not None:
            raise FormatError(
                f"{self.name} line {number} should name the columns, but it is not a valid "
                f"{_NAMES[self.format]} line in UTF-8"
            )
        self._set_columns(fields)

    def __iter__(self) -> Iterator[Row | Reject]:
        width = len(self.columns)
        for number, fields in self._records:
            if isinstance(fields, str):
                yield Reject(number, None, fields)
            elif len(fields) != width:
                reason = f"it has {len(fields)} fields and the header has {width}"
                yield Reject(number, None, reason)
            elif (bad := _bad_field(fields)) is not None:
                index, reason = bad
                yield Reject(number, self.columns[index], reason)
            else:
                yield self._checked(number, dict(zip(self.columns, fields, strict=True)))

    def close(self) -> None:
        self._text.close()


class _Unclosed(Exception):
    """A quoted field runs on for longer than a record may be."""


def _records(text: Iterable[str], separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """The records of a CSV as (line number, fields), or (line number, what is wrong with it).

    A stray quote would swallow all lines up to the next quote. So a record whose quotes are wrong
    costs its first line only, and the lines after that are read again.
    """
    source = iter(text)
    again: deque[str] = deque()
    taken: list[str] = []

    def lines() -> Iterator[str]:
        length = 0
        while True:
            line = again.popleft() if again else next(source, None)
            if line is None:
                return
            length = length + len(line) if taken else 0
            if length > _RECORD_LIMIT:
                again.appendleft(line)
                raise _Unclosed
            taken.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=separator, strict=True)
    number = 1
    while True:
        taken.clear()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Unclosed):
            yield number, "a quote is not closed, or text follows the closing quote"
            again.extendleft(reversed(taken[1:]))
            number += 1
            reader = csv.reader(lines(), delimiter=separator, strict=True)
            continue
        if fields:
            yield number, fields
        number += len(taken)


def _bad_field(fields: list[str]) -> tuple[int, str] | None:
    """The first field that holds a NUL or bytes that are not UTF-8, and what is wrong with it."""
    row = "".join(fields)
    if row.isascii() and "\0" not in row:
        return None
    for index, field in enumerate(fields):
        if "\0" in field:
            return index, "it holds a NUL character"
        try:
            field.encode()
        except UnicodeEncodeError:
            return index, "it is not UTF-8"
    return None


class _JsonLinesReader(TableReader):
    """One JSON object a line."""

    def _open(self) -> None:
        self._head: list[bytes] = []
        if self.size is None:
            self._head = list(islice(self._stream, _STREAM_HEAD))
        columns: dict[str, None] | None = None
        problem = ""
        for number, line in _numbered(self._head or self._stream):
            record = _parse_json(line)
            if isinstance(record, str):
                problem = problem or f": line {number}: {record}"
            else:
                columns = (columns or {}) | dict.fromkeys(record)
        if columns is None:
            raise FormatError(
                f"{self.name} is not JSON Lines (one JSON object a line){problem}; "
                "if it is something else, say so by its suffix or (`riskclf predict`) by --format"
            )
        if self.size is not None:
            self._stream.seek(0)
        self._set_columns(list(columns))

    def __iter__(self) -> Iterator[Row | Reject]:
        known = set(self.columns)
        for number, line in _numbered(chain(self._head, self._stream)):
            record = _parse_json(line)
            if isinstance(record, str):
                yield Reject(number, None, record)
            elif not record.keys() <= known:
                # Only in a stream, or in a file that is being written to.
                reason = (
                    "it has a column that the first records do not have; "
                    "read the rows from a file instead of a stream"
                )
                yield Reject(number, None, reason)
            else:
                yield self._checked(number, record)


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers, without a byte order mark."""
    for number, line in enumerate(lines, start=1):
        content = line.removeprefix(_BOM) if number == 1 else line
        if content.strip():
            yield number, content


def _parse_json(line: bytes) -> dict[str, Any] | str:
    """The JSON object of a line, or what is wrong with it (in words without its text)."""
    try:
        value = json.loads(line.decode(), object_pairs_hook=_without_repeats)
    except UnicodeDecodeError:
        return "it is not UTF-8"
    except json.JSONDecodeError as error:
        return f"it is not valid JSON at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        # A repeated key, a number of more than 4,300 digits, or far too many brackets.
        return str(error) if isinstance(error, _Repeated) else "it is JSON that cannot be read"
    return value if isinstance(value, dict) else f"it is {_kind(value)}, not a JSON object"


class _Repeated(ValueError):
    pass


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _Repeated("it is JSON with the same key twice in one object")
    return values


class _LinesReader(TableReader):
    """One text a line; every line is a row, a blank one too, so that rows are lines."""

    def _open(self) -> None:
        self._set_columns(self._text_columns[:1])

    def __iter__(self) -> Iterator[Row | Reject]:
        column = self.columns[0]
        for number, line in enumerate(self._stream, start=1):
            content = line.removeprefix(_BOM) if number == 1 else line
            content = content.removesuffix(b"\n").removesuffix(b"\r")
            try:
                text = content.decode()
            except UnicodeDecodeError:
                yield Reject(number, column, "it is not UTF-8")
                continue
            if "\0" in text:
                yield Reject(number, column, "it holds a NUL character")
            else:
                yield Row(number, {column: text})


class _ParquetReader(TableReader):
    def _open(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.size is None:
            raise FormatError(f"{self.name} is not a regular file, which Parquet needs")
        try:
            self._file = pq.ParquetFile(self._stream)
            # Metadata (of pandas, of datasets) describes the columns as they were, without ours.
            self.schema = self._file.schema_arrow.remove_metadata()
        except (pa.ArrowException, OSError):
            raise FormatError(
                f"{self.name} is not a complete Parquet file: it is cut short or damaged"
            ) from None
        self.size = self._file.metadata.num_rows
        self._done = 0
        self._set_columns(self.schema.names)
        for column in self._text_columns:
            kind = self.schema.field(column).type
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            is_text = (
                pa.types.is_string(kind)
                or pa.types.is_large_string(kind)
                or pa.types.is_string_view(kind)
                or pa.types.is_null(kind)
            )
            if not is_text:
                raise FormatError(f"{self.name}: column '{column}' holds {kind}, not text")

    @property
    def position(self) -> int:
        return self._done

    def __iter__(self) -> Iterator[Row | Reject]:
        import pyarrow as pa

        batches = self._file.iter_batches(batch_size=_PARQUET_BATCH)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError):
                raise FormatError(
                    f"{self.name} is damaged after record {self._done}: what follows cannot be read"
                ) from None
            if batch is None:
                return
            try:
                records: list[dict[str, Any] | None] = batch.to_pylist()
            except ValueError:  # one bad value fails the batch, so take its rows one by one
                records = [None] * batch.num_rows
            for index, record in enumerate(records):
                self._done += 1
                if record is not None:
                    yield self._checked(self._done, record)
                else:
                    yield self._alone(batch.slice(index, 1))

    def _alone(self, batch: Any) -> Row | Reject:
        values = {}
        for column in self.columns:
            try:
                values[column] = batch.column(column)[0].as_py()
            except UnicodeDecodeError:
                return Reject(self._done, column, "it is not UTF-8")
            except ValueError:
                return Reject(self._done, column, "it cannot be read")
        return self._checked(self._done, values)


# Writing ----------------------------------------------------------------------------------------


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
            raise InputError(f"{place} cannot be written: {_cause(error)}") from None
    names = (*columns, *(added or {}))
    if chosen == "parquet":
        return _ParquetWriter(sink, place, columns, added or {}, schema)
    if chosen == "jsonl":
        return _JsonLinesWriter(sink, place)
    return _SeparatedWriter(sink, place, names, _SEPARATORS[chosen])


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


class _SeparatedWriter(TableWriter):
    def __init__(
        self, sink: BinaryIO, place: Path | None, columns: Sequence[str], separator: str
    ) -> None:
        super().__init__(sink, place)
        self._columns = columns
        # The csv module quotes a carriage return only if the line ends with one: so we let it, and
        # cut it off. It hands over one whole line at a time.
        self._csv = csv.writer(_LineFeeds(self._put), delimiter=separator, lineterminator="\r\n")
        self._csv.writerow(columns)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._csv.writerows([_cell(row.get(name)) for name in self._columns] for row in rows)
        self._sink.flush()


class _LineFeeds:
    def __init__(self, put: Any) -> None:
        self._put = put

    def write(self, line: str) -> None:
        self._put(line.removesuffix("\r\n") + "\n")


class _JsonLinesWriter(TableWriter):
    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            # Half a surrogate pair goes out as \udXXX: to JSON that is the same character.
            self._put(_json(row) + "\n")
        self._sink.flush()


class _ParquetWriter(TableWriter):
    def __init__(
        self,
        sink: BinaryIO,
        place: Path | None,
        columns: Sequence[str],
        added: Mapping[str, type],
        schema: Any,
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        super().__init__(sink, place)
        kinds = {str: pa.string(), float: pa.float64(), bool: pa.bool_(), int: pa.int64()}
        self._strings = columns if schema is None else ()
        if schema is None:
            schema = pa.schema([(name, pa.string()) for name in columns])
        for name, kind in added.items():
            schema = schema.append(pa.field(name, kinds[kind]))
        self._schema = schema
        self._waiting: list[Any] = []
        self._writer = pq.ParquetWriter(sink, schema)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        import pyarrow as pa

        records = [dict(row) for row in rows]
        for record in records:
            for name in self._strings:
                value = record.get(name)
                if value is not None:
                    record[name] = _cell(value).encode("utf-8", "backslashreplace").decode()
        try:
            self._waiting.append(pa.Table.from_pylist(records, schema=self._schema))
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            raise FormatError(
                "a value cannot be written back to Parquet in its column's type; write JSON Lines"
            ) from None
        # Row groups of a useful size; a group for every call would bloat the file.
        if (
            sum(table.num_rows for table in self._waiting) >= _ROW_GROUP_ROWS
            or sum(table.nbytes for table in self._waiting) >= _ROW_GROUP_BYTES
        ):
            self._write_group()

    def _write_group(self) -> None:
        import pyarrow as pa

        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
            self._waiting.clear()

    def _finish(self) -> None:
        self._write_group()
        self._writer.close()

    def close(self) -> None:
        # Arrow would close it when it is collected, and fail, for the sink is closed by then.
        with contextlib.suppress(OSError, ValueError):
            self._writer.close()
        super().close()


def _cell(value: Any) -> str:
    """A value as the text of a field."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bool | int | float | list | tuple | dict):
        return _json(value)
    return _plain(value)


def _plain(value: Any) -> str:
    """What Parquet knows and JSON does not, as text."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain, allow_nan=False)
    except ValueError:  # NaN and infinity are not JSON
        return json.dumps(_finite(value), ensure_ascii=False, default=_plain)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _partial(place: Path) -> Path:
    return place.with_name(place.name + ".partial")


# Continuing after an interruption -----------------------------------------------------------------


class Journal:
    """Results of the batches that are done, kept in a file until the whole job is.

    The first line holds a key: what the results depend on (the input, the model, the options). A
    line of results follows for every batch. A job that was killed starts again from the first row,
    but takes the results of the batches that it finds here instead of computing them, whatever the
    format of its output. A line that the kill has cut short is dropped.

    `is_continued` says that results of an earlier run were found; `changed` names the parts of the
    key that differ from the earlier run's, whose results were thus thrown away.
    """

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        self._path = path
        self.is_continued = False
        self.changed: tuple[str, ...] = ()
        try:
            self._file = path.open("r+b" if path.exists() else "w+b")
        except OSError as error:
            raise InputError(f"{path} cannot be written: {_cause(error)}") from None
        found = self._next()
        if found == key:
            self.is_continued = True
            return
        if isinstance(found, dict):
            self.changed = tuple(name for name in key if found.get(name) != key[name])
        self._file.seek(0)
        self._file.truncate()
        self._append(key)

    def next_batch(self, size: int) -> list[Any] | None:
        """The recorded results of the next batch, or None: then compute and `append` them."""
        start = self._file.tell()
        batch = self._next()
        if isinstance(batch, list) and len(batch) == size:
            return batch
        self._file.seek(start)
        self._file.truncate()
        return None

    def append(self, batch: Sequence[Any]) -> None:
        """Record the results of a batch: JSON-ready values, one for every row."""
        self._append(batch)

    def _next(self) -> Any:
        line = self._file.readline()
        if line.endswith(b"\n"):  # else the kill has cut it short, even if it happens to parse
            with contextlib.suppress(ValueError):
                return json.loads(line)
        return None

    def _append(self, value: Any) -> None:
        self._file.write(json.dumps(value).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Keep the file for the next run."""
        self._file.close()

    def remove(self) -> None:
        """The job is done: forget the results."""
        self._file.close()
        self._path.unlink(missing_ok=True)


# Words for messages -------------------------------------------------------------------------------


def _listed(names: Sequence[str]) -> str:
    # In a file without a header the "names" are a post: so long ones are not shown.
    shown = [f"'{n}'" if len(n) <= 24 else f"(a name of {len(n)} characters)" for n in names[:30]]
    more = [f"and {len(names) - 30} more"] if len(names) > 30 else []
    return ", ".join(shown + more)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value)) or ("a list" if isinstance(value, list) else "an object")


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
