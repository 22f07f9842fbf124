"""Open a table for reading: what every format has in common."""

from __future__ import annotations

import io
import os
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from riskclf.errors import ColumnNotFound, FormatError, ReadingWarning
from riskclf.language import Sentence
from riskclf.tables.encodings import AUTO, ERRORS, Encoding, encoding_name, find_encoding
from riskclf.tables.formats import NAMES, WHOLE, Dialect, Format, delimiter_of, format_of
from riskclf.tables.rejects import Reject
from riskclf.tables.streams import Bytes, check_head, open_bytes
from riskclf.tables.texts import text_problem
from riskclf.tables.wording import lacks_column, listed

__all__ = [
    "LONGEST_LINE",
    "LOOK_AHEAD",
    "MOST_COLUMNS",
    "Row",
    "TableFile",
    "TableReader",
    "open_table",
    "refuse_repeated",
    "warn",
]

LONGEST_LINE = 1 << 25
"""Characters of a line of a text file; it is in memory as a whole."""

MOST_COLUMNS = 1 << 17
"""Columns of a table."""

LOOK_AHEAD = 1000
"""Lines of a JSON Lines stream that tell its columns where nobody waits for the first row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A good row: the text columns that were asked for are there and hold a str."""

    number: int
    """Line number in a text file (where the row begins), record number from 1 in Parquet."""

    values: dict[str, Any]
    """All columns of the row. A JSON object may lack some; a CSV row never does."""


