"""JSON Lines, read and written; and plain lines (one post a line), which are only read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from riskclf.errors import FormatError
from riskclf.language import Sentence
from riskclf.tables.cells import json_text
from riskclf.tables.reading import LOOK_AHEAD, MOST_COLUMNS, Row, TableReader
from riskclf.tables.rejects import Reject
from riskclf.tables.wording import kind_of
from riskclf.tables.writing import TableWriter

__all__ = [
    "JsonLinesReader",
    "JsonLinesWriter",
    "LinesReader",
]

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_DEEPEST = 100  # levels; Python cannot write what is nested some 500 deep
_TOO_DEEP = Sentence("it is JSON that is nested more than {levels} levels deep", levels=_DEEPEST)


class JsonLinesReader(TableReader):
    """One JSON object a line."""

    def _open(self) -> None:
        self._head: list[str] = []  # what was read of a stream
        self._text = self._decoded(newline="\n")
        columns: dict[str, None] = {}
        found = False
        problem = ""
        for number, line in _numbered(
            self._lines(self._text) if self.size is not None else self._kept()
        ):
            record = self._parsed(line)
            if isinstance(record, str):
                problem = problem or f": line {number}: {record}"
                continue
            found = True
            columns.update(dict.fromkeys(record))
            if len(columns) > MOST_COLUMNS:
                break  # `_set_columns` refuses them
            # The next record of a stream may be long in coming.
            seen, known = len(self._head), columns.keys() >= set(self._text_columns)
            if seen >= (self._look_ahead if known else LOOK_AHEAD):
                break
        if not found:
            raise FormatError(
                f"{self.name} is not JSON Lines (one JSON object a line){problem}; "
                "if it is something else, say so by its suffix or (`riskclf predict`) by --format"
            )
        if self.size is not None:
            self._text.seek(0)
        self._set_columns(list(columns))

    def _kept(self) -> Iterator[str]:
        for line in self._lines(self._text):
            self._head.append(line)
            yield line

    def _rows(self) -> Iterator[Row | Reject]:
        for number, line in _numbered(chain(self._head, self._lines(self._text))):
            record = self._parsed(line)
            if isinstance(record, str):
                yield Reject(number, None, record)
            else:
                yield self._checked(number, record)

    def _parsed(self, line: str) -> dict[str, Any] | Sentence:
        return self._encoding.problem if self._encoding.is_bad(line) else _parse_json(line)

    def close(self) -> None:
        """Let go of the file."""
        self._text.close()


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers."""
    for number, line in enumerate(lines, start=1):
        if line.strip(" \t\r\n"):
            yield number, line


def _parse_json(line: str) -> dict[str, Any] | Sentence:
    """The JSON object of a line, or what is wrong with it (in words without its text)."""
    try:
        value = json.loads(line, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        return Sentence("it is not valid JSON at character {place}", place=error.pos + 1)
    except RecursionError:
        return _TOO_DEEP
    except ValueError as error:  # a repeated key, or a number of more than 4,300 digits
        if isinstance(error, _Repeated):
            return Sentence("it is JSON with the same key twice in one object")
        return Sentence("it is JSON that cannot be read")
    if not isinstance(value, dict):
        return Sentence("it is {kind}, not a JSON object", kind=kind_of(value))
    if line.count("[") + line.count("{") > _DEEPEST and _depth(value) > _DEEPEST:
        return _TOO_DEEP
    if any(map(_HALF_PAIR.search, value)):
        return Sentence("it has a column whose name holds half of a surrogate pair")
    return value


def _depth(value: Any) -> int:
    """How many levels of lists and objects there are; counted level by level, not recursively."""
    depth = 0
    level = [value]
    while level:
        depth += 1
        inner: list[Any] = []
        for item in level:
            inner += item.values() if isinstance(item, dict) else item
        level = [item for item in inner if isinstance(item, dict | list)]
    return depth


class _Repeated(ValueError):
    pass


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _Repeated
    return values


class LinesReader(TableReader):
    """One text a line; every line is a row, a blank one too, so that rows are lines."""

    def _open(self) -> None:
        self._text = self._decoded(newline="\n")
        self._set_columns(self._text_columns[:1])

    def _rows(self) -> Iterator[Row | Reject]:
        column = self.columns[0]
        for number, line in enumerate(self._lines(self._text), start=1):
            text = line.removesuffix("\n").removesuffix("\r")
            if self._encoding.is_bad(text):
                yield Reject(number, column, self._encoding.problem)
            elif "\0" in text:
                yield Reject(number, column, Sentence("it holds a NUL character"))
            else:
                yield Row(number, {column: text})

    def close(self) -> None:
        """Let go of the file."""
        self._text.close()


class JsonLinesWriter(TableWriter):
    """One JSON object a line."""

    def checked(self, row: Row) -> Row | Reject:
        """The row, or why this table has no place for it: see `TableWriter.checked`."""
        taken = next((name for name in self._added if name in row.values), None)
        if taken is None:
            return row
        reason = Sentence("it has a column '{name}', which the first row does not have", name=taken)
        return Reject(row.number, None, reason)

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            # Half a surrogate pair goes out as \udXXX: to JSON that is the same character.
            self._put(json_text(row) + "\n")
        self._sink.flush()
