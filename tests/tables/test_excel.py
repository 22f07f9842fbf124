"""Workbooks are read as Excel writes them, and written so that nothing in them runs."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import python_calamine
import xlsxwriter

from riskclf.errors import FormatError, ReadingWarning
from riskclf.tables import Reject, Row, create_table
from tests.tables.helpers import read, texts


def book(path: Path, *sheets: list[list[Any]]) -> Path:
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy/mm/dd"}) as out:
        for rows in sheets:
            sheet = out.add_worksheet()
            for number, cells in enumerate(rows):
                for column, value in enumerate(cells):
                    if value is not None:
                        sheet.write(number, column, value)
    return path


def cells(path: Path) -> list[list[Any]]:
    return list(python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0).iter_rows())


DAY = datetime.datetime(2020, 1, 2, 3, 4, 5)


def test_a_sheet_is_read_with_its_row_numbers_and_types(tmp_path: Path) -> None:
    path = book(
        tmp_path / "t.xlsx",
        [[None], ["text", "n", "id", "when"], ["雨", 1, "A1", DAY], [None], [110, 2.5, 7, None]],
    )
    rows, rejects = read(path)
    assert rejects == []
    assert rows == [
        Row(3, {"text": "雨", "n": 1, "id": "A1", "when": DAY}),
        # A post of digits is a number to Excel; a column with any text is one of text.
        Row(5, {"text": "110", "n": 2.5, "id": "7", "when": ""}),
    ]


def test_only_the_first_sheet_with_rows_is_read_and_that_is_said(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [], [["text"], ["雨"]], [["text"], ["雪"]])
    with pytest.warns(ReadingWarning, match="has 2 sheets; only the first one is read"):
        assert texts(path) == ["雨"]
    with pytest.raises(FormatError, match="is empty"):
        texts(book(tmp_path / "t.xlsx", []))


def test_text_stays_text_and_numbers_stay_numbers(tmp_path: Path) -> None:
    posts = ["=1+1", "https://example.org/", "007", "-1", "_x0041_", "a\x01b", "TRUE"]
    path = tmp_path / "t.xlsx"
    columns = ("text", "id", "n", "yes", "when", "list")
    values = {"id": 1234567890123456789, "n": 1.5, "yes": True, "when": DAY, "list": ["a"]}
    with create_table(path, columns=columns) as out:
        out.write({"text": post, **values} for post in posts)
        out.commit()
    found = cells(path)
    assert found[0] == list(columns)
    assert found[1:] == [[post, "1234567890123456789", 1.5, True, DAY, '["a"]'] for post in posts]


def test_what_a_cell_cannot_hold_is_rejected_and_not_cut(tmp_path: Path) -> None:
    with create_table(tmp_path / "t.xlsx", columns=("text",)) as out:
        assert out.checked(Row(2, {"text": "あ" * 32_767})) == Row(2, {"text": "あ" * 32_767})
        for long in ("あ" * 32_768, "🍞" * 16_384):
            found = out.checked(Row(2, {"text": long}))
            assert isinstance(found, Reject)
            assert "32,767 characters" in found.reason
        with pytest.raises(FormatError, match="write CSV instead"):
            out.write([{"text": "あ" * 32_768}])


def test_a_workbook_is_always_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        with create_table(tmp_path / name, columns=("text",)) as out:
            out.write([{"text": "雨"}])
            out.commit()
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
