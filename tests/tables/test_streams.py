"""Compressed tables, separators, and columns of the same name."""

from __future__ import annotations

import gzip
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskclf.errors import FormatError, InputError
from riskclf.tables import Source, TableFile, open_table
from tests.tables.helpers import read, stdin, texts, write

POSTS = [f"散歩した {number}" for number in range(3000)]


@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.gz", "t.csv"])
def test_gzip_is_unpacked_whatever_the_name(tmp_path: Path, name: str) -> None:
    lines = [f'{{"text": "{post}"}}' for post in POSTS] if "jsonl" in name else ["text", *POSTS]
    path = write(tmp_path / name, gzip.compress("\n".join(lines).encode()))
    assert texts(path) == POSTS
    with open_table(path) as table:
        assert table.size == path.stat().st_size
        assert len(list(table)) == len(POSTS)
        assert table.position == table.size


def test_gzip_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, gzip.compress(b'{"text": "a"}\n{"text": "b"}\n'))
    assert texts("-") == ["a", "b"]


def test_a_gzip_file_that_is_cut_short_is_one_clear_error(tmp_path: Path) -> None:
    content = gzip.compress("\n".join(["text", *POSTS]).encode())
    path = write(tmp_path / "t.csv.gz", content[: len(content) // 2])
    with pytest.raises(FormatError, match=r"t\.csv\.gz is not a complete gzip file"):
        read(path)


def test_a_separator_can_be_named(tmp_path: Path) -> None:
    for separator, given in ((";", ";"), ("\t", "tab"), ("|", "|")):
        path = write(tmp_path / "t.csv", f"id{separator}text\n1{separator}a,b\n")
        assert texts(TableFile(path, delimiter=given)) == ["a,b"]
    with pytest.raises(InputError, match="--delimiter must be one character"):
        open_table(TableFile(path, delimiter=";;"))


def test_columns_of_the_same_name_are_kept_but_not_used(tmp_path: Path) -> None:
    table = pa.table([["a"], ["1"], ["2"], ["3"]], names=["text", "n", "n", "n (2)"])
    pq.write_table(table, tmp_path / "t.parquet")
    write(tmp_path / "t.csv", "text,n,n,n (2)\na,1,2,3\n")
    for name in ("t.csv", "t.parquet"):
        rows, _ = read(tmp_path / name)
        assert list(rows[0].values.items()) == [
            ("text", "a"),
            ("n", "1"),
            ("n (3)", "2"),
            ("n (2)", "3"),
        ]
        with ExitStack() as stack:
            Source(tmp_path / name, stack).require(["text"])
            with pytest.raises(FormatError, match="more than one column named 'n'"):
                Source(tmp_path / name, stack).require(["text"], if_there=["n"])
