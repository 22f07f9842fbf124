"""The formats of tables: what they are called and which one a file has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, cast, get_args

from riskclf.errors import FormatError

__all__ = [
    "NAMES",
    "SEPARATORS",
    "Format",
    "format_of",
]

Format = Literal["csv", "tsv", "jsonl", "parquet", "lines"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
SEPARATORS = {"csv": ",", "tsv": "\t"}
NAMES = {"csv": "CSV", "tsv": "TSV", "jsonl": "JSON Lines", "parquet": "Parquet", "lines": "lines"}


def format_of(path: str | os.PathLike[str], format: str | None = None) -> Format:
    """The format of a file: `format` if given, else what the suffix of `path` says.

    Raises:
        FormatError: an unknown format, or a suffix that tells none.
    """
    if format is not None:
        if format not in get_args(Format):
            known = ", ".join(get_args(Format))
            raise FormatError(f"format '{format}' is not known; use one of: {known}")
        return cast(Format, format)
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        known = " ".join(_SUFFIXES)
        raise FormatError(
            f"{os.fspath(path)}: the suffix '{suffix}' tells no format; "
            f"name it with one of {known} (for its input, `riskclf predict` also takes --format)"
        )
    return _SUFFIXES[suffix]
