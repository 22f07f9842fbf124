"""The bytes of a table: of a file, of a pipe, or unpacked from gzip; and what they are not."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from riskclf.errors import FormatError, InputError
from riskclf.tables.formats import NAMES, Format
from riskclf.tables.wording import cause

__all__ = ["HEAD", "Bytes", "check_head", "open_bytes"]

HEAD = 1 << 16
"""Bytes that are looked at to tell a table from a binary file."""

_CHUNK = 1 << 18
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_PARQUET = b"PAR1"
_MAGIC = {
    _ZIP: "is a zip archive or an Excel workbook; if it is a workbook, name it .xlsx",
    b"\xd0\xcf\x11\xe0": "is an old Excel document, or has a password; save it as .xlsx without "
    "a password",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; unpack it first",
}


@dataclass(frozen=True)
class Bytes:
    """The bytes of a table, and how far in its file they have been read."""

    name: str
    """The file as the user named it, for messages."""
    stream: io.BufferedReader[Any]
    size: int | None
    """Of the file, in bytes, as it lies on the disk; None for a pipe."""
    file: io.BufferedReader[Any]
    """What was opened: `stream` itself unless that is unpacked from it."""
    version: tuple[int, int] | None = None
    """Size and time of change (nanoseconds) when it was opened; None for a pipe."""

    @property
    def is_packed(self) -> bool:
        """Whether it is compressed with gzip."""
        return self.file is not self.stream

    @property
    def position(self) -> int:
        """How much of `size` has been read; 0 for a pipe."""
        return self.file.tell() if self.size is not None else 0

    def unpacked(self) -> Bytes:
        """The content, if it is compressed with gzip; else these bytes."""
        if not self.file.peek(2).startswith(_GZIP):
            return self
        stream = io.BufferedReader(_Unpacked(self.name, self.file), HEAD)
        return replace(self, stream=stream)

    def check_unchanged(self) -> None:
        """Refuse what was read of a file that somebody has written to since it was opened.

        A file that was replaced by another under its name is still the old one here, and whole.

        Raises:
            InputError: it was changed.
        """
        if self.version is not None and self.version != _version(os.fstat(self.file.fileno())):
            raise InputError(
                f"{self.name} was changed while it was read: some rows may be missing or cut. Run "
                "this again when nothing writes to it, or on a copy"
            )

    def head(self) -> bytes:
        """The first bytes; of a pipe those that have arrived."""
        return self.stream.peek(HEAD)[:HEAD]

    def lines_beyond_ascii(self) -> list[bytes]:
        """The first lines that are not ASCII, `HEAD` bytes of them or what there is.

        Of a pipe only its head is looked at.
        """
        if self.size is None:
            return _beyond_ascii(self.head())
        found: list[bytes] = []
        rest = b""
        while sum(map(len, found)) < HEAD and (chunk := self.stream.read(_CHUNK)):
            if rest or not chunk.isascii():
                whole, _, rest = (rest + chunk).rpartition(b"\n")
                found += _beyond_ascii(whole) if whole else []
                if len(rest) > _CHUNK:  # one very long line
                    found.append(rest)
                    break
        found += _beyond_ascii(rest) if sum(map(len, found)) < HEAD else []
        self.stream.seek(0)
        return found


def _beyond_ascii(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n") if not line.isascii()]


def open_bytes(source: str | os.PathLike[str], before_wait: Callable[[], None] | None) -> Bytes:
    """Open a file, or standard input for ``"-"``.

    Args:
        source: a path, or ``"-"``.
        before_wait: called before each read from a pipe.

    Raises:
        InputError: no such file, a directory, or a file that may not be read.
    """
    name = os.fspath(source)
    if name == "-":
        raw: io.RawIOBase = _Stream(sys.stdin.buffer, before_wait, is_ours=False)
        stdin = io.BufferedReader(raw, HEAD)
        return Bytes("standard input", stdin, None, stdin)
    try:
        if Path(name).is_dir():
            raise InputError(f"{name} is a directory; name one file in it")
        file: io.BufferedReader[Any] = io.BufferedReader(io.FileIO(name), HEAD)
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be opened: {cause(error)}") from None
    try:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            return Bytes(name, file, status.st_size, file, _version(status))
        file = io.BufferedReader(_Stream(file, before_wait, is_ours=True), HEAD)
        return Bytes(name, file, None, file)
    except BaseException:
        file.close()
        raise


def _version(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def check_head(name: str, format: Format, head: bytes) -> None:
    """Tell a table from something else by its first bytes, before any row is read.

    Raises:
        FormatError: it is empty, or in another format.
    """
    if not head.removeprefix(b"\xef\xbb\xbf"):
        raise FormatError(f"{name} is empty; there is nothing to read")
    is_parquet = head.startswith(_PARQUET)
    if is_parquet != (format == "parquet"):
        what = "is a Parquet file" if is_parquet else "is not a Parquet file"
        hint = "name it .parquet" if is_parquet else "check its format"
        raise FormatError(f"{name} {what}, read as {NAMES[format]}; {hint}")
    if format == "xlsx" and head.startswith(_ZIP):
        return
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise FormatError(f"{name} {what}")
    if format == "xlsx":
        raise FormatError(f"{name} is not an Excel workbook (.xlsx); check its format")
    if format == "jsonl" and head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        raise FormatError(f"{name} is a JSON array, not JSON Lines; write one JSON object a line")


class _Stream(io.RawIOBase):
    """Bytes that arrive one after the other, such as those of a pipe.

    `before_wait` is called before each read. Closing this closes `source` only if it is ours.
    """

    def __init__(
        self, source: Any, before_wait: Callable[[], None] | None, *, is_ours: bool
    ) -> None:
        self._source, self._before_wait, self._is_ours = source, before_wait, is_ours
        self._read = getattr(source, "read1", source.read)  # what is there, without waiting for all

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._before_wait is not None:
            self._before_wait()
        content = self._read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        if self._is_ours:
            self._source.close()
        super().close()


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, whose damage is told as any other wrong format."""

    def __init__(self, name: str, file: io.BufferedReader[Any]) -> None:
        self._name, self._file = name, file
        self._content = gzip.GzipFile(fileobj=file, mode="rb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._content.seek(offset, whence)

    def tell(self) -> int:
        return self._content.tell()

    def readinto(self, buffer: Any) -> int:
        try:
            content = self._content.read1(len(buffer))
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise FormatError(
                f"{self._name} is not a complete gzip file: it is cut short or damaged"
            ) from None
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()
