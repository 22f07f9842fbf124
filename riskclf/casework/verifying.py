"""Checks and merges audit logs (`riskclf.casework.audit`), one line at a time.

A merged log holds the lines of several logs by time, each as it was, in a chain of its own. So both
the order of all and each single log can be checked in it. A merged log may be merged again.
"""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from riskclf.casework.audit import FIRST, Head, digest_of, line_of, seal_of
from riskclf.errors import CaseError, InputError
from riskclf.files import replacing

__all__ = ["Verified", "merge", "verify"]

_Line = Mapping[str, Any]


@dataclass(frozen=True)
class Verified:
    """What a log holds."""

    head: Head
    logs: tuple[str, ...]
    """Names of the logs in it; one, if it is not merged."""
    clock_back: int
    """Lines whose time is before that of the line above."""
    tombstones: int
    """Lines whose posts were purged."""


@dataclass
class _Chain:
    """One log, line by line."""

    where: str
    """Its file, for messages."""
    name: str = ""
    head: Head = field(default_factory=lambda: Head(-1, FIRST))
    clock_back: int = 0
    tombstones: int = 0
    _purged: dict[Any, int] = field(default_factory=dict)
    """Cases with a tombstone that no line has explained yet, and the first line of each."""

    def take(self, line: _Line) -> None:
        """Check the next line.

        Raises:
            CaseError: it was changed, or is not the next one.
        """
        number = self.head.count + 1
        if line.get("n") != number:
            self._refuse(f"the line with n = {number} is missing, or not in its place")
        if (
            not _has_types(line)
            or line.get("previous") != self.head.digest
            or line.get("digest") != digest_of(line)
        ):
            self._refuse(f"the line with n = {number} is not as it was written")
        if number == 0:
            self.name = str(line.get("log", ""))
        self.head = Head(number, line["digest"])
        self.clock_back += "clock_back" in line
        case = line.get("case")
        if "sealed" in line:
            if "posts" not in line and "salt" not in line:
                self.tombstones += 1
                self._purged.setdefault(case, number)
            elif seal_of(line.get("posts", ()), line.get("salt", "")) != line["sealed"]:
                self._refuse(
                    f"the posts of the line with n = {number} are not as they were written"
                )
        elif "posts" in line or "salt" in line:
            self._refuse(f"the line with n = {number} is not as it was written")
        if line.get("action") == "purge_case":
            self._purged.pop(case, None)

    def end(self) -> None:
        """Check what only the end can tell.

        Raises:
            CaseError: posts were removed without a purge.
        """
        for case, number in self._purged.items():
            self._refuse(
                f"the line with n = {number} lacks its posts, and no purge of case {case} follows"
            )

    def _refuse(self, what: str) -> NoReturn:
        raise CaseError(f"{self.where}: {what}: the log was changed")


def _has_types(line: _Line) -> bool:
    """Whether what is used of a line is of its type; anybody can compute the digest of another."""
    return (
        isinstance(line.get("posts", []), list)
        and isinstance(line.get("salt", ""), str)
        and isinstance(line.get("case"), int | None)
    )


class _Log:
    """A file, read line by line and checked on the way: a log, or merged ones."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self.chain = _Chain(str(path))
        self.parts: dict[str, _Chain] = {}
        """The logs in it by name."""

    def lines(self) -> Iterator[tuple[str, _Line]]:
        """The lines of the logs in it, each with the name of its log."""
        try:
            with Path(self.path).open("rb") as file:
                yield from self._checked(file)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}") from None
        except RecursionError:
            self._refuse(1)

    def result(self) -> Verified:
        """What was found, when all lines were read."""
        for chain in self.parts.values():
            chain.end()
        parts = self.parts.values()
        return Verified(
            self.chain.head,
            tuple(self.parts),
            sum(x.clock_back for x in parts),
            sum(x.tombstones for x in parts),
        )

    def _checked(self, file: BinaryIO) -> Iterator[tuple[str, _Line]]:
        merged = False
        for raw in file:
            line = self._parsed(raw)
            self.chain.take(line)
            if self.chain.head.count == 0:
                merged = "merged" in line
                if not merged:
                    self.parts[self.chain.name] = self.chain
            if not merged:
                if "line" in line:
                    self._refuse()
                yield self.chain.name, line
            elif self.chain.head.count:
                name, inner = line.get("log"), line.get("line")
                if not isinstance(name, str) or not isinstance(inner, dict) or "line" in inner:
                    self._refuse()
                where = f"{self.path}, log {name}"
                self.parts.setdefault(name, _Chain(where)).take(inner)
                if line.get("of") != inner["digest"] or self.parts[name].name != name:
                    self._refuse()
                yield name, inner
        if self.chain.head.count < 0:
            raise CaseError(f"{self.path} is no audit log: it is empty")

    def _parsed(self, raw: bytes) -> _Line:
        if not raw.endswith(b"\n"):
            raise CaseError(
                f"{self.path}: the last line is incomplete, as after a kill: take a step with the "
                "case store, which completes it, and verify again"
            )
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, dict):
            self._refuse(1)
        return line

    def _refuse(self, further: int = 0) -> NoReturn:
        number = self.chain.head.count + further
        raise CaseError(
            f"{self.path}: the line with n = {number} is not as it was written: the log was changed"
        )


def verify(path: str | os.PathLike[str], *, kept: Head | None = None) -> Verified:
    """Check a log, in memory that does not grow with its lines.

    Args:
        path: of a log, or of merged ones.
        kept: an earlier head, which was kept elsewhere: the log must have had it.

    Raises:
        CaseError: the log was changed. The message names the first such line; 0 is the one that
            names the log.
        InputError: it cannot be read.
    """
    log = _Log(path)
    for _ in log.lines():
        head = log.chain.head
        if kept is not None and head.count == kept.count and head != kept:
            raise CaseError(
                f"{path}: the line with n = {kept.count} is another one than was kept elsewhere"
            )
    found = log.result()
    if kept is not None and found.head.count < kept.count:
        raise CaseError(
            f"{path} ends with n = {found.head.count}, and n = {kept.count} was kept elsewhere: "
            "the end was cut off"
        )
    return found


def merge(paths: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str]) -> Verified:
    """Put several logs into one, by time; each keeps its own order and chain.

    Args:
        paths: of logs, or of merged ones.
        output: the new file.

    Returns:
        What the merged log holds.

    Raises:
        CaseError: a log was changed, or is in two files.
        InputError: a file cannot be read or written.
    """
    names: list[str] = []
    for path in paths:
        for name in verify(path).logs:
            if name in names:
                raise CaseError(f"log {name} is in two files: merge only the longer one")
            names.append(name)
    sorted_lines = heapq.merge(*(_by_time(path, place) for place, path in enumerate(paths)))
    with replacing(output) as staged, staged.open("wb") as file:
        fields: dict[str, Any] = {"n": 0, "merged": names, "format": 1, "previous": FIRST}
        file.write(line_of(fields))
        for number, (_, name, line) in enumerate(sorted_lines, start=1):
            fields = {
                "n": number, "log": name, "of": line["digest"], "previous": digest_of(fields),
            }  # fmt: skip
            file.write(line_of({**fields, "line": line}))
    return verify(output)


def _by_time(
    path: str | os.PathLike[str], place: int
) -> Iterator[tuple[tuple[str, int, int], str, _Line]]:
    """Lines with a key that never falls within a file, though its clock may go back."""
    reached = ""
    for count, (name, line) in enumerate(_Log(path).lines()):
        # Times are in UTC and of one form, so that their text is in their order.
        reached = max(reached, str(line.get("at", "")))
        yield (reached, place, count), name, line
