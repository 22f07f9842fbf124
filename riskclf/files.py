"""Output files: written beside their place, renamed when whole, one writer at a time.

The only place in the library that does any of these. ``with locked(path)`` keeps a second run off
the same output; ``with replacing(path)`` gives a path to write to, and puts the file in its place
when the block ends without an error. An output that is a symbolic link stays one: its target is
replaced. The mode of an older file is kept.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from riskclf.errors import InputError

__all__ = ["locked", "replacing", "replacing_directory", "target_of", "write_text"]


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
def locked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of an output file or directory; the lock file is a hidden file beside it.

    The lock belongs to the process and ends with it, also when it is killed.

    Raises:
        InputError: another run is writing `path`, or no file can be made beside it.
    """
    target = target_of(path)
    lock = FileLock(target.with_name(f".{target.name}.lock"), timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"{path} is being written by another run; wait until it has ended, or choose another "
            "name"
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    try:
        yield
    finally:
        # Removed while it is held: a later run makes a new one.
        with contextlib.suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new, empty, hidden file beside `path`, which takes its place when the block ends well.

    After an error it is removed and the older file, if there was one, is as before.

    Raises:
        InputError: no file can be made there, or it cannot be put in its place.
    """
    target = target_of(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    os.close(handle)
    staged = Path(name)
    try:
        yield staged
        staged.chmod(_mode_of(target))
        try:
            staged.replace(target)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def replacing_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """An empty directory that takes the place of `path` when the block ends without an error.

    An error or Ctrl-C leaves the old directory or the new one; a kill between the two renames
    leaves the old one in a hidden directory beside it.

    Raises:
        InputError: no directory can be made there.
    """
    target = target_of(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    with scratch:
        staged, old = Path(scratch.name) / "new", Path(scratch.name) / "old"
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


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file as UTF-8; half of a surrogate pair becomes its ``\\udXXX`` escape.

    Raises:
        InputError: it cannot be written.
    """
    with replacing(path) as staged:
        try:
            staged.write_bytes(text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}") from None


def _mode_of(target: Path) -> int:
    """The mode of the older file, or what the user's umask gives to a new one."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except OSError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask
