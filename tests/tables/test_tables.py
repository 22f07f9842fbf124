"""Tables are read without losing a row and written without changing a value."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import json
import os
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskclf.errors import ColumnNotFound, FormatError, InputError, RiskclfError
from riskclf.tables import Journal, Reject, Row, create_table, open_table

FORMATS = ("csv", "tsv", "jsonl", "parquet")

NASTY = [
    "今日はパンを焼いた",
    "",
    'she said "hello", twice',
    "two\nlines",
    "carriage\rreturn",
    "both\r\nof them",
    "tab\there",
    " spaces kept ",
    "=1+1",
    "null",
    "family 👨‍👩‍👧 photo",
    "line\u2028separator and \x1c too",
]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path | str, **options: Any) -> tuple[list[Row], list[Reject]]:
    rows: list[Row] = []
    rejects: list[Reject] = []
    with open_table(path, **options) as table:
        for item in table:
            if isinstance(item, Row):
                rows.append(item)
            else:
                rejects.append(item)
    return rows, rejects


def texts(path: Path | str, **options: Any) -> list[str]:
    rows, rejects = read(path, **options)
    assert rejects == []
    return [row.values["text"] for row in rows]


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


# Reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "id,text\n1,桜が咲いた\n2,\n"),
        ("t.tsv", "id\ttext\n1\t桜が咲いた\n2\t\n"),
        ("t.jsonl", '{"id":"1","text":"桜が咲いた"}\n{"id":"2","text":""}\n'),
        ("t.ndjson", '{"id":"1","text":"桜が咲いた"}\n\n{"id":"2","text":""}'),
    ],
)
def test_text_formats_with_and_without_bom(
    tmp_path: Path, name: str, content: str, bom: bytes
) -> None:
    rows, rejects = read(write(tmp_path / name, bom + content.encode()))
    assert rejects == []
    assert [row.values for row in rows] == [
        {"id": "1", "text": "桜が咲いた"},
        {"id": "2", "text": ""},
    ]


def test_plain_lines_are_rows_one_to_one(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.txt", b'\xef\xbb\xbffirst, "line"\r\n\nthird\xff\nfourth')
    rows, rejects = read(path, format="lines", text_columns=("text",))
    assert [(row.number, row.values["text"]) for row in rows] == [
        (1, 'first, "line"'),
        (2, ""),
        (4, "fourth"),
    ]
    assert rejects == [Reject(3, "text", "it is not UTF-8")]


def test_standard_input_is_json_lines_unless_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stdin(monkeypatch, b'{"text": "hello"}\n')
    assert texts("-") == ["hello"]
    stdin(monkeypatch, b"text,n\nhello,1\n")
    assert texts("-", format="csv") == ["hello"]
    stdin(monkeypatch, b"text,n\nhello,1\n")
    with pytest.raises(FormatError, match=r"standard input is not JSON Lines.*--format"):
        open_table("-")
    stdin(monkeypatch, b"")
    with pytest.raises(FormatError, match="standard input is empty"):
        open_table("-")


def test_a_named_pipe_is_read_as_a_stream(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write, args=(pipe, "text\nhello\n"))
    writer.start()
    assert texts(pipe) == ["hello"]
    writer.join()


def test_row_numbers_are_line_numbers_of_the_editor(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", 'id,text\n1,"two\nlines"\n\n2,two,many\n3,"a\r\nb"\n4,end\n')
    rows, rejects = read(path)
    assert [row.number for row in rows] == [2, 6, 8]
    assert rows[1].values["text"] == "a\r\nb"
    assert [reject.number for reject in rejects] == [5]


def test_parquet_rows_count_from_one(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", None, "c"]}), tmp_path / "t.parquet")
    rows, rejects = read(tmp_path / "t.parquet")
    assert [row.number for row in rows] == [1, 3]
    assert rejects == [Reject(2, "text", "it is missing")]


def test_bad_csv_rows_are_rejected_and_the_others_read(tmp_path: Path) -> None:
    content = b"id,text\n1,good\n2\n3,a,b\n4,\xff\xfe bad\n\xff,ok\n6,nul\0here\n7,good too\n"
    rows, rejects = read(write(tmp_path / "t.csv", content))
    assert [row.values["id"] for row in rows] == ["1", "7"]
    assert rejects == [
        Reject(3, None, "it has 1 fields and the header has 2"),
        Reject(4, None, "it has 3 fields and the header has 2"),
        Reject(5, "text", "it is not UTF-8"),
        Reject(6, "id", "it is not UTF-8"),
        Reject(7, "text", "it holds a NUL character"),
    ]


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_stray_quote_costs_one_line_only(tmp_path: Path, separator: str) -> None:
    lines = ["id,text", '1,"open', "2,good", '3,"fine"', '4,"x" y', "5,good", '6,"open', "7,last"]
    path = write(tmp_path / "t", "\n".join(lines).replace(",", separator) + "\n")
    rows, rejects = read(path, format="csv" if separator == "," else "tsv")
    assert [row.values["id"] for row in rows] == ["2", "3", "5", "7"]
    assert [reject.number for reject in rejects] == [2, 5, 7]
    assert [row.number for row in rows] == [3, 4, 6, 8]


def test_an_unclosed_quote_does_not_read_the_file_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riskclf.tables.separated._RECORD_LIMIT", 1000)
    lines = ["id,text", '1,"open', *(f"{n},good" for n in range(2, 2001))]
    path = write(tmp_path / "t.csv", "\n".join(lines))
    rows, rejects = read(path)
    assert [row.values["id"] for row in rows] == [str(n) for n in range(2, 2001)]
    assert [reject.number for reject in rejects] == [2]


def test_bad_json_rows_are_rejected_and_the_others_read(tmp_path: Path) -> None:
    lines = [
        b'{"text": "good"}',
        b"{not json",
        b'["a list"]',
        b'{"text": null}',
        b'{"text": 5}',
        b'{"other": "x"}',
        b'{"text": "\xff"}',
        b'{"text": "a", "text": "b"}',
        b'{"text": "nul\0"}',
        b'{"text": "n", "n": ' + b"9" * 5000 + b"}",
        b'{"text": "deep", "n": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"text": "good too"}',
    ]
    rows, rejects = read(write(tmp_path / "t.jsonl", b"\n".join(lines)))
    assert [row.values["text"] for row in rows] == ["good", "good too"]
    assert [(reject.number, reject.column) for reject in rejects] == [
        (2, None),
        (3, None),
        (4, "text"),
        (5, "text"),
        (6, "text"),
        (7, None),
        (8, None),
        (9, None),
        (10, None),
        (11, None),
    ]
    assert [rejects[i].reason for i in (2, 3, 4)] == [
        "it is missing",
        "it is a number, not text",
        "it is missing",
    ]


def test_a_parquet_value_that_is_not_utf8_costs_its_row_only(tmp_path: Path) -> None:
    broken = pa.array([b"good", b"\xff\xfe", b"good too"]).view(pa.string())
    table = pa.table({"text": pa.array(["a", "b", "c"]), "other": broken})
    pq.write_table(table, tmp_path / "t.parquet")
    rows, rejects = read(tmp_path / "t.parquet")
    assert [row.values["text"] for row in rows] == ["a", "c"]
    assert rejects == [Reject(2, "other", "it is not UTF-8")]


def test_rejects_never_hold_text_of_the_row(tmp_path: Path) -> None:
    secret = "まいにち日記"
    csv_rows = f'id,text\n1,ok\n2,{secret},{secret}\n3,"{secret}" {secret}\n4,ok\n5,ok\n'
    json_rows = f'{{"text":"ok"}}\n{{"text":"{secret}\n["{secret}"]\n{{"text":["{secret}"]}}\n'
    for path in (write(tmp_path / "t.csv", csv_rows), write(tmp_path / "t.jsonl", json_rows)):
        rejects = read(path)[1]
        assert len(rejects) >= 2
        assert secret not in repr(rejects)


def test_a_very_long_field_is_read_whole(tmp_path: Path) -> None:
    long = "あ" * 2_000_000
    assert texts(write(tmp_path / "t.csv", f'text,n\n"{long}",1\n')) == [long]


def test_several_text_columns_are_checked(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", '{"text":"a","label":"x"}\n{"text":"b","label":null}\n')
    rows, rejects = read(path, text_columns=("text", "label"))
    assert [row.values["text"] for row in rows] == ["a"]
    assert rejects == [Reject(2, "label", "it is missing")]


def test_json_columns_are_those_of_the_whole_file(tmp_path: Path) -> None:
    lines = ['{"text":"a"}'] * 1500 + ['{"text":"b","late":1}']
    with open_table(write(tmp_path / "t.jsonl", "\n".join(lines))) as table:
        assert table.columns == ("text", "late")
        assert all(isinstance(row, Row) for row in table)


@pytest.mark.parametrize(
    ("format", "refused"), [("csv", [2, 3]), ("parquet", [2, 3]), ("jsonl", [3])]
)
def test_a_late_column_of_a_stream_is_kept_where_the_output_can_hold_it(
    format: str, refused: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = ['{"text":"a"}', '{"text":"b","late":1}', '{"text":"c","risk":2}', '{"text":"d"}']
    stdin(monkeypatch, "\n".join(lines).encode())
    with (
        open_table("-") as table,
        create_table(tmp_path / f"t.{format}", columns=table.columns, added={"risk": float}) as out,
    ):
        checked = [out.checked(row) for row in table if isinstance(row, Row)]
        out.write({**row.values, "risk": 0.5} for row in checked if isinstance(row, Row))
        out.commit()
    assert [row.number for row in checked if isinstance(row, Reject)] == refused
    kept = read(tmp_path / f"t.{format}")[0]
    assert [row.values["text"] for row in kept] == [
        text for number, text in enumerate("abcd", start=1) if number not in refused
    ]
    assert any(row.values.get("late") == 1 for row in kept) == (format == "jsonl")


def test_reading_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("w") as file:
        file.write("id,text\n")
        file.writelines(f"{n},{'x' * 400}\n" for n in range(50_000))
    tracemalloc.start()
    with open_table(path) as table:
        assert sum(1 for _ in table) == 50_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 10


@pytest.mark.parametrize("format", FORMATS)
def test_position_reaches_size_at_the_end(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"t.{format}"
    with create_table(path, columns=("text",)) as writer:
        writer.write([{"text": f"post {n}"} for n in range(3000)])
        writer.commit()
    with open_table(path) as table:
        next(iter(table))
        assert table.size is not None
        assert 0 < table.position <= table.size
    with open_table(path) as table:
        assert sum(1 for _ in table) == 3000
        assert table.position == table.size


# Clear errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("t.csv", b"", FormatError, "is empty"),
        ("t.csv", b"\xef\xbb\xbf", FormatError, "is empty"),
        ("t.csv", b"\n\n", FormatError, "is empty"),
        ("t.jsonl", b"", FormatError, "is empty"),
        ("t.parquet", b"", FormatError, "is empty"),
        ("t.csv", bytes(range(256)) * 40, FormatError, "binary"),
        ("t.csv", b"\0\1\2", FormatError, "binary"),
        ("t.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", FormatError, "line 1|binary"),
        ("t.csv", b"PK\x03\x04 and so on", FormatError, "Excel workbook"),
        ("t.csv", b"\x1f\x8b and so on", FormatError, "gzip"),
        ("t.csv", b"PAR1 and so on", FormatError, "is a Parquet file"),
        ("t.parquet", b"text\nhello\n", FormatError, "is not a Parquet file"),
        ("t.parquet", b"PAR1 cut short", FormatError, "cut short or damaged"),
        ("t.csv", "text\n天気\n気温\n".encode("utf-16"), FormatError, "UTF-16"),
        ("t.csv", "text\n天気\n気温\n".encode("cp932"), FormatError, "Shift_JIS"),
        ("t.csv", b"text,id,text\na,1,b\n", FormatError, "more than one column named 'text'"),
        ("t.csv", b'text,"id\na,1\n', FormatError, "line 1 should name the columns"),
        ("t.jsonl", b'[\n{"text": "a"},\n{"text": "b"}\n]\n', FormatError, "is a JSON array"),
        ("t.jsonl", b'"text"\n"a"\n', FormatError, "line 1: it is a string, not a JSON object"),
        ("t.jsonl", b"text\nhello\n", FormatError, "line 1: it is not valid JSON"),
        ("t.csv", b"id,body\n1,a\n", ColumnNotFound, "no column 'text'.*'id', 'body'"),
        ("t.jsonl", b'{"id":1,"body":"a"}', ColumnNotFound, "no column 'text'.*'id', 'body'"),
        ("t.txt", b"hello\n", FormatError, r"suffix '.txt'.*\.csv"),
        ("t", b"hello\n", FormatError, "suffix"),
    ],
)
def test_what_is_not_a_table_gives_one_clear_error(
    tmp_path: Path, name: str, content: bytes, error: type[RiskclfError], message: str
) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(error, match=message) as caught:
        list(open_table(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_directories(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.csv does not exist"):
        open_table(tmp_path / "gone.csv")
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(InputError, match=r"dir\.csv is a directory"):
        open_table(tmp_path / "dir.csv")
    with pytest.raises(FormatError, match="format 'xml' is not known"):
        open_table(write(tmp_path / "t.csv", "text\na\n"), format="xml")


def test_parquet_errors_name_the_column(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"body": ["a"], "text": [1]}), path)
    with pytest.raises(FormatError, match="column 'text' holds int64, not text"):
        open_table(path)
    with pytest.raises(ColumnNotFound, match=r"no column 'post'.*'body', 'text'"):
        open_table(path, text_columns=("post",))
    pq.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), path)
    with pytest.raises(FormatError, match="more than one column named 'text'"):
        open_table(path)


def test_a_file_without_header_does_not_show_its_first_post(tmp_path: Path) -> None:
    post = "きょうは図書館で本を三冊かりて、帰りに公園であそびました"
    with pytest.raises(ColumnNotFound) as caught:
        open_table(write(tmp_path / "t.csv", f"{post},1\n{post},2\n"))
    assert post not in str(caught.value)


# Writing ----------------------------------------------------------------------------------------


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
    score, long = (0.5, False) if target in ("jsonl", "parquet") else ("0.5", "false")
    assert [row.values for row in got] == [{**row, "score": score, "long": long} for row in rows]
    assert list(got[0].values) == ["text", "n", "score", "long"]


def test_csv_can_be_read_by_others(tmp_path: Path) -> None:
    with create_table(tmp_path / "t.csv", columns=("text",)) as writer:
        writer.write({"text": text} for text in NASTY)
        writer.commit()
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert [row["text"] for row in csv.DictReader(file)] == NASTY


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
        create_table(tmp_path / "t.xlsx", columns=("text",))
    with pytest.raises(FormatError, match="Parquet cannot be written to standard output"):
        create_table("-", columns=("text",), format="parquet")


# The journal ------------------------------------------------------------------------------------


def test_journal_gives_back_whole_batches_only(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path, {"model": "a"})
    assert journal.next_batch(2) is None
    journal.append([[1, 0.1], [2, 0.2]])
    journal.append([[3, 0.3]])
    journal.close()
    whole = path.read_bytes()
    first_two = whole.index(b"\n", whole.index(b"[[1")) + 1
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        again = Journal(path, {"model": "a"})
        got = [again.next_batch(2), again.next_batch(1)]
        assert got[0] == ([[1, 0.1], [2, 0.2]] if length >= first_two else None)
        assert got[1] == ([[3, 0.3]] if length == len(whole) else None)
        if got[0] is None:
            again.append([[1, 0.1], [2, 0.2]])
        if got[1] is None:
            again.append([[3, 0.3]])
        again.close()
        assert path.read_bytes() == whole


def test_journal_of_another_job_is_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path, {"model": "a", "size": 1})
    journal.append([1])
    journal.close()
    other = Journal(path, {"model": "b", "size": 1})
    assert (other.is_continued, other.changed) == (False, ("model",))
    assert other.next_batch(1) is None
    other.remove()
    assert not path.exists()
    fresh = Journal(path, {"model": "b", "size": 1})
    assert (fresh.is_continued, fresh.changed) == (False, ())
    fresh.close()
