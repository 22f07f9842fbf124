"""The key to a file of posts that was labelled blind: more columns for its rows, joined by id."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from riskclf.errors import ColumnNotFound, FormatError
from riskclf.language import Sentence
from riskclf.tables.formats import is_packed
from riskclf.tables.reading import Row, open_table
from riskclf.tables.rejects import Reject
from riskclf.tables.texts import is_missing
from riskclf.tables.wording import lacks_column

__all__ = ["Key", "key_beside"]

_ID = "id"


def key_beside(path: str | os.PathLike[str]) -> Path:
    """Where the key of a file to label is: ``to_label.key.csv`` for ``to_label.csv``."""
    place = Path(path)
    suffix = "".join(place.suffixes[-2:]) if is_packed(place) else place.suffix
    return place.with_name(f"{place.name.removesuffix(suffix)}.key{suffix}")


class Key:
    """What a key file says of each post, by the id of the post.

    Args:
        file: the key that `suggest` wrote; kept in memory.
        id_column: of the posts that are joined with it.

    Raises:
        InputError: the file cannot be read, has no column `id`, or has an id twice or not at all.
    """

    columns: tuple[str, ...]
    """All columns of the key but `id`."""

    def __init__(self, file: str | os.PathLike[str], id_column: str) -> None:
        self.id_column = id_column
        self._rows: dict[str, dict[str, Any]] = {}
        with open_table(file, text_columns=()) as table:
            if _ID not in table.columns:
                hint = "give the key that `riskclf suggest` wrote"
                raise ColumnNotFound(lacks_column(table.name, _ID, table.columns, hint))
            self.columns = tuple(name for name in table.columns if name != _ID)
            for row in table:
                where = f"{table.name} row {row.number}"
                if isinstance(row, Reject):
                    raise FormatError(f"{where}: {row.reason}; give the key as it was written")
                if is_missing(identity := row.values.pop(_ID, None)):
                    raise FormatError(f"{where}: it has no id; give the key as it was written")
                if self._rows.setdefault(_same(identity), row.values) is not row.values:
                    raise FormatError(f"{where}: its id is in an earlier row too")

    def joined(self, row: Row) -> Row | Reject:
        """The row with the columns of the key that it lacks, or why there are none for it."""
        identity = row.values.get(self.id_column)
        found = None if is_missing(identity) else self._rows.get(_same(identity))
        if found is None:
            reason = Sentence(
                "its id is not in the key: a spreadsheet may have changed it (leading zeros, long "
                "numbers)"
            )
            return Reject(row.number, self.id_column, reason)
        return Row(row.number, {**found, **row.values})


def _same(identity: Any) -> str:
    return str(identity).strip()
