"""Reads small files of a model directory, which may come from anybody, without trusting them.

A file is opened only if it is a regular file of that directory. A link that leads out of it, a
pipe or a device is refused before anything is read, and so is a file that is larger than its kind
ever is. JSON is refused where it is nested too deeply, names a key twice, or holds what is no
finite number or no whole character.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from riskclf.errors import ArtifactCorrupt

__all__ = [
    "PACKAGED",
    "is_plain_text",
    "open_regular",
    "parse_json",
    "read_json",
    "read_text",
    "shown",
    "unreadable",
]

_MOST_JSON = 4 << 20
_MOST_TEXT = 16 << 20
"""Bytes of a JSON file and of a vocabulary; real ones have some 20 thousand and 6 million."""

# Each fine-tuning nests what its base says of itself two levels deeper.
_MOST_DEPTH = 200
# transformers writes 10**30 where it means that there is no limit.
_MOST_DIGITS = 40
_MOST_NAME = 200

_SURROGATE = re.compile("[\ud800-\udfff]")

PACKAGED = Path(__file__).parent / "default_model"
"""The model that comes with the package."""

# Windows has the last one only.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


def open_regular(file: Path, most: int) -> io.BufferedReader:
    """Open a file of a model directory for reading.

    The cache of a hub holds links to files beside its snapshots; these, and links within the
    directory, are followed.

    Args:
        file: in the directory.
        most: bytes that it may have.

    Raises:
        ArtifactCorrupt: it is missing, no regular file, a link that leads elsewhere, or larger.
    """
    try:
        target = file.resolve(strict=True) if file.is_symlink() else file
        if target != file and not _is_own(file, target):
            raise ArtifactCorrupt(
                f"{file} is a link that leads out of the model directory: put the file itself there"
            )
        handle = os.open(target, _FLAGS)
    except FileNotFoundError:
        raise ArtifactCorrupt(f"{file} is missing: copy the whole model directory again") from None
    except (OSError, RuntimeError, ValueError) as error:  # of a circle of links, too
        raise unreadable(file, error) from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > most:
        os.close(handle)
        if stat.S_ISREG(status.st_mode):
            raise _too_large(file, most)
        raise ArtifactCorrupt(f"{file} is not a regular file: copy the model again")
    return os.fdopen(handle, "rb")


def _is_own(file: Path, target: Path) -> bool:
    home = file.parent.resolve()
    blobs = home.parent.parent / "blobs"
    return (
        target.parent == home
        or (home.parent.name == "snapshots" and target.parent == blobs)
        or file.parent == PACKAGED  # uv and Bazel may install a package as links
    )


def read_text(file: Path, most: int = _MOST_TEXT) -> str:
    """A text file in UTF-8 of a model directory; every end of a line becomes ``\\n``.

    Raises:
        ArtifactCorrupt: as for `open_regular`, or it is not UTF-8.
    """
    with open_regular(file, most) as stream:
        try:
            content = stream.read(most + 1)
            text = content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        except (OSError, UnicodeDecodeError) as error:
            raise unreadable(file, error) from None
    if len(content) > most:  # it grows
        raise _too_large(file, most)
    return text


def read_json(file: Path) -> dict[str, Any]:
    """A JSON file of a model directory that holds an object.

    Raises:
        ArtifactCorrupt: as for `read_text` and `parse_json`, or it holds something else.
    """
    values = parse_json(read_text(file, _MOST_JSON), str(file))
    if not isinstance(values, dict):
        raise ArtifactCorrupt(f"{file} is not a JSON object: copy or save the model again")
    return values


def parse_json(text: str, where: str) -> Any:
    """JSON as values, checked.

    Args:
        text: the JSON.
        where: the file that holds it, for messages.

    Raises:
        ArtifactCorrupt: it is no JSON, is nested too deeply, names a key twice, or holds a number
            that is not finite or too long, or half of a surrogate pair; the message names the key.
    """
    try:
        values = json.loads(text, object_pairs_hook=_without_repeats, parse_int=_whole)
    except RecursionError:
        raise _odd(where, (), f"is nested more than {_MOST_DEPTH} deep") from None
    except _Repeated as error:
        raise _odd(where, ("", str(error)), "is named twice") from None
    except ValueError as error:
        raise unreadable(Path(where), error) from None
    path: list[Any] = []
    left: list[Iterator[tuple[Any, Any]]] = [iter([((), values)])]
    while left:
        item = next(left[-1], None)
        if item is None:
            left.pop()
            del path[-1:]
            continue
        key, value = item
        if isinstance(key, str) and _SURROGATE.search(key):
            raise _odd(where, path, "has a name with half of a character")
        if isinstance(value, dict | list):
            path.append(key)
            if len(left) > _MOST_DEPTH:
                raise _odd(where, path, f"is nested more than {_MOST_DEPTH} deep")
            left.append(iter(value.items() if isinstance(value, dict) else enumerate(value)))
        elif isinstance(value, float) and not math.isfinite(value):
            raise _odd(where, [*path, key], "is no finite number, or one that is too large")
        elif isinstance(value, str) and _SURROGATE.search(value):
            raise _odd(where, [*path, key], "holds half of a character")
    return values


class _Repeated(ValueError):
    """A key that is named twice."""


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise _Repeated(name)
    return found


def _whole(digits: str) -> float:
    return int(digits) if len(digits) <= _MOST_DIGITS else math.inf


def is_plain_text(text: Any, most: int = _MOST_NAME) -> bool:
    """Whether it is a str of one line that shows as what it is: for names and labels.

    Characters that control a terminal, reverse the direction of text or cannot be seen are not.
    """
    return (
        isinstance(text, str)
        and 0 < len(text) <= most
        and all(x.isprintable() or x == "\u3000" for x in text)
    )


def shown(text: object) -> str:
    """Something from a file, short and on one line, for a message."""
    line = "".join(x if x.isprintable() else ascii(x)[1:-1] for x in str(text)[:80])
    return line if len(str(text)) <= 80 else line + "…"


def unreadable(file: Path, error: Exception) -> ArtifactCorrupt:
    """The error of a file that is not what was saved."""
    return ArtifactCorrupt(
        f"{file} cannot be read ({type(error).__name__}): copy or save the model again"
    )


def _odd(where: str, path: Sequence[Any], what: str) -> ArtifactCorrupt:
    name = shown(".".join(map(str, path[1:5]))) or "the whole"
    return ArtifactCorrupt(f"{where}: {name} {what}; copy or save the model again")


def _too_large(file: Path, most: int) -> ArtifactCorrupt:
    return ArtifactCorrupt(
        f"{file} has more than {most:,} bytes, which no such file of a model has: copy or save the "
        "model again"
    )