@dataclass(frozen=True)
class TableFile(os.PathLike[str]):
    """A file with what its name does not say about it; it can stand where a path can.

    ::

        evaluate(TableFile("posts.csv", encoding="cp932", delimiter=";"))
    """

    path: str | os.PathLike[str]
    """A path, or ``"-"`` for standard input."""
    format: str | None = None
    """See `format_of`; None: the suffix says it. Standard input is JSON Lines unless this says
    else."""
    encoding: str = AUTO
    """Of a text file: utf-8, cp932, euc-jp, utf-16, or auto (see `riskclf.tables.encodings`); of no
    effect on Parquet and workbooks."""
    delimiter: str | None = None
    """Between the columns of CSV or TSV: one character, or ``tab``. None: a comma or a tab."""

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def like(self, path: str | os.PathLike[str]) -> TableFile:
        """Another file, read with the same encoding and delimiter."""
        return replace(self, path=path, format=None)


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
    input is not closed with the table. What is not certain about the reading, such as a guessed
    encoding, is told by a `ReadingWarning`.

    Args:
        source: a path, ``"-"``, or a `TableFile`, which may also name encoding and delimiter.
        format: see `format_of`.
        text_columns: columns that must exist and must hold a str in every row; a row where one does
            not becomes a `Reject`. Plain lines have one column, the first of these.
        look_ahead: how many lines of a JSON Lines stream tell its columns. No row comes out before
            that many have arrived; up to `LOOK_AHEAD` are read to find the text columns.
        before_wait: called before each read from a stream, since its next row may be long in
            coming: handle the rows that were read so far.

    Raises:
        InputError: no such file, a directory, a file that may not be read, or an encoding or a
            delimiter that is not known.
        FormatError: not the format that its suffix or `format` says, or no table at all.
        ColumnNotFound: a text column is missing.
    """
    file = source if isinstance(source, TableFile) else TableFile(source)
    wanted = encoding_name(file.encoding)
    delimiter = None if file.delimiter is None else delimiter_of(file.delimiter)
    # Here, because they build on this module, and only some need Arrow or calamine.
    from riskclf.tables.excel import ExcelReader
    from riskclf.tables.jsonl import JsonLinesReader, LinesReader
    from riskclf.tables.parquet import ParquetReader
    from riskclf.tables.separated import SeparatedReader

    kinds: dict[Format, type[TableReader]] = {
        "csv": SeparatedReader,
        "tsv": SeparatedReader,
        "jsonl": JsonLinesReader,
        "parquet": ParquetReader,
        "xlsx": ExcelReader,
        "lines": LinesReader,
    }
    content = open_bytes(file, before_wait)
    try:
        is_stdin = os.fspath(file) == "-"
        chosen = format_of(file, format or file.format or ("jsonl" if is_stdin else None))
        if is_stdin and chosen in WHOLE:
            raise FormatError(f"{NAMES[chosen]} cannot be read from standard input; name a file")
        content = content.unpacked()
        head = content.head()
        check_head(content.name, chosen, head)
        encoding = None
        if chosen not in WHOLE:
            encoding = find_encoding(content.name, wanted, head, content.lines_beyond_ascii)
            if wanted == AUTO and encoding.name != "utf-8" and not encoding.marked:
                warn(
                    Sentence(
                        "{name} is not UTF-8; it is read as {encoding}. If its posts look wrong, "
                        "name the encoding with --encoding",
                        name=content.name,
                        encoding=encoding.name,
                    )
                )
        elif content.size is None or content.is_packed:
            raise FormatError(
                f"{content.name} is not a regular file, which {NAMES[chosen]} needs; copy or "
                "unpack it first"
            )
        return kinds[chosen](content, chosen, encoding, delimiter, text_columns, look_ahead)
    except BaseException:
        content.stream.close()
        raise


def warn(message: Sentence) -> None:
    """Tell how a file is read where that is not certain."""
    warnings.warn(ReadingWarning(message), stacklevel=2)


class TableReader(ABC):
    """A table that is open for reading: iterate over it once, then close it (or use `with`)."""

    name: str
    """The file as the user named it, for messages."""

    format: Format

    columns: tuple[str, ...]
    """All columns that the rows can have, in the order of the table. A name that is there before
    gets a number: a second column ``note`` is called ``note (2)``."""

    repeated: frozenset[str]
    """Names that more than one column has; none of them may be used."""

    dialect: Dialect
    """How a CSV file that is made from this table is to be written."""

    schema: Any = None
    """The Arrow schema of a Parquet file; None for other formats."""

    size: int | None
    """What `position` will have reached at the end; None when the end is not known."""

    def __init__(
        self,
        content: Bytes,
        format: Format,
        encoding: Encoding | None,
        delimiter: str | None,
        text_columns: Sequence[str],
        look_ahead: int,
    ) -> None:
        self.name, self.size, self.format = content.name, content.size, format
        # What is not UTF-8, or is marked, comes from a spreadsheet and goes back to one.
        marked = encoding is not None and (encoding.marked or encoding.name != "utf-8")
        self.dialect = Dialect(delimiter, marked)
        self._content = content
        self._stream = content.stream
        self._encoding = encoding or Encoding("utf-8", "utf-8-sig", False)
        self._text_columns = tuple(text_columns)
        self._look_ahead = look_ahead
        self._open()

    @property
    def encoding(self) -> str:
        """The name of the encoding that the file is read in."""
        return self._encoding.name

    @abstractmethod
    def _open(self) -> None:
        """Read as much as it takes to know the columns."""

    @property
    def position(self) -> int:
        """How far the reader is: bytes of a text file, records of Parquet or a workbook."""
        return self._content.position

    @property
    def version(self) -> tuple[int, int] | None:
        """Size and time of change of the file when it was opened; None for a pipe."""
        return self._content.version

    def __iter__(self) -> Iterator[Row | Reject]:
        """Good rows and rejects in the order of the table.

        Raises:
            FormatError: what follows cannot be read: a Parquet file is damaged, or a line of a text
                file is longer than `LONGEST_LINE`.
            InputError: the file was changed while it was read; raised at its end.
        """
        try:
            yield from self._rows()
        except FormatError:
            self._content.check_unchanged()  # which tells more
            raise
        self._content.check_unchanged()

    @abstractmethod
    def _rows(self) -> Iterator[Row | Reject]: ...

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decoded(self, newline: str) -> io.TextIOWrapper:
        """The text of the file; what cannot be decoded is marked (see `Encoding.is_bad`)."""
        encoding = self._encoding
        return io.TextIOWrapper(self._stream, encoding.codec, errors=ERRORS, newline=newline)

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        """The lines of a text, from where it stands."""
        number = 0
        while line := text.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:  # a few bytes of gzip can hold a line that fills memory
                raise FormatError(
                    f"{self.name} line {number:,} is longer than {LONGEST_LINE:,} characters: "
                    "no post is; check the file"
                )
            yield line

    def _set_columns(self, columns: Sequence[str]) -> None:
        if len(columns) > MOST_COLUMNS:
            raise FormatError(
                f"{self.name} has {len(columns):,} columns, more than {MOST_COLUMNS:,}: check the "
                "file and its format"
            )
        counts = Counter(columns)
        self.repeated = frozenset(name for name, count in counts.items() if count > 1)
        self.columns = _told_apart(columns)
        for column in self._text_columns:
            if column not in self.columns:
                hint = "say which one holds the text with --text-column"
                raise ColumnNotFound(lacks_column(self.name, column, columns, hint))
            refuse_repeated(self.name, column, self.repeated)

    def _checked(self, number: int, values: dict[str, Any]) -> Row | Reject:
        for column in self._text_columns:
            if problem := text_problem(values.get(column)):
                return Reject(number, column, problem)
        return Row(number, values)


def refuse_repeated(name: str, column: str, repeated: frozenset[str]) -> None:
    """Refuse a column that is used and whose name another one has too.

    Raises:
        FormatError: nothing says which of them is meant.
    """
    if column in repeated:
        raise FormatError(
            f"{name} has more than one column named {listed([column])}; rename all but one"
        )


def _told_apart(columns: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number where one was there before: ``a``, ``a (2)``."""
    taken = set(columns)
    names: dict[str, None] = {}
    numbers: dict[str, int] = {}  # the last one of each name: to count anew would be quadratic
    for column in columns:
        name, number = column, numbers.get(column, 1)
        while name in names or (number > 1 and name in taken):
            number += 1
            name = f"{column} ({number})"
        numbers[column] = number
        names[name] = None
    return tuple(names)
