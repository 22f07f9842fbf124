"""Tables of posts: read row by row, write with columns added, lose nothing."""

from __future__ import annotations

from riskclf.tables.table import (
    Format,
    Journal,
    Reject,
    Row,
    TableReader,
    TableWriter,
    create_table,
    format_of,
    nothing_usable,
    open_table,
)

__all__ = [
    "Format",
    "Journal",
    "Reject",
    "Row",
    "TableReader",
    "TableWriter",
    "create_table",
    "format_of",
    "nothing_usable",
    "open_table",
]
