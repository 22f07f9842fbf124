"""CSV and TSV, read and written as RFC 4180 says."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from riskclf.errors import FormatError
from riskclf.files import Replacement
from riskclf.language import Sentence
from riskclf.tables.cells import cell
from riskclf.tables.encodings import ENCODINGS
from riskclf.tables.formats import NAMES, SEPARATORS, Dialect, Format
from riskclf.tables.reading import Row, TableReader
from riskclf.tables.rejects import Reject
from riskclf.tables.writing import TableWriter

__all__ = [
    "SeparatedReader",
    "SeparatedWriter",
]

# After OWASP's advice on CSV injection. "\s" holds the tab and the carriage return.
_FORMULA = re.compile(r"[\t\r]|\s*[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_RECORD_LIMIT = 1 << 25  # characters over several lines after which a quote counts as never closed


class SeparatedReader(TableReader):
    """CSV and TSV."""

    def _open(self) -> None:
        # The csv module's limit is process-wide and 128 KiB unless raised; a post may be longer.
        csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
        self._text = self._decoded(newline="")
        separator = self.dialect.delimiter or SEPARATORS[self.format]
        self._records = _records(self._lines(self._text), separator)
        header = next(self._records, None)
        if header is None:
            raise FormatError(f"{self.name} is empty; its first line must name the columns")
        number, fields = header
        if isinstance(fields, str) or self._bad_field(fields) is not None:
            raise FormatError(
                f"{self.name} line {number} should name the columns, but it is not a valid "
                f"{NAMES[self.format]} line in {ENCODINGS[self._encoding.name]}"
            )
        self._set_columns(fields)

    def _rows(self) -> Iterator[Row | Reject]:
        width = len(self.columns)
        for number, fields in self._records:
            if isinstance(fields, str):
                yield Reject(number, None, fields)
            elif len(fields) != width:
                reason = Sentence(
                    "it has {fields} fields and the header has {width}",
                    fields=len(fields),
                    width=width,
                )
                yield Reject(number, None, reason)
            elif (bad := self._bad_field(fields)) is not None:
                index, reason = bad
                yield Reject(number, self.columns[index], reason)
            else:
                yield self._checked(number, dict(zip(self.columns, fields, strict=True)))

    def _bad_field(self, fields: list[str]) -> tuple[int, Sentence] | None:
        """The first field with a NUL or with what cannot be decoded, and what is wrong with it."""
        row = "".join(fields)
        if row.isascii() and "\0" not in row:
            return None
        for index, field in enumerate(fields):
            if "\0" in field:
                return index, Sentence("it holds a NUL character")
            if self._encoding.is_bad(field):
                return index, self._encoding.problem
        return None

    def close(self) -> None:
        """Let go of the file."""
        self._text.close()


class _Unclosed(Exception):
    """A quoted field runs on for longer than a record may be."""


def _records(text: Iterable[str], separator: str) -> Iterator[tuple[int, list[str] | Sentence]]:
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
            yield number, Sentence("a quote is not closed, or text follows the closing quote")
            again.extendleft(reversed(taken[1:]))
            number += 1
            reader = csv.reader(lines(), delimiter=separator, strict=True)
            continue
        if fields:
            yield number, fields
        number += len(taken)


class SeparatedWriter(TableWriter):
    """CSV and TSV."""

    def __init__(
        self,
        name: str,
        output: Replacement | None,
        columns: Sequence[str],
        added: Mapping[str, type],
        format: Format,
        dialect: Dialect,
    ) -> None:
        super().__init__(name, output, columns, added)
        self._names = (*columns, *added)
        self._cell = _harmless if dialect.for_excel else cell
        given = dialect.delimiter if format == "csv" else None
        # The csv module quotes a carriage return only if the line ends with one: so we let it, and
        # cut it off. It hands over one whole line at a time.
        self._csv = csv.writer(
            _LineFeeds(self._put), delimiter=given or SEPARATORS[format], lineterminator="\r\n"
        )
        if dialect.marked:
            self._put("\ufeff")
        self._csv.writerow([self._cell(name) for name in self._names])

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._csv.writerows([self._cell(row.get(name)) for name in self._names] for row in rows)
        self._sink.flush()


def _harmless(value: Any) -> str:
    """The text of a field, with an apostrophe before it where a spreadsheet may see a formula.

    That is what begins with an equals, plus, minus or at sign (half or full width), a tab or a
    carriage return, also after blanks; a plain number such as -0.5 is none. A spreadsheet shows the
    apostrophe, and runs nothing.
    """
    text = cell(value)
    if not _FORMULA.match(text) or _NUMBER.fullmatch(text):
        return text
    return f"'{text}"


class _LineFeeds:
    def __init__(self, put: Any) -> None:
        self._put = put

    def write(self, line: str) -> None:
        self._put(line.removesuffix("\r\n") + "\n")
