"""Tables are written without changing a value."""

from __future__ import annotations

import csv
import datetime
import decimal
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import riskclf
from riskclf.errors import FormatError, InputError
from riskclf.tables import Dialect, Row, create_table, open_table
from tests.tables.helpers import FORMATS, NASTY, read, texts, write


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_every_text_survives_every_conversion(tmp_path: Path, source: str, target: str) -> None:
    rows = [{"text": text, "n": str(index)} for index, text in enumerate(NASTY)]
    first, second = tmp_path / f"a.{source}", tmp_path / f"b.{target}"
    with create_table(first, columns=("text", "n")) as writer:
        writer.write(rows)
        writer.commit()
    with open_table(first) as table:
        columns = table.columns
        assert columns == ("text", "n")
        with create_table(
            second, columns=columns, schema=table.schema, added={"score": float, "long": bool}
        ) as writer:
            for row in table:
                assert isinstance(row, Row)
                writer.write([{**row.values, "score": 0.5, "long": False}])
            writer.commit()
    got, rejects = read(second)
    assert rejects == []
    score, long = (0.5, False) if target in ("jsonl", "parquet", "xlsx") else ("0.5", "false")
    assert [row.values for row in got] == [{**row, "score": score, "long": long} for row in rows]
    assert list(got[0].values) == ["text", "n", "score", "long"]


def test_csv_can_be_read_by_others(tmp_path: Path) -> None:
    with create_table(tmp_path / "t.csv", columns=("text",)) as writer:
        writer.write({"text": text} for text in NASTY)
        writer.commit()
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert [row["text"] for row in csv.DictReader(file)] == NASTY


RISKY_CELLS = ["=1+1", "+1+1", "-1+1", "@a", "\ttab", "\rreturn", " =1+1", "＝1+1", "\u3000@a"]
HARMLESS_CELLS = ["今日はパンを焼いた", "", "-0.5", "+81", "1-1", "a=b", "'quoted"]


def test_for_excel_no_cell_can_run_as_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    dialect = Dialect(marked=True, for_excel=True)
    with create_table(path, columns=("text", "=name"), dialect=dialect) as writer:
        writer.write({"text": text, "=name": -1} for text in (*RISKY_CELLS, *HARMLESS_CELLS))
        writer.commit()
    assert path.read_bytes().startswith(b"\xef\xbb\xbf" + b"text,'=name\n")
    expected = [f"'{text}" for text in RISKY_CELLS] + HARMLESS_CELLS
    assert texts(path) == expected
    assert {row.values["'=name"] for row in read(path)[0]} == {"-1"}


def test_a_compressed_table_is_always_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        with create_table(tmp_path / name, columns=("text",)) as writer:
            writer.write({"text": text} for text in NASTY)
            writer.commit()
    assert texts(tmp_path / "a.csv.gz") == NASTY
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def test_jsonl_is_readable_and_keeps_types_and_missing_keys(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "天気", "n": 12345678901234567890, "x": None, "deep": {"a": [1, True]}},
        {"text": "\ud83d half a pair"},
        {"text": "nan", "n": float("nan")},
    ]
    with create_table(tmp_path / "t.jsonl", columns=("text", "n", "x", "deep")) as writer:
        writer.write(rows)
        writer.commit()
    content = (tmp_path / "t.jsonl").read_text(encoding="utf-8")
    assert "天気" in content
    got = [json.loads(line) for line in content.splitlines()]
    assert got == [*rows[:2], {"text": "nan", "n": None}]


def test_half_a_surrogate_pair_can_be_written_everywhere(tmp_path: Path) -> None:
    for format in FORMATS:
        path = tmp_path / f"t.{format}"
        with create_table(path, columns=("text",)) as writer:
            writer.write([{"text": "\ud83d half"}, {"text": "whole"}])
            writer.commit()
        assert texts(path)[1] == "whole"


def test_parquet_keeps_its_column_types(tmp_path: Path) -> None:
    schema = pa.schema(
        [
            ("text", pa.large_string()),
            ("n", pa.int16()),
            ("when", pa.timestamp("ns", tz="Asia/Tokyo")),
            ("day", pa.date32()),
            ("price", pa.decimal128(9, 2)),
            ("tags", pa.list_(pa.string())),
            ("who", pa.struct([("a", pa.int8())])),
            ("kind", pa.dictionary(pa.int32(), pa.string())),
            ("raw", pa.binary()),
            ("nothing", pa.null()),
        ]
    )
    when = 1_700_000_000_123_456_789
    row = {
        "text": "散歩",
        "n": 7,
        "when": when,
        "day": datetime.date(2020, 2, 3),
        "price": decimal.Decimal("1.20"),
        "tags": ["a", None],
        "who": {"a": 1},
        "kind": "k",
        "raw": b"\0\1",
        "nothing": None,
    }
    before = pa.Table.from_pylist([row, {"text": ""}], schema=schema)
    described = before.replace_schema_metadata({"huggingface": "the columns as they were"})
    pq.write_table(described, tmp_path / "a.parquet")
    with (
        open_table(tmp_path / "a.parquet") as table,
        create_table(
            tmp_path / "b.parquet",
            columns=table.columns,
            schema=table.schema,
            added={"label": str, "risk": float, "truncated": bool},
        ) as writer,
    ):
        rows = [row for row in table if isinstance(row, Row)]
        writer.write({**row.values, "label": "x", "risk": 0.1, "truncated": True} for row in rows)
        writer.commit()
    after = pq.read_table(tmp_path / "b.parquet")
    assert after.select(schema.names).equals(before)
    assert after.schema.field("risk").type == pa.float64()
    assert b"huggingface" not in (after.schema.metadata or {})  # it would no longer be true
    # And as text, nothing fails either.
    for name in ("c.csv", "c.jsonl"):
        with create_table(tmp_path / name, columns=schema.names) as writer:
            writer.write(row.values for row in rows)
            writer.commit()
        assert texts(tmp_path / name) == ["散歩", ""]


