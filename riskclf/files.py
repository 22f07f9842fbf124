"""Output files: written beside their place, renamed when whole, one writer at a time.

The only place in the library that does any of these. ``with replacing(path)`` gives a path to write
to, and puts the file in its place when the block ends without an error; `Replacement` is the same
for a writer that is open for longer. Both hold the lock of the output, so that a second run on it
is refused. ``with locked(path)`` holds the lock alone.

What is written lies in ``NAME.partial`` beside the output. It is always made anew: a link of that
name is removed, not followed. An output that is a symbolic link stays one: its target is replaced.
Messages name the path that the user typed.

A file that may hold text of posts is ``private``: from its first byte only its owner may read and
write it, whatever the umask and the mode of the file that it replaces. Other files keep the mode of
an older one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from filelock import FileLock, Timeout

from riskclf.disk import naming, unwritable
from riskclf.errors import InputError

__all__ = [
    "Replacement",
    "beside",
    "locked",
    "locked_all",
    "open_private",
    "private_directory",
    "replacing",
    "replacing_directory",
    "target_of",
    "write_bytes",
    "write_text",
    "write_together",
]

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has neither
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)

_PRIVATE = 0o600

_WRITTEN: set[Path] = set()


def beside(path: str | os.PathLike[str], suffix: str) -> Path:
    """The path with a suffix added to its name: ``out.csv`` and ``.resume`` is out.csv.resume."""
    place = Path(path)
    return place.with_name(place.name + suffix)


def target_of(path: str | os.PathLike[str]) -> Path:
    """Where the file behind `path` really lies: links are followed.

    Raises:
        InputError: the links lead round in a circle.
    """
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError):
        raise InputError(f"{path} is a link that leads to itself; choose another name") from None


@contextmanager
def locked(path: str | os.PathLike[str], *, wait: float = 0) -> Iterator[None]:
    """Hold the lock of an output file or directory; the lock file is a hidden file beside it.

    The lock belongs to the thread that holds it, which may take it again: a command locks its
    output for the whole run, and so does the writer within. It ends with the process, also when
    that is killed. A directory that is missing above `path` is made.

    Args:
        path: the output.
        wait: seconds to wait for another run.

    Raises:
        InputError: another run is writing `path`, or no file can be made beside it.
    """
    target = target_of(path)
    place = target.with_name(f".{target.name}.lock")
    lock = FileLock(place, timeout=0, mode=0o600, is_singleton=True)
    try:
        lock.acquire(timeout=wait, poll_interval=0.02)
    except Timeout:
        raise InputError(
            f"{path} is being written by another run; wait until it has ended, or choose another "
            "name"
        ) from None
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        yield
    finally:
        # Removed while it is held, so that a later run makes a new one. A run that opened the old
        # one just before finds it unlinked once it has the lock, and filelock lets go of it.
        if lock.lock_counter == 1:
            place.unlink(missing_ok=True)
        lock.release()


@contextmanager
def locked_all(paths: Iterable[str | os.PathLike[str] | None]) -> Iterator[None]:
    """Hold the locks of all outputs of a run; None is one that is not written.

    Raises:
        InputError: as for `locked`.
    """
    with ExitStack() as stack:
        for path in paths:
            if path is not None:
                stack.enter_context(locked(path))
        yield


class Replacement:
    """A file that is written beside its place and takes it on `commit`; its output is locked.

    Args:
        path: the output.
        private: only its owner may read it.

    Raises:
        InputError: another run is writing `path`, or no file can be made there.
    """

    file: BinaryIO
    """Open for writing, and empty at first."""

    staged: Path
    """Where `file` lies until it is committed."""

    def __init__(self, path: str | os.PathLike[str], *, private: bool = False) -> None:
        self._path = path
        self._target = target_of(path)
        self._committed = False
        self.staged = beside(self._target, ".partial")
        if not self._target.parent.is_dir():  # filelock would make it
            raise unwritable(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        with ExitStack() as stack:
            stack.enter_context(locked(path))
            if self.staged in _WRITTEN:  # by this thread, which holds the lock already
                raise InputError(f"{path} is being written already; finish that first")
            _WRITTEN.add(self.staged)
            stack.callback(_WRITTEN.remove, self.staged)
            try:
                self.file = _new_file(self.staged, self._target, private)
            except (OSError, ValueError) as error:
                raise unwritable(path, error) from None
            self._lock = stack.pop_all()

    def commit(self) -> None:
        """Put the file in its place, over an older one."""
        try:
            self.file.close()
            self.staged.replace(self._target)
        except OSError as error:
            raise unwritable(self._path, error) from None
        self._committed = True
        self._lock.close()

    def discard(self) -> None:
        """Remove what was written, unless it was committed."""
        self._close_file()
        if not self._committed:
            self.staged.unlink(missing_ok=True)
        self._lock.close()

    def close(self) -> None:
        """Let go of the file; what was not committed stays in `staged`."""
        self._close_file()
        self._lock.close()

    def _close_file(self) -> None:
        with contextlib.suppress(OSError):  # of a full disk, which was reported when it was written
            self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def replacing(path: str | os.PathLike[str], *, private: bool = False) -> Iterator[Path]:
    """A new, empty file beside `path`, which takes its place when the block ends well.

    After an error it is removed and the older file, if there was one, is as before.

    Args:
        path: the output.
        private: only its owner may read it.

    Raises:
        InputError: another run is writing `path`, no file can be made there, or the disk is full.
    """
    replacement = Replacement(path, private=private)
    replacement.file.close()
    try:
        with naming(path):
            yield replacement.staged
    except BaseException:
        replacement.discard()
        raise
    with replacement:
        replacement.commit()


@contextmanager
def replacing_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """An empty directory that takes the place of `path` when the block ends without an error.

    An error or Ctrl-C leaves the old directory or the new one. A kill between the two renames
    leaves the old one in a hidden directory beside it; the next run on `path` puts it back first,
    and removes what else a kill has left there. Missing directories above `path` are made.

    Raises:
        InputError: another run is writing `path`, no directory can be made there, or the disk is
            full.
    """
    target = target_of(path)
    scratch = target.with_name(f".{target.name}.partial")
    staged, old = scratch / "new", scratch / "old"
    with locked(path), naming(path):
        try:
            if old.exists() and not target.exists():
                old.rename(target)
            _remove(scratch)
            scratch.mkdir(mode=0o700)
        except OSError as error:
            raise unwritable(path, error) from None
        try:
            staged.mkdir()
            yield staged
            if target.exists():
                target.rename(old)
            try:
                staged.rename(target)
            except BaseException:
                if old.exists():
                    old.rename(target)
                raise
        finally:
            _remove(scratch)


def _remove(directory: Path) -> None:
    """Remove a directory of ours; a link of that name is removed, not followed."""
    if directory.is_symlink():
        directory.unlink()
    elif directory.exists():
        shutil.rmtree(directory)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file as UTF-8; half of a surrogate pair becomes its ``\\udXXX`` escape.

    Raises:
        InputError: it cannot be written.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file as a whole.

    Raises:
        InputError: it cannot be written.
    """
    with replacing(path) as staged:
        try:
            staged.write_bytes(content)
        except OSError as error:
            raise unwritable(path, error) from None


