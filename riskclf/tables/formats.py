"""The formats of tables: what they are called and which one a file has."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from riskclf.errors import FormatError, InputError

__all__ = [
    "NAMES",
    "SEPARATORS",
    "WHOLE",
    "Dialect",
    "Format",
    "delimiter_of",
    "format_of",
    "is_packed",
]

Format = Literal["csv", "tsv", "jsonl", "parquet", "xlsx", "lines"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
_GZIP = ".gz"
SEPARATORS = {"csv": ",", "tsv": "\t"}
NAMES = {
    "csv": "CSV",
    "tsv": "TSV",
    "jsonl": "JSON Lines",
    "parquet": "Parquet",
    "xlsx": "an Excel workbook",
    "lines": "lines",
}
WHOLE: frozenset[Format] = frozenset(("parquet", "xlsx"))
"""Formats that need a whole file: they are read neither from a pipe nor from gzip."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How CSV and TSV are written."""

    delimiter: str | None = None
    """Of the input; a CSV file is written with it again. None: a comma, and tabs for TSV."""
    marked: bool = False
    """Begin with a byte order mark, by which Excel knows UTF-8."""
    for_excel: bool = False
    """Put an apostrophe before every text that a spreadsheet could run as a formula."""


def delimiter_of(given: str) -> str:
    """The delimiter that an option names: one character, or ``tab``.

    Raises:
        InputError: it is none.
    """
    delimiter = "\t" if given in ("tab", "\\t") else given
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise InputError("--delimiter must be one character such as ';', or the word tab")
    return delimiter


def format_of(path: str | os.PathLike[str], format: str | None = None) -> Format:
    """The format of a file: `format` if given, else what the suffix of `path` says.

    Text may be compressed: ``posts.csv.gz`` is CSV.

    Raises:
        FormatError: an unknown format, or a suffix that tells none.
    """
    if format is not None:
        if format not in get_args(Format):
            known = ", ".join(get_args(Format))
            raise FormatError(f"format '{format}' is not known; use one of: {known}")
        return cast(Format, format)
    name = Path(os.fspath(path).lower())
    suffix = name.suffix
    packed = is_packed(path)
    if packed:
        suffix = name.with_suffix("").suffix
    if suffix not in _SUFFIXES:
        known = " ".join(_SUFFIXES)
        raise FormatError(
            f"{os.fspath(path)}: the suffix '{suffix}' tells no format; "
            f"name it with one of {known} (for its input, `riskclf predict` also takes --format)"
        )
    found = _SUFFIXES[suffix]
    if packed and found in WHOLE:
        raise FormatError(
            f"{os.fspath(path)}: {NAMES[found]} is compressed already; leave out {_GZIP}"
        )
    return found


def is_packed(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a file says that it is compressed with gzip."""
    return os.fspath(path).lower().endswith(_GZIP)