def test_parquet_from_other_formats_has_string_columns(tmp_path: Path) -> None:
    with create_table(tmp_path / "t.parquet", columns=("text", "n")) as writer:
        writer.write([{"text": "a", "n": 5}, {"text": "b", "n": {"k": [1]}}, {"text": "c"}])
        writer.commit()
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.schema.types == [pa.string(), pa.string()]
    assert table["n"].to_pylist() == ["5", '{"k": [1]}', None]


def test_many_small_writes_make_few_row_groups(tmp_path: Path) -> None:
    with create_table(tmp_path / "t.parquet", columns=("text",)) as writer:
        for _ in range(70):
            writer.write({"text": str(n)} for n in range(1000))
        writer.commit()
    metadata = pq.ParquetFile(tmp_path / "t.parquet").metadata
    assert (metadata.num_rows, metadata.num_row_groups) == (70_000, 2)


@pytest.mark.parametrize("format", FORMATS)
def test_the_place_is_taken_only_on_commit(tmp_path: Path, format: str) -> None:
    path = write(tmp_path / f"t.{format}", "the old one")
    with create_table(path, columns=("text",)) as writer:
        writer.write([{"text": "new"}])
    assert path.read_text() == "the old one"
    with create_table(path, columns=("text",)) as writer:
        writer.write([{"text": "new"}])
        writer.commit()
    assert texts(path) == ["new"]
    assert sorted(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory"):
        create_table(tmp_path / "no" / "t.csv", columns=("text",))
    with pytest.raises(InputError, match="is a directory"):
        create_table(tmp_path, columns=("text",), format="csv")
    with pytest.raises(FormatError, match="suffix"):
        create_table(tmp_path / "t.docx", columns=("text",))
    with pytest.raises(FormatError, match="compressed already"):
        create_table(tmp_path / "t.parquet.gz", columns=("text",))
    with pytest.raises(FormatError, match="Parquet cannot be written to standard output"):
        create_table("-", columns=("text",), format="parquet")


def test_a_link_is_written_through_and_the_mode_of_the_older_file_is_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    target.touch(mode=0o600)
    link.symlink_to(target)
    precious = tmp_path / "precious.txt"
    precious.write_text("kept", encoding="utf-8")
    (tmp_path / "real.csv.partial").symlink_to(precious)
    with create_table(link, columns=("text",)) as table:
        table.write([{"text": "雨"}])
        table.commit()
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "text\n雨\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert precious.read_text(encoding="utf-8") == "kept"


def test_what_was_not_committed_stays_beside_the_output_unless_it_is_discarded(
    tmp_path: Path,
) -> None:
    with create_table(tmp_path / "t.csv", columns=("text",)) as table:
        table.write([{"text": "雨"}])
    assert texts_of(tmp_path) == {"t.csv.partial": "text\n雨\n"}
    with create_table(tmp_path / "t.csv", columns=("text",)) as table:
        table.write([{"text": "雪"}])
        table.discard()
    assert texts_of(tmp_path) == {}


def texts_of(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in directory.iterdir()}


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_is_one_error_that_names_the_output(tmp_path: Path, format: str) -> None:
    code = f"""
import os, resource
from riskclf.errors import InputError
from riskclf.tables import create_table
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with create_table("t.{format}", columns=("text",)) as table:
        for _ in range(200):
            table.write([{{"text": os.urandom(1000).hex()}}])
        table.commit()
except InputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(riskclf.__file__).parent.parent)},
        check=False,
    )
    assert done.stderr == ""
    assert re.fullmatch(rf"t\.{format} cannot be written: .*File too large.*\n", done.stdout)


def test_a_column_name_that_parquet_cannot_hold_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"t\.parquet: Parquet cannot hold a column whose name"):
        create_table(tmp_path / "t.parquet", columns=("text", "\ud800"))
    assert list(tmp_path.iterdir()) == []


def test_a_parquet_value_of_another_type_is_an_error_that_names_the_output(tmp_path: Path) -> None:
    schema = pa.schema([("text", pa.string()), ("n", pa.int64())])
    with create_table(tmp_path / "t.parquet", columns=("text", "n"), schema=schema) as table:
        with pytest.raises(FormatError, match=r"t\.parquet: a value does not fit"):
            table.write([{"text": "a", "n": "b"}])
        table.discard()


def test_values_in_memory_that_are_nested_too_deep_are_one_clear_error(tmp_path: Path) -> None:
    deep: object = float("nan")
    for _ in range(100_000):
        deep = [deep]
    with create_table(tmp_path / "t.csv", columns=("text", "n")) as table:
        with pytest.raises(FormatError, match="nested too deep"):
            table.write([{"text": "a", "n": deep}])
        table.discard()