def write_together(directory: Path, contents: Mapping[str, bytes]) -> None:
    """Write files of an existing directory that belong together.

    The last one is there only while all are of one run: it is removed before the first one is
    replaced, and takes its place at the end. Before that all of them lie beside their places, so
    that a full disk changes nothing.

    Args:
        directory: of the files.
        contents: by name; the last one is the one that a reader opens first.

    Raises:
        InputError: one of them cannot be written.
    """
    with ExitStack() as stack:
        files = []
        for name, content in contents.items():
            file = Replacement(directory / name)
            stack.callback(file.discard)
            try:
                file.file.write(content)
                file.file.flush()
            except OSError as error:
                raise unwritable(directory / name, error) from None
            files.append(file)
        (directory / [*contents][-1]).unlink(missing_ok=True)
        for file in files:
            file.commit()


def open_private(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading and writing that only its owner may read; it is made if need be.

    Raises:
        InputError: it cannot be opened, or is a link or no regular file.
    """
    flags = os.O_RDWR | os.O_CREAT | _NO_FOLLOW | _NO_WAIT | _BINARY
    try:
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise InputError(f"{path} is a link; remove it") from None
        raise unwritable(path, error) from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(handle)
        raise InputError(f"{path} is a link or no regular file; remove it")
    return os.fdopen(handle, "r+b")


def private_directory(path: str | os.PathLike[str]) -> None:
    """Make a directory that only its owner may enter, unless it is there.

    Raises:
        InputError: it cannot be made.
    """
    try:
        Path(path).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


def _new_file(staged: Path, target: Path, private: bool) -> BinaryIO:
    """Make the file anew; its mode is that of the older `target`, else what the umask gives.

    A private file has no more than the bits of its owner, and an older one may have had fewer.
    """
    mode = None
    with contextlib.suppress(FileNotFoundError):
        status = target.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        mode = stat.S_IMODE(status.st_mode)
    if private:
        mode = _PRIVATE if mode is None else mode & _PRIVATE
    staged.unlink(missing_ok=True)
    # O_EXCL neither follows a link nor opens what somebody else has made in the meantime.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
    handle = os.open(staged, flags, 0o666 if mode is None else _PRIVATE)
    file = os.fdopen(handle, "w+b")
    if mode is not None:
        staged.chmod(mode)
    return file
