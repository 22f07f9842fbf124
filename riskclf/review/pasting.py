"""Rows that were copied from Excel: cells parted by tabs, quoted where one holds a line break."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from riskclf.errors import InputError

__all__ = ["rows_of"]

_MOST_ROWS = 200
"""Each is explained, which takes a while."""
_COLUMNS: Mapping[str, str] = {
    "reference": "reference",
    "参照": "reference",
    "リンク": "reference",
    "url": "reference",
    "text": "text",
    "本文": "text",
    "投稿": "text",
    "posted_at": "posted_at",
    "投稿日時": "posted_at",
}
_POSITIONS = ("reference", "text", "posted_at")


def rows_of(pasted: str) -> list[dict[str, Any]]:
    """The posts in what was pasted: reference, text and, if it is there, the time.

    The first row may name the columns, in any order; other columns are not read.

    Raises:
        InputError: there are no posts, or too many; or a column is missing.
    """
    cells = [row for row in _cells(pasted) if any(cell.strip() for cell in row)]
    if not cells:
        raise InputError("nothing was pasted: copy rows with a reference and a text")
    names = [_COLUMNS.get(cell.strip().casefold()) for cell in cells[0]]
    if "text" in names:
        cells = cells[1:]
        if "reference" not in names:
            raise InputError("the pasted rows have no column 'reference': add one")
        if not cells:
            raise InputError("nothing was pasted below the names of the columns")
    else:
        names = [*_POSITIONS]
        if all(len(row) < 2 for row in cells):
            raise InputError("the pasted rows have one column: copy a reference and a text")
    if len(cells) > _MOST_ROWS:
        raise InputError(
            f"{len(cells):,} rows were pasted: paste at most {_MOST_ROWS:,}, or use riskclf triage"
        )
    columns = [name for name in names if name]
    empty: dict[str, Any] = dict.fromkeys(columns)
    return [
        empty | {name: cell for name, cell in zip(names, row, strict=False) if name}
        for row in cells
    ]


def _cells(pasted: str) -> list[list[str]]:
    try:
        return [*csv.reader(io.StringIO(pasted, newline=""), delimiter="\t", strict=True)]
    except csv.Error:  # a text that begins with a quotation mark, copied from elsewhere
        return [line.split("\t") for line in pasted.splitlines()]
