"""Posts that were labelled blind are joined with their key by id."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from riskclf.errors import ColumnNotFound, FormatError
from riskclf.tables import Key, Reject, Row, Source, key_beside
from tests.tables.helpers import write


def test_the_rows_get_the_columns_of_the_key_and_keep_their_own(tmp_path: Path) -> None:
    key = write(tmp_path / "k.csv", "id,label,why\n7,x,hard\n8,x,drawn\n")
    posts = write(tmp_path / "p.csv", "id,text,label\n8 ,雨,a\n7,雪,b\n9,風,b\n,空,b\n")
    with ExitStack() as stack:
        source = Source(posts, stack, Key(key, "id"))
        assert source.columns == ("id", "text", "label", "why")
        found = list(source)
    assert found[:2] == [
        Row(2, {"id": "8 ", "text": "雨", "label": "a", "why": "drawn"}),
        Row(3, {"id": "7", "text": "雪", "label": "b", "why": "hard"}),
    ]
    assert [(x.number, x.column) for x in found[2:] if isinstance(x, Reject)] == [
        (4, "id"),
        (5, "id"),
    ]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("number,why\n7,a\n", ColumnNotFound, "no column 'id'.*the key that `riskclf suggest`"),
        ("id,why\n7,a\n7,b\n", FormatError, "row 3: its id is in an earlier row too"),
        ("id,why\n,a\n", FormatError, "row 2: it has no id"),
        ("id,why\n7\n", FormatError, "row 2: it has 1 fields"),
    ],
)
def test_what_is_no_key_is_refused(
    tmp_path: Path, content: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Key(write(tmp_path / "k.csv", content), "id")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.csv", "a.key.csv"), ("a.b.xlsx", "a.b.key.xlsx"), ("a.jsonl.gz", "a.key.jsonl.gz")],
)
def test_the_key_lies_beside_the_file(name: str, expected: str) -> None:
    assert key_beside(Path("d") / name) == Path("d") / expected
