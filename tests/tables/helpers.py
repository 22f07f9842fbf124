"""Tables that tests write and read."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from riskclf.tables import Reject, Row, open_table

__all__ = ["FORMATS", "NASTY", "read", "stdin", "texts", "write"]

FORMATS = ("csv", "tsv", "jsonl", "parquet", "xlsx")

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


def read(path: str | os.PathLike[str], **options: Any) -> tuple[list[Row], list[Reject]]:
    rows: list[Row] = []
    rejects: list[Reject] = []
    with open_table(path, **options) as table:
        for item in table:
            if isinstance(item, Row):
                rows.append(item)
            else:
                rejects.append(item)
    return rows, rejects


def texts(path: str | os.PathLike[str], **options: Any) -> list[str]:
    rows, rejects = read(path, **options)
    assert rejects == []
    return [row.values["text"] for row in rows]


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
