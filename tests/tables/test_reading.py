"""Tables are read without losing a row; what is no table gives one clear error."""

from __future__ import annotations

import gc
import os
import sys
import threading
import tracemalloc
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskclf.errors import ColumnNotFound, FormatError, InputError, RiskclfError
from riskclf.language import Sentence
from riskclf.tables import Reject, Row, Source, UnlabelledPosts, create_table, open_table
from tests.tables.helpers import FORMATS, read, stdin, texts, write


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
    assert rejects == [Reject(3, "text", Sentence("it is not UTF-8"))]


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
    assert rejects == [Reject(2, "text", Sentence("it is missing"))]


def test_bad_csv_rows_are_rejected_and_the_others_read(tmp_path: Path) -> None:
    content = b"id,text\n1,good\n2\n3,a,b\n4,\xff\xfe bad\n\xff,ok\n6,nul\0here\n7,good too\n"
    rows, rejects = read(write(tmp_path / "t.csv", content))
    assert [row.values["id"] for row in rows] == ["1", "7"]
    assert rejects == [
        Reject(3, None, Sentence("it has 1 fields and the header has 2")),
        Reject(4, None, Sentence("it has 3 fields and the header has 2")),
        Reject(5, "text", Sentence("it is not UTF-8")),
        Reject(6, "id", Sentence("it is not UTF-8")),
        Reject(7, "text", Sentence("it holds a NUL character")),
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
    assert rejects == [Reject(2, "other", Sentence("it is not UTF-8"))]


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
    assert rejects == [Reject(2, "label", Sentence("it is missing"))]


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
        ("t.xlsx", b"PK\x03\x04 and so on", FormatError, "not an Excel workbook that can be read"),
        ("t.xlsx", b"\xd0\xcf\x11\xe0 and so on", FormatError, "or has a password"),
        ("t.xlsx", b"text\na\n", FormatError, "is not an Excel workbook"),
        ("t.csv", b"PAR1 and so on", FormatError, "is a Parquet file"),
        ("t.parquet", b"text\nhello\n", FormatError, "is not a Parquet file"),
        ("t.parquet", b"PAR1 cut short", FormatError, "cut short or damaged"),
        ("t.csv", "text\n天気\n気温\n".encode("utf-16-le"), FormatError, "--encoding"),
        (
            "t.csv",
            "text\n오늘은 날씨가 좋다\n공원에 갔다\n비가 온다\n".encode("cp949"),
            FormatError,
            "seems to be cp949",
        ),
        ("t.csv", b"text,id,text\na,1,b\n", FormatError, "more than one column named 'text'"),
        ("t.csv", b"a;text;b\n1;x;2\n", ColumnNotFound, "column 'a;text;b': is ';' the separator"),
        ("t.tsv", b"a,text\n1,x\n", ColumnNotFound, "use --delimiter ','"),
        ("t.csv", "番号,本文\n1,雨\n".encode(), ColumnNotFound, "its columns are '番号', '本文'"),
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


@pytest.mark.parametrize(
    ("name", "content", "posts"),
    [
        ("t.csv", "明日ひま,benign,1\n雨,benign,2\n", ["明日ひま"]),
        ("t.csv", "im free tomorrow,benign\n", ["im free"]),
        ("t.tsv", "雨\t1\n", ["雨"]),
        ("t.csv", "雨,雨\n", ["雨"]),
        ("t.jsonl", '{"明日ひま": 1}\n', ["明日ひま"]),
    ],
)
def test_no_message_shows_a_name_that_may_be_a_post(
    tmp_path: Path, name: str, content: str, posts: list[str]
) -> None:
    path = write(tmp_path / name, content)
    with ExitStack() as stack:
        for open_it in (
            lambda: open_table(path),
            lambda: Source(path, stack).require(["text"]),
            lambda: UnlabelledPosts(path, "text", stack),
        ):
            with pytest.raises(InputError) as caught:
                open_it()
            assert not [post for post in posts if post in str(caught.value)]
    row = {"明日ひま": 1, "label": 2}
    with pytest.raises(ColumnNotFound, match="its columns are 'label' and 1 more") as caught:
        Source([row], ExitStack()).require(["text"])
    assert "明日" not in str(caught.value)
    with pytest.raises(InputError, match="not rows") as caught:
        Source(row, ExitStack())  # type: ignore[arg-type]
    assert "明日" not in str(caught.value)


# Streams ----------------------------------------------------------------------------------------

STREAMS = {
    "jsonl": ['{"text": "one"}\n', '{"text": "two"}\n'],
    "csv": ["text\none\n", "two\n"],
    "tsv": ["text\none\n", "two\n"],
    "lines": ["one\n", "two\n"],
}


@pytest.mark.parametrize("format", list(STREAMS))
def test_standard_input_stays_open_when_the_table_is_closed(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin(monkeypatch, "".join(STREAMS[format]).encode())
    assert texts("-", format=format) == ["one", "two"]
    assert not sys.stdin.closed
    assert sys.stdin.read() == ""
    # Not even when a table is refused, or simply forgotten.
    stdin(monkeypatch, "".join(STREAMS[format]).encode())
    if format != "lines":
        with pytest.raises(ColumnNotFound):
            open_table("-", format=format, text_columns=("gone",))
    open_table("-", format=format) if format == "lines" else None
    gc.collect()
    assert not sys.stdin.buffer.closed


@pytest.mark.parametrize("format", list(STREAMS))
def test_the_first_row_of_a_pipe_comes_before_the_second_has_arrived(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as pipe, open(reading, encoding="utf-8") as source:  # noqa: PTH123
        monkeypatch.setattr("sys.stdin", source)
        first, second = STREAMS[format]
        pipe.write(first.encode())
        waits: list[str] = []

        def before_wait() -> None:
            # What comes next is written only when the reader says that it would wait for it.
            waits.append("wait")
            if asked:
                pipe.write(second.encode())

        asked: list[bool] = []
        with open_table("-", format=format, before_wait=before_wait) as table:
            assert table.size is None
            rows = iter(table)
            row = next(rows)  # would wait for ever if it needed what follows
            assert isinstance(row, Row)
            assert row.values == {"text": "one"}
            read = len(waits)
            asked.append(True)
            row = next(rows)
            assert isinstance(row, Row)
            assert row.values == {"text": "two"}
            assert len(waits) == read + 1
            asked.clear()
            pipe.close()
            assert list(rows) == []


def test_a_file_is_no_stream_and_never_waits(tmp_path: Path) -> None:
    place = write(tmp_path / "t.csv", "text\na\n")
    with open_table(place, before_wait=lambda: pytest.fail("it waits")) as table:
        assert table.size is not None
        assert len(list(table)) == 1


def test_a_stream_whose_first_records_lack_the_text_is_read_until_one_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = ["{", '{"n": 1}', '{"n": 2, "text": "a"}', '{"text": "b"}']
    stdin(monkeypatch, "\n".join(lines).encode())
    rows, rejects = read("-")
    assert [row.number for row in rows] == [3, 4]
    assert [reject.number for reject in rejects] == [1, 2]


def test_a_stream_can_be_looked_at_further_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b'{"text": "a"}\n{"text": "b", "n": 1}\n{"text": "c", "m": 1}\n'
    for look_ahead, columns in ((1, ("text",)), (2, ("text", "n")), (9, ("text", "n", "m"))):
        stdin(monkeypatch, content)
        with open_table("-", look_ahead=look_ahead) as table:
            assert table.columns == columns
            assert len(list(table)) == 3


def test_of_labelled_posts_from_a_pipe_a_later_record_may_bring_the_family(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stdin(monkeypatch, b'{"text": "a", "label": "x"}\n{"text": "b", "label": "x", "family": 1}\n')
    with ExitStack() as stack:
        assert Source("-", stack).columns == ("text", "label", "family")


# Values that Python or a format cannot hold -------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (pa.date32(), 10**9),
        (pa.date64(), 86_400_000 * 10**9),
        (pa.timestamp("us"), 2**62),
        (pa.timestamp("ms"), 2**61),
        (pa.duration("s"), 2**62),
        (pa.time64("us"), 2**60),
    ],
    ids=str,
)
def test_a_parquet_value_out_of_range_costs_its_row_only(
    tmp_path: Path, kind: pa.DataType, bad: int
) -> None:
    whole = pa.int32() if kind == pa.date32() else pa.int64()
    values = pa.array([0, bad, 1], whole).view(kind)
    pq.write_table(pa.table({"text": ["a", "b", "c"], "when": values}), tmp_path / "t.parquet")
    rows, rejects = read(tmp_path / "t.parquet")
    assert [row.values["text"] for row in rows] == ["a", "c"]
    assert [(reject.number, reject.column) for reject in rejects] == [(2, "when")]


def test_a_parquet_column_name_that_is_not_utf8_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"text": ["a"], "name": ["b"]}), path)
    path.write_bytes(path.read_bytes().replace(b"name", b"\xff\xfeme"))
    with pytest.raises(FormatError, match=r"t\.parquet: the name of a column is not UTF-8"):
        open_table(path)


