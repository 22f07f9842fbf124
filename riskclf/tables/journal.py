"""Continue a job that was interrupted: its results are kept until it is done."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from riskclf.disk import unwritable
from riskclf.files import open_private

__all__ = ["Journal"]


class Journal:
    """Results of the batches that are done, kept in a file until the whole job is.

    The first line holds a key: what the results depend on (the input, the model, the options), each
    part as a hash. A line of results follows for every batch. A job that was killed starts again
    from the first row, but takes the results of the batches that it finds here instead of computing
    them, whatever the format of its output. Each line begins with its checksum: one that the kill
    has cut short or a bad disk has altered is dropped, and so is all that follows.

    The file holds no text, and only its owner may read it. Open it when the lock of the output is
    held: two runs must not write one journal.

    `is_continued` says that results of an earlier run were found; `changed` names the parts of the
    key that differ from the earlier run's, whose results were thus thrown away.

    Args:
        path: of the file; it is made if need be.
        key: JSON-ready values by the name of what they are.
        output: the file that the results are for, as messages call it; None is `path`.

    Raises:
        InputError: the file cannot be opened, or is a link.
    """

    def __init__(self, path: Path, key: Mapping[str, Any], *, output: Path | None = None) -> None:
        self._path, self._output = path, output or path
        self.is_continued = False
        self.changed: tuple[str, ...] = ()
        self._file = open_private(path)
        hashed = {name: _hash(value) for name, value in key.items()}
        found = self._next()
        if found == hashed:
            self.is_continued = True
            return
        if isinstance(found, dict):
            self.changed = tuple(name for name in key if found.get(name) != hashed[name])
        self._file.seek(0)
        self._file.truncate()
        self.append(hashed)

    def next_batch(self, size: int) -> list[Any] | None:
        """The recorded results of the next batch, or None: then compute and `append` them."""
        start = self._file.tell()
        batch = self._next()
        if isinstance(batch, list) and len(batch) == size:
            return batch
        self._file.seek(start)
        self._file.truncate()
        return None

    def append(self, batch: Any) -> None:
        """Record the results of a batch: JSON-ready values without text, one for every row.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            line = json.dumps(batch).encode()
            self._file.write(b"%s %s\n" % (_checksum(line), line))
            self._file.flush()
        except OSError as error:
            raise unwritable(self._output, error) from None

    def close(self) -> None:
        """Keep the file for the next run."""
        with contextlib.suppress(OSError):  # what could not be written was told before
            self._file.close()

    def remove(self) -> None:
        """The job is done: forget the results."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _next(self) -> Any:
        checksum, _, line = self._file.readline().partition(b" ")
        if line.endswith(b"\n") and checksum == _checksum(line[:-1]):
            with contextlib.suppress(ValueError, RecursionError):
                return json.loads(line)
        return None


def _checksum(line: bytes) -> bytes:
    return blake2b(line, digest_size=8).hexdigest().encode()


def _hash(value: Any) -> str:
    return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).hexdigest()
