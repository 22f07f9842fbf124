"""Excel workbooks (.xlsx): the first sheet is read, and one sheet is written.

A workbook is read and written as a whole, in memory. A cell has a type of its own; a column with
text in any cell is a column of text, and its numbers and dates are read as text too. Text is
written as text: never as a formula, a link or a number. A whole number of more than 15 digits
(the id of a post), which Excel would round, is written as text.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from riskclf.errors import FormatError
from riskclf.files import Replacement
from riskclf.language import Sentence
from riskclf.tables.cells import cell
from riskclf.tables.reading import Row, TableReader, warn
from riskclf.tables.rejects import Reject
from riskclf.tables.workbooks import check_workbook
from riskclf.tables.writing import TableWriter

__all__ = ["ExcelReader", "ExcelWriter"]

_MOST_ROWS = 1 << 20
_MOST_COLUMNS = 1 << 14
_LONGEST = 32_767  # of the text in a cell, in UTF-16 units
_EXACT = 10**15
_DATE_FORMATS: dict[type, str] = {
    datetime.datetime: "yyyy-mm-dd hh:mm:ss",
    datetime.date: "yyyy-mm-dd",
    datetime.time: "hh:mm:ss",
    datetime.timedelta: "[h]:mm:ss",
}


class ExcelReader(TableReader):
    """The first sheet that is not hidden and not empty; row numbers are those of the sheet."""

    def _open(self) -> None:
        sheet = self._sheet()
        rows = [
            (number, cells) for number, cells in enumerate(sheet, start=1) if any(map(_is, cells))
        ]
        if not rows:
            raise FormatError(f"{self.name} is empty; its first line must name the columns")
        _, header = rows.pop(0)
        width = 1 + max(index for _, cells in [(0, header), *rows] for index in _used(cells))
        self._kept = [
            (number, [_plain(value) for value in cells[:width]]) for number, cells in rows
        ]
        self._set_columns([cell(_plain(value)) for value in header[:width]])
        for index, column in enumerate(self.columns):
            values = [cells[index] for _, cells in self._kept]
            is_text = any(isinstance(value, str) and value for value in values)
            if is_text or column in self._text_columns:
                for _, cells in self._kept:
                    cells[index] = cell(cells[index])
        self.size = len(self._kept)
        self._done = 0

    def _sheet(self) -> Iterable[list[Any]]:
        import python_calamine as calamine

        check_workbook(self.name, self._stream)
        try:
            book = calamine.CalamineWorkbook.from_filelike(self._stream)
            sheets = {}
            for info in book.sheets_metadata:
                if (
                    info.typ == calamine.SheetTypeEnum.WorkSheet
                    and info.visible == calamine.SheetVisibleEnum.Visible
                    and (sheet := book.get_sheet_by_name(info.name)).height
                ):
                    sheets[info.name] = sheet
        except (calamine.CalamineError, OSError, ValueError):
            raise FormatError(
                f"{self.name} is not an Excel workbook that can be read: it is damaged, or has a "
                "password; open it in Excel and save it again as .xlsx"
            ) from None
        if not sheets:
            raise FormatError(f"{self.name} is empty; there is nothing to read")
        if len(sheets) > 1:
            warn(
                Sentence(
                    "{name} has {count} sheets; only the first one is read",
                    name=self.name,
                    count=len(sheets),
                )
            )
        return next(iter(sheets.values())).iter_rows()

    @property
    def position(self) -> int:
        """How many rows were read."""
        return self._done

    def _rows(self) -> Iterator[Row | Reject]:
        for number, cells in self._kept:
            self._done += 1
            yield self._checked(number, dict(zip(self.columns, cells, strict=True)))


def _is(value: Any) -> bool:
    return value is not None and value != ""


def _used(cells: Sequence[Any]) -> Iterator[int]:
    return (index for index, value in enumerate(cells) if _is(value))


def _plain(value: Any) -> Any:
    """A whole number as an int: Excel has one kind of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class ExcelWriter(TableWriter):
    """One sheet, which is put together in memory and written on `commit`."""

    def __init__(
        self,
        name: str,
        output: Replacement | None,
        columns: Sequence[str],
        added: Mapping[str, type],
    ) -> None:
        import xlsxwriter

        super().__init__(name, output, columns, added)
        self._names = (*columns, *added)
        if len(self._names) > _MOST_COLUMNS:
            raise FormatError(
                f"{name}: a sheet has {_MOST_COLUMNS:,} columns at most, and this table has "
                f"{len(self._names):,}; write CSV instead"
            )
        # In memory, because temporary files would hold posts. The date is fixed, so that a
        # continued run gives the same bytes.
        self._content = io.BytesIO()
        self._book = xlsxwriter.Workbook(self._content, {"in_memory": True})
        self._book.set_properties({"created": datetime.datetime(2000, 1, 1)})
        self._sheet = self._book.add_worksheet("posts")
        self._sheet.freeze_panes(1, 0)
        self._formats = {
            kind: self._book.add_format({"num_format": shown})
            for kind, shown in _DATE_FORMATS.items()
        }
        self._row = 0
        self._put_row(self._names)

    def checked(self, row: Row) -> Row | Reject:
        """The row, or why a sheet has no place for it: see `TableWriter.checked`."""
        found = super().checked(row)
        if isinstance(found, Reject):
            return found
        for column, value in row.values.items():
            if isinstance(value, str) and _units(value) > _LONGEST:
                reason = Sentence(
                    "a cell holds {most:,} characters at most: write CSV instead", most=_LONGEST
                )
                return Reject(row.number, column, reason)
        return row

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._put_row([row.get(name) for name in self._names])

    def _put_row(self, values: Sequence[Any]) -> None:
        if self._row == _MOST_ROWS:
            raise FormatError(
                f"{self._name}: a sheet has {_MOST_ROWS:,} rows at most; write CSV or Parquet"
            )
        for column, value in enumerate(values):
            self._put_cell(column, value)
        self._row += 1

    def _put_cell(self, column: int, value: Any) -> None:
        sheet, row = self._sheet, self._row
        if isinstance(value, bool):
            sheet.write_boolean(row, column, value)
            return
        if isinstance(value, int | float) and abs(value) < _EXACT:
            sheet.write_number(row, column, value)
            return
        if type(value) in self._formats:
            try:
                if not sheet.write_datetime(row, column, value, self._formats[type(value)]):
                    return
            except (TypeError, ValueError):
                pass  # a time zone, or a date before 1900: as text
        text = cell(value).encode("utf-8", "backslashreplace").decode()
        if _units(text) > _LONGEST:
            raise FormatError(
                f"{self._name}: a cell holds {_LONGEST:,} characters at most; write CSV instead"
            )
        if text:
            sheet.write_string(row, column, text)

    def _finish(self) -> None:
        self._book.close()
        self._sink.write(self._content.getbuffer())


def _units(text: str) -> int:
    """The length of a text as Excel counts it."""
    return (
        len(text)
        if len(text) <= _LONGEST // 2
        else len(text.encode("utf-16-le", "surrogatepass")) // 2
    )