@pytest.mark.parametrize("depth", [101, 500, 750, 970])
@pytest.mark.parametrize("target", FORMATS)
def test_json_that_is_nested_too_deep_to_be_written_costs_its_row_only(
    tmp_path: Path, depth: int, target: str
) -> None:
    deep = "[" * depth + "NaN" + "]" * depth
    lines = ['{"text": "a", "n": [[NaN, {"x": [1]}]]}', f'{{"text": "b", "n": {deep}}}']
    source = write(tmp_path / "t.jsonl", "\n".join([*lines, '{"text": "c"}']))
    rows, rejects = read(source)
    assert [row.values["text"] for row in rows] == ["a", "c"]
    assert [(reject.number, reject.reason) for reject in rejects] == [
        (2, "it is JSON that is nested more than 100 levels deep")
    ]
    with create_table(tmp_path / f"o.{target}", columns=("text", "n")) as table:
        table.write(row.values for row in rows)
        table.commit()
    assert len(read(tmp_path / f"o.{target}")[0]) == 2


@pytest.mark.parametrize("target", FORMATS)
def test_half_a_surrogate_pair_in_a_column_name_costs_its_row_only(
    tmp_path: Path, target: str
) -> None:
    lines = ['{"text": "a"}', '{"text": "b", "\\ud800": 1}', '{"text": "c", "n": {"\\udc00": 1}}']
    with open_table(write(tmp_path / "t.jsonl", "\n".join(lines))) as source:
        items = list(source)
    rows = [item for item in items if isinstance(item, Row)]
    assert [row.number for row in rows] == [1, 3]
    with create_table(tmp_path / f"o.{target}", columns=source.columns) as table:
        table.write(row.values for row in rows)
        table.commit()
    assert texts(tmp_path / f"o.{target}") == ["a", "c"]
