"""Tables that are small on the disk and would fill memory, or take time out of proportion."""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from riskclf.errors import FormatError
from riskclf.tables import Reject, create_table, open_table
from riskclf.tables.cells import number_of
from riskclf.tables.reading import LONGEST_LINE, MOST_COLUMNS
from riskclf.tables.workbooks import MOST_UNPACKED, check_workbook

Change = Callable[[bytes], bytes]


def workbook(path: Path, **parts: Change | bytes) -> Path:
    """A workbook with one post; ``sheet1=...`` changes what xl/worksheets/sheet1.xml holds."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.add_worksheet().write_column(0, 0, ["text", "hello"])
    names = {"sheet1": "xl/worksheets/sheet1.xml", "strings": "xl/sharedStrings.xml"}
    changes = {names.get(name, name): change for name, change in parts.items()}
    with (
        zipfile.ZipFile(content) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            part = old.read(name)
            change = changes.pop(name, part)
            new.writestr(name, change(part) if callable(change) else change)
        for name, change in changes.items():
            assert isinstance(change, bytes)
            new.writestr(name, change)
    return path


def more_rows(rows: bytes) -> Change:
    return lambda sheet: sheet.replace(b"</sheetData>", rows + b"</sheetData>")


def test_the_last_cell_of_a_sheet_does_not_lay_out_all_the_others(tmp_path: Path) -> None:
    far = more_rows(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    path = workbook(tmp_path / "far.xlsx", sheet1=far)
    assert path.stat().st_size < 10_000
    with pytest.raises(FormatError, match=r"far\.xlsx has more than 16,777,216 cells.*as CSV"):
        open_table(path)


def test_empty_cells_with_a_style_at_the_end_of_a_sheet_are_none(tmp_path: Path) -> None:
    styled = more_rows(b'<row r="1048576"><c r="XFD1048576" s="0"/></row>')
    with open_table(workbook(tmp_path / "styled.xlsx", sheet1=styled)) as table:
        assert len([*table]) == 1


def test_a_text_that_many_cells_share_is_counted_in_each_of_them(tmp_path: Path) -> None:
    rows = b"".join(
        b'<row r="%d"><c r="A%d" t="s"><v>1</v></c></row>' % (row, row) for row in range(3, 3000)
    )
    path = workbook(
        tmp_path / "shared.xlsx",
        sheet1=more_rows(rows),
        strings=lambda part: part.replace(b"hello", b"x" * 100_000),
    )
    assert path.stat().st_size < 50_000
    with pytest.raises(FormatError, match=r"shared\.xlsx has more than 268,435,456 characters"):
        open_table(path)


def test_a_part_that_unpacks_to_gigabytes_is_refused_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_UNPACKED == 1 << 30
    monkeypatch.setattr("riskclf.tables.workbooks.MOST_UNPACKED", 1 << 20)
    path = workbook(tmp_path / "bomb.xlsx", **{"xl/media/image1.png": bytes(2 << 20)})
    with pytest.raises(FormatError, match=r"bomb\.xlsx holds more than 1,048,576 bytes"):
        open_table(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda part: part.replace(
            b"<worksheet",
            b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><worksheet',
            1,
        ),
        lambda part: part.replace(b"</sheetData>", b""),
        lambda part: part + b"\0",
        lambda part: part.replace(b"A2", b"A0009999999"),
        lambda part: part.replace(b"<v>1</v>", b"<v>99999999999999999999</v>"),
        lambda part: b"<a>" * 200 + b"</a>" * 200,
        lambda part: part.replace(b"<worksheet", b'<worksheet a="' + b"x" * (8 << 20) + b'"', 1),
    ],
    ids=["entity", "cut", "nul", "row", "place", "deep", "attribute"],
)
def test_a_sheet_that_is_not_as_excel_writes_it_is_one_clear_error(
    tmp_path: Path, change: Change
) -> None:
    path = workbook(tmp_path / "odd.xlsx", sheet1=change)
    try:
        with open_table(path) as table:
            rows = [*table]
    except FormatError as error:
        assert "save it again as .xlsx" in str(error)
    else:
        assert len(rows) <= 1


def test_another_kind_of_document_in_a_workbook_is_not_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "both.xlsx", **{"content.xml": b"<a/>"})
    with pytest.raises(FormatError, match="save it again as"):
        open_table(path)
    moved = workbook(
        tmp_path / "moved.xlsx",
        **{"xl/_rels/workbook.xml.rels": lambda x: x.replace(b"sheet1.xml", b"sheet1.png")},
    )
    with pytest.raises(FormatError, match="save it again as"):
        open_table(moved)


def test_what_is_no_zip_is_told_as_such(tmp_path: Path) -> None:
    content = workbook(tmp_path / "whole.xlsx").read_bytes()
    for size in (4, 100, len(content) // 2, len(content) - 5):
        stream = io.BufferedReader(io.BytesIO(content[:size]))
        with pytest.raises(FormatError, match="save it again as"):
            check_workbook("cut.xlsx", stream)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "tsv"])
def test_a_line_that_fills_memory_is_refused_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    assert LONGEST_LINE == 1 << 25
    monkeypatch.setattr("riskclf.tables.reading.LONGEST_LINE", 1 << 16)
    path = tmp_path / f"bomb.{suffix}.gz"
    first = b'{"text": "a"}\n' if suffix == "jsonl" else b"text\n"
    with gzip.open(path, "wb") as file:
        file.write(first + b"x" * (1 << 20))
    assert path.stat().st_size < 2000
    with (
        pytest.raises(FormatError, match=r"line 2 is longer than 65,536 characters"),
        open_table(path) as table,
    ):
        assert not [*table]


def test_a_line_of_ten_megabytes_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("text\n" + "あ" * 10_000_000 + "\n", encoding="utf-8")
    with open_table(path) as table:
        (row,) = table
    assert not isinstance(row, Reject)
    assert len(row.values["text"]) == 10_000_000


def test_more_columns_than_any_table_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("text," + "a," * MOST_COLUMNS + "\n", encoding="utf-8")
    with pytest.raises(FormatError, match=r"wide\.csv has 131,074 columns, more than 131,072"):
        open_table(path)
    lines = tmp_path / "wide.jsonl"
    lines.write_text(
        "".join(
            json.dumps({"text": "a", **{f"{row}-{x}": 0 for x in range(40_000)}}) + "\n"
            for row in range(4)
        ),
        encoding="utf-8",
    )
    with pytest.raises(FormatError, match=r"wide\.jsonl has .* columns, more than 131,072"):
        open_table(lines)


def _seconds(path: Path) -> float:
    """Processor time of reading a table, the better of two."""

    def once() -> float:
        before = time.process_time()
        with open_table(path) as table:
            rows = [*table]
        assert rows
        return time.process_time() - before

    return min(once(), once())


@pytest.mark.parametrize("kind", ["same", "different", "new in each row", "parquet"])
def test_time_grows_with_the_number_of_columns_and_no_faster(tmp_path: Path, kind: str) -> None:
    def table(columns: int) -> Path:
        path = tmp_path / f"{columns}.csv"
        names = ["a"] * columns if kind == "same" else [f"c{x}" for x in range(columns)]
        if kind == "parquet":
            path = path.with_suffix(".parquet")
            values = {name: ["x"] for name in names}
            pq.write_table(pa.table({"text": ["a"], **values}), path)
        elif kind == "new in each row":
            path = path.with_suffix(".jsonl")
            lines = (json.dumps({"text": "a", name: 1}) for name in names)
            path.write_text("\n".join(lines), encoding="utf-8")
        else:
            rows = (",".join(["text", *names]), ",".join("x" * (columns + 1)))
            path.write_text("\n".join(rows), encoding="utf-8")
        return path

    size = {"parquet": 2_000, "new in each row": 5_000}.get(kind, 15_000)
    # Four times as many columns take some 4 times as long, and 16 times if it were quadratic.
    assert _seconds(table(4 * size)) < 9 * _seconds(table(size)) + 0.02


def test_numbers_beyond_a_float_are_numbers_or_none_and_can_be_written(tmp_path: Path) -> None:
    huge = 10**400
    assert number_of(huge) is None
    path = tmp_path / "huge.jsonl"
    path.write_text(
        f'{{"text": "a", "n": {huge}}}\n{{"text": "b", "n": 1e400}}\n'
        f'{{"text": "c", "n": -{huge}}}\n{{"text": "d", "n": {"9" * 5000}}}\n',
        encoding="utf-8",
    )
    with open_table(path) as table:
        rows = [row for row in table if not isinstance(row, Reject)]
    assert [row.values["text"] for row in rows] == ["a", "b", "c"]
    for suffix in ("csv", "jsonl", "parquet", "xlsx"):
        with create_table(tmp_path / f"o.{suffix}", columns=("text", "n")) as output:
            output.write(row.values for row in rows)
            output.commit()
    with open_table(tmp_path / "o.xlsx") as table:
        written = [row.values["n"] for row in table if not isinstance(row, Reject)]
    assert written[0] == str(huge)
