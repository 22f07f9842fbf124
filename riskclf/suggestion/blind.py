"""The chosen posts in two files: one to label, without what the model says, and its key.

Whoever labels a post must not see what the model thinks of it. So the file to label has the columns
`id`, `text` and `label` alone, and the key has the id and all else. `riskclf evaluate --key` puts
them together again (`riskclf.tables.keys`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskclf.tables import is_missing

__all__ = ["TO_LABEL", "ids_of", "key_columns", "key_rows", "rows_to_label"]

TO_LABEL = ("id", "text", "label")
"""The columns of the file to label."""


def ids_of(
    rows: Sequence[Mapping[str, Any]], numbers: Sequence[int], id_column: str
) -> tuple[list[Any], bool]:
    """The ids of rows, all different, and whether they come from `id_column`.

    Where an id is missing or occurs twice, the row numbers are the ids.
    """
    ids = [row.get(id_column) for row in rows]
    usable = not any(map(is_missing, ids)) and len({str(x).strip() for x in ids}) == len(ids)
    return (ids, True) if usable and ids else (list(numbers), False)


def rows_to_label(
    rows: Sequence[Mapping[str, Any]], ids: Sequence[Any], text_column: str
) -> list[dict[str, Any]]:
    """The rows of the file to label."""
    return [
        dict(zip(TO_LABEL, (identity, row[text_column], row.get("label", "")), strict=True))
        for identity, row in zip(ids, rows, strict=True)
    ]


def key_columns(columns: Sequence[str], text_column: str, id_column: str | None) -> dict[str, str]:
    """What the columns of the input are called in the key; those that are not in it are left out.

    Args:
        columns: of the input.
        text_column: holds the posts, which the key does not.
        id_column: holds the ids; None where they are row numbers.
    """
    left_out = {text_column, "label", id_column}
    names = {name: name for name in columns if name not in left_out}
    if "id" in names:
        names["id"] = "original_id"
    return names


def key_rows(
    rows: Sequence[Mapping[str, Any]],
    ids: Sequence[Any],
    names: Mapping[str, str],
    added: Sequence[str],
) -> list[dict[str, Any]]:
    """The rows of the key: the id, the other columns of the input, and what was `added`."""
    return [
        {
            "id": identity,
            **{names[name]: row[name] for name in names if name in row},
            **{name: row[name] for name in added},
        }
        for identity, row in zip(ids, rows, strict=True)
    ]
