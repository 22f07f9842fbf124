"""Whatever is wrong with a row, an officer reads the reason in Japanese."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from riskclf.language import speaking
from riskclf.tables import TableFile
from riskclf.tables.keys import Key
from riskclf.tables.reading import Row
from tests.evaluation.helpers import measure, rows_of

GOOD = rows_of(20)


def _json_lines(place: Path) -> Path:
    bad = [
        b"{",
        b"[1]",
        b"[" * 200 + b"]" * 200,
        b'{"a": 1, "a": 2}',
        b'"\xff"',
        json.dumps(GOOD[0] | {"text": 3}).encode(),
        json.dumps(GOOD[0] | {"text": None}).encode(),
        json.dumps(GOOD[0] | {"label": "other"}).encode(),
        json.dumps(GOOD[0] | {"label": {"benign": 0.5}}).encode(),
        json.dumps(GOOD[0] | {"label": {"other": 1}}).encode(),
        json.dumps(GOOD[0] | {"label": "{"}).encode(),
        json.dumps(GOOD[0] | {"weight": 1}).encode(),
    ]
    path = place / "posts.jsonl"
    path.write_bytes(b"\n".join([*(json.dumps(row).encode() for row in GOOD), *bad]))
    return path


def _cp932(place: Path) -> TableFile:
    path = place / "posts.csv"
    rows = [f"{row['id']},{row['text']},{row['label']}\n".encode() for row in GOOD]
    bad = [b"a,\x85\xff,benign\n", b'b,"0.1,benign\n', b"c,0.1\n", b"d,\x00,benign\n"]
    path.write_bytes(b"".join([b"id,text,label\n", *rows, *bad]))
    return TableFile(path, encoding="cp932")


@pytest.mark.parametrize("written", [_json_lines, _cp932])
def test_every_reason_is_japanese_in_the_report_and_in_the_list(
    tmp_path: Path, written: Any
) -> None:
    result = measure(written(tmp_path), lang="ja")
    result.save(tmp_path / "report")
    content = (tmp_path / "report" / "rejects.csv").read_text(encoding="utf-8-sig")
    listed = [row["reason"] for row in csv.DictReader(content.splitlines())]
    assert len(listed) == len(result.rejects) >= 4
    assert {*listed} == {*result.figures.data.reasons}
    assert [x for x in listed if not re.search("[ぁ-ん]", x)] == []
    # What the reject itself says is English, for programs and error messages.
    assert all(reject.reason.isascii() for reject in result.rejects)


def test_an_id_that_the_key_lacks_has_a_reason_in_japanese(tmp_path: Path) -> None:
    (tmp_path / "key.csv").write_text("id,risk\n007,0.5\n")
    reject = Key(tmp_path / "key.csv", "id").joined(Row(1, {"id": 7}))
    assert not isinstance(reject, Row)
    with speaking("ja"):
        assert "表計算ソフト" in reject.reason.translated()
