"""Errors of a disk: which output could not be written, why, and what to do."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from riskclf.errors import InputError

__all__ = ["is_full", "naming", "unwritable"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
"""How safetensors, which is written in Rust, ends the message of an error of the system."""


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Give the error of a full disk the name of the output that was to be written.

    Such an error often names no file, or a temporary one.

    Raises:
        InputError: the disk is full.
    """
    try:
        yield
    except Exception as error:
        why = _full_disk(error)
        if why is None:
            raise
        raise unwritable(path, why) from None


def unwritable(path: str | os.PathLike[str], error: Exception) -> InputError:
    """The error of an output that cannot be written: which, why, and what to do.

    Args:
        path: as the user typed it.
        error: that writing it raised.
    """
    told = f"{path} cannot be written: {getattr(error, 'strerror', None) or error}"
    if is_full(error):
        told += "; make room on its disk, or choose a place on another one, and run it again"
    return InputError(told)


def is_full(error: Exception) -> bool:
    """Whether a file could not become longer: the disk, a quota or a limit of its size is full."""
    return isinstance(error, OSError) and error.errno in _FULL


def _full_disk(error: Exception) -> OSError | None:
    """The error as one of the system, if it says that a file could not become longer."""
    if isinstance(error, OSError):
        return error if is_full(error) else None
    module = type(error).__module__
    if module.startswith("safetensors") and (found := _SYSTEM_ERROR.search(str(error))):
        number = int(found[1])
        return OSError(number, os.strerror(number)) if number in _FULL else None
    if "inline_container" in str(error) or "PytorchStreamWriter" in str(error):
        return OSError(errno.ENOSPC, "the disk is probably full")  # torch does not say why
    return None
