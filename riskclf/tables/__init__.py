"""Tables of posts: read row by row, write with columns added, lose nothing.

CSV, TSV, JSON Lines, Parquet and plain lines (one post a line) are read as a stream, so the size
of a file does not matter; an Excel workbook (.xlsx) is read as a whole. Text may be compressed
with gzip (``posts.csv.gz``). A reader yields every row exactly once, either as a `Row` (good) or as
a `Reject` (its number and what is wrong with it, never its text), in the order of the file::

    with open_table("posts.csv", text_columns=("text",)) as table:
        for row in table:
            if isinstance(row, Row):
                row.values["text"]      # a str, and so is every column named in text_columns

- **Row numbers** are line numbers for text files, as an editor shows them: the line on which the
  row begins, the header of a CSV being line 1. In a workbook they are those of the sheet, for
  Parquet record numbers from 1.
- **Encoding.** A byte order mark, then valid UTF-8, then a guess between cp932 and EUC-JP
  (`riskclf.tables.encodings`); a guess is told by a `ReadingWarning`. A `TableFile` names the
  encoding. All that is written is UTF-8; CSV and TSV begin with a byte order mark if their input
  did or was not UTF-8, so that Excel opens them.
- An empty string is a text; null is not. Blank lines are skipped, except in plain lines, where
  each is an empty text.
- CSV and TSV use double quotes as RFC 4180 says. A quote that is opened and never properly closed
  costs the one line that opens it: the following lines are read again as rows of their own.
- A column whose name another one has too gets a number: ``note``, ``note (2)``. It cannot be used
  as text, label and so on.
- Values are written as they were read. CSV has no types, so null becomes an empty field there and
  nested values become JSON. A cell that a spreadsheet could run as a formula is not altered, unless
  `Dialect.for_excel` asks for it; a workbook has no such cells.
- Parquet keeps its column types from Parquet to Parquet; from other formats all are strings.
- What UTF-8 cannot hold (half of a surrogate pair) is written as its ``\\udXXX`` escape.
"""

from __future__ import annotations

from riskclf.tables.formats import Dialect, Format, format_of
from riskclf.tables.journal import Journal
from riskclf.tables.keys import Key, key_beside
from riskclf.tables.reading import Row, TableFile, TableReader, open_table
from riskclf.tables.rejects import Reject, RejectsFile, nothing_usable, write_rejects
from riskclf.tables.sources import Columns, Data, Source, UnlabelledPosts
from riskclf.tables.targets import UNCLEAR, Target, TargetReader
from riskclf.tables.texts import is_blank, is_missing, same_text, text_key, text_problem
from riskclf.tables.times import time_in
from riskclf.tables.writing import TableWriter, create_table, write_table

__all__ = [
    "UNCLEAR",
    "Columns",
    "Data",
    "Dialect",
    "Format",
    "Journal",
    "Key",
    "Reject",
    "RejectsFile",
    "Row",
    "Source",
    "TableFile",
    "TableReader",
    "TableWriter",
    "Target",
    "TargetReader",
    "UnlabelledPosts",
    "create_table",
    "format_of",
    "is_blank",
    "is_missing",
    "key_beside",
    "nothing_usable",
    "open_table",
    "same_text",
    "text_key",
    "text_problem",
    "time_in",
    "write_rejects",
    "write_table",
]
