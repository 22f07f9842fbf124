"""The audit log: JSON Lines without text, chained, which anyone can check without the case store.

The first line names the log; every other line is one event of a case store, in its order, with its
number `n`. `digest` is the SHA-256 of a line (keys sorted, without blanks), and `previous` that of
the line before. So a line that is changed, dropped or put elsewhere is found. An end that is cut
off is found with count and digest that were kept elsewhere (`riskclf audit head`).

`posts` has the HMAC-SHA256 of each normalised post of the case, with a key that is no part of the
log: who has key and text can tell whether a post was handled, nobody else can. These are the only
part of a line that a purge removes. They enter the digest as `sealed`, a hash of them with a random
`salt`, which goes too: what is left is a tombstone, whose digest still holds. It is taken for one
only if a later line says that this case was purged.

A line whose time is before that of the line above says by how many seconds (`clock_back`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from riskclf.errors import CaseError, InputError
from riskclf.files import locked, open_private, replacing, target_of
from riskclf.text import normalise

__all__ = ["FIRST", "AuditLog", "Entry", "Head", "digest_of", "head_of", "line_of", "seal_of"]

FIRST = "0" * 64
"""What the first line holds in place of a digest."""

_WAIT = 30
"""Seconds to wait for another writer."""
_KEY_BYTES = 32
_TAIL = 65_536
_AT_ONCE = 1000
_PURGEABLE = ("posts", "salt")
_UNCHAINED = ("digest", *_PURGEABLE, "line")
"""Not in the digest. `line` is that of another log in a merged one, and has its own digest."""


@dataclass(frozen=True)
class Head:
    """Where a log ends."""

    count: int
    """How many events it holds; 0 where there is only the first line."""
    digest: str
    """Of the last line."""


@dataclass(frozen=True)
class Entry:
    """An event for the log."""

    at: datetime
    fields: dict[str, Any]
    """JSON values without text. ``action`` and ``case`` are among them."""
    posts: Sequence[str] | None = None
    """Texts of the case's posts; only their HMACs are written."""


@dataclass(frozen=True)
class AuditLog:
    """A log that a case store writes."""

    path: Path
    key: Path
    name: str
    """The random name in its first line."""

    @classmethod
    def create(cls, path: str | os.PathLike[str], key: str | os.PathLike[str]) -> AuditLog:
        """Begin a log, and make the key if it is not there.

        Args:
            path: a new file.
            key: a file that only its owner may read. Several logs may share one.

        Raises:
            InputError: a file cannot be made, or the key cannot be used.
        """
        place, key_place = target_of(path), target_of(key)
        if place.exists():
            raise InputError(f"{path} exists already; name a new file")
        if place == key_place:
            raise InputError("the key must be another file than the audit log")
        if not key_place.exists():
            _write_new(key_place, secrets.token_hex(_KEY_BYTES).encode("ascii") + b"\n")
        log = cls(place, key_place, secrets.token_hex(8))
        log.check_key()
        now = datetime.now(UTC).isoformat()
        first = {"n": 0, "log": log.name, "format": 1, "created": now, "previous": FIRST}
        _write_new(place, line_of(first))
        return log

    def check_key(self) -> None:
        """Make sure that the key can be used.

        Raises:
            CaseError: it is missing.
            InputError: it is no key.
        """
        self._secret()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other writers away.

        Raises:
            InputError: another program has been writing for too long.
        """
        with locked(self.path, wait=_WAIT):
            yield

    def head(self) -> Head:
        """Where it ends; call it in `held`. A line that a kill left incomplete is removed.

        Raises:
            CaseError: the file is not this log.
        """
        with self._file() as file:
            return self._end(file)[0]

    def append(self, entries: Iterable[Entry]) -> None:
        """Add events, on disk when it returns; call it in `held`.

        An event ``purge_case`` takes the HMACs of its case out of all lines before, in the same
        moment as it is added: a kill leaves the log as it was, or with both.

        Raises:
            CaseError: the file is not this log, or its key is missing.
            InputError: it cannot be written.
        """
        secret = self._secret()
        waiting = iter(entries)
        try:
            while chunk := [*islice(waiting, _AT_ONCE)]:
                self._append(chunk, secret)
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror}") from None

    def _append(self, entries: Sequence[Entry], secret: bytes) -> None:
        purged = {x.fields["case"] for x in entries if x.fields["action"] == "purge_case"}
        with self._file() as file:
            head, at = self._end(file)
            lines = []
            for entry in entries:
                line = _sealed(entry, head, at, secret)
                head, at = Head(line["n"], line["digest"]), entry.at
                lines.append(_bytes(line))
            if not purged:
                file.seek(0, os.SEEK_END)
                file.writelines(lines)
                _sync(file)
                return
        with (
            replacing(self.path) as staged,
            staged.open("wb") as copy,
            self.path.open("rb") as old,
        ):
            copy.writelines(_without_posts(line, purged) for line in chain(old, lines))
            _sync(copy)
        _sync_directory(self.path)

    @contextmanager
    def _file(self) -> Iterator[BinaryIO]:
        """The file, open to read and write, once it is certain that it is this log."""
        if not self.path.is_file():
            raise CaseError(
                f"the audit log {self.path} is missing: bring it back, or begin a new one with: "
                "riskclf audit start"
            )
        with open_private(self.path) as file:
            first = _parsed(file.readline(), self.path, 0)
            if first.get("log") != self.name:
                raise CaseError(f"{self.path} is not the audit log of this case store")
            yield file

    def _end(self, file: BinaryIO) -> tuple[Head, datetime | None]:
        """The head and the time of the last line; a line that a kill left incomplete is removed."""
        last, end = _last_line(file)
        file.truncate(end)
        line = _parsed(last, self.path, None)
        at = line.get("at")
        return Head(line["n"], line["digest"]), None if at is None else datetime.fromisoformat(at)

    def _secret(self) -> bytes:
        try:
            secret = bytes.fromhex(self.key.read_text(encoding="ascii").strip())
        except OSError:
            raise CaseError(
                f"the key {self.key} of the audit log is missing: bring it back"
            ) from None
        except ValueError:
            secret = b""
        if len(secret) != _KEY_BYTES:
            raise InputError(f"{self.key} is no key: it must hold {2 * _KEY_BYTES} hex digits")
        return secret


def head_of(path: str | os.PathLike[str]) -> Head:
    """Where a log ends, from its last line alone; nothing is checked.

    Raises:
        InputError: it cannot be read.
        CaseError: it is no audit log.
    """
    try:
        with Path(path).open("rb") as file:
            line = _parsed(_last_line(file)[0], path, None)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    return Head(line["n"], line["digest"])


def digest_of(line: Mapping[str, Any]) -> str:
    """The SHA-256 of a line, without its own digest and without what a purge removes."""
    kept = {name: x for name, x in line.items() if name not in _UNCHAINED}
    return hashlib.sha256(_json(kept)).hexdigest()


def seal_of(posts: Sequence[str], salt: str) -> str:
    """The hash that stands for the HMACs of a line's posts."""
    return hashlib.sha256(_json([salt, *posts])).hexdigest()


def line_of(fields: Mapping[str, Any]) -> bytes:
    """A line as it is written, with its digest."""
    return _bytes({**fields, "digest": digest_of(fields)})


def _sealed(entry: Entry, head: Head, before: datetime | None, secret: bytes) -> dict[str, Any]:
    """The line of an event, with its digest."""
    line = {"n": head.count + 1, "at": entry.at.astimezone(UTC).isoformat(), **entry.fields}
    if before is not None and entry.at < before:
        line["clock_back"] = (before - entry.at).total_seconds()
    if entry.posts:
        line["posts"] = [_hmac(post, secret) for post in entry.posts]
        line["salt"] = secrets.token_hex(16)
        line["sealed"] = seal_of(line["posts"], line["salt"])
    line["previous"] = head.digest
    return {**line, "digest": digest_of(line)}


def _hmac(post: str, secret: bytes) -> str:
    text = normalise(post).text.encode()  # it has no half of a surrogate pair
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def _without_posts(line: bytes, cases: set[int]) -> bytes:
    found = json.loads(line)
    if found.get("case") not in cases:
        return line
    return _bytes({name: x for name, x in found.items() if name not in _PURGEABLE})


def _parsed(line: bytes, path: str | os.PathLike[str], number: int | None) -> dict[str, Any]:
    """A line as JSON values."""
    try:
        found = json.loads(line)
        if isinstance(found["n"], int) and isinstance(found["digest"], str):
            return dict(found)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    where = "" if number is None else f" in line {number + 1}"
    raise CaseError(f"{path} is no audit log, or was damaged{where}")


def _last_line(file: BinaryIO) -> tuple[bytes, int]:
    """The last complete line, and the offset behind it."""
    end = file.seek(0, os.SEEK_END)
    start, tail = end, b""
    while start > 0 and tail.count(b"\n") < 2:
        size = min(_TAIL, start)
        start = file.seek(start - size)
        tail = file.read(size) + tail
    complete = tail.rfind(b"\n") + 1
    return tail[tail.rfind(b"\n", 0, complete - 1) + 1 : complete], start + complete


def _json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return text.encode("ascii")


def _bytes(line: Mapping[str, Any]) -> bytes:
    return _json(line) + b"\n"


def _write_new(path: Path, content: bytes) -> None:
    with open_private(path) as file:
        file.write(content)
        _sync(file)
    _sync_directory(path)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    with suppress(OSError, AttributeError):  # Windows cannot
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
