"""The header of a safetensors file, read and checked before a weight is: names, types, places.

Such a file holds the length of its header, the header as JSON, and the tensors one after the other
(https://github.com/huggingface/safetensors). All is compared with the size of the file, so that
nothing is allocated that the file does not hold.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from riskclf.errors import ArtifactCorrupt
from riskclf.modelfiles import is_plain_text, open_regular, parse_json, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["LARGEST", "MOST_BYTES", "Stored", "check_numbers", "read_header"]

MOST_BYTES = 8 << 30
"""Of a file with weights; a large BERT has a sixth of it."""

LARGEST = 1e4
"""Of a weight, without its sign. Those of trained models are below 100; with much larger ones the
results overflow."""

_MOST_HEADER = 4 << 20
_CHUNK = 1 << 18

# Without the sign, the bits of numbers of floating point are, as whole numbers, in the order of
# their size; those of infinity and of NaN are above all others. BF16 is the upper half of F32.
_F32 = int(np.float32(LARGEST).view(np.uint32))
_BITS: dict[str, tuple[type[np.uint16 | np.uint32], int]] = {
    "F16": (np.uint16, int(np.float16(LARGEST).view(np.uint16))),
    "BF16": (np.uint16, _F32 >> 16),
    "F32": (np.uint32, _F32),
}

# With the bytes of each number.
_FLOATS = {"F16": 2, "BF16": 2, "F32": 4}
_OTHERS = {"U8": 1, "I8": 1, "BOOL": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "I64": 8, "U64": 8}
_TYPES = _FLOATS | _OTHERS


@dataclass(frozen=True, slots=True)
class Stored:
    """What the header says of a tensor."""

    dtype: str
    """In the words of safetensors, such as F16."""
    shape: tuple[int, ...]
    start: int
    """Its first byte in the file."""
    end: int
    """The byte behind it."""

    @property
    def is_float(self) -> bool:
        """Whether its numbers are of floating point."""
        return self.dtype in _FLOATS


def read_header(file: Path) -> dict[str, Stored]:
    """The tensors of a safetensors file by name.

    Raises:
        ArtifactCorrupt: the file is missing, or is no whole safetensors file: its tensors overlap,
            leave gaps, are of a type that no model has, or are not as long as their shape says.
    """
    with open_regular(file, MOST_BYTES) as stream:
        size = os.fstat(stream.fileno()).st_size
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, _MOST_HEADER):
            raise _damaged(file, "is longer than the file or than that of any model")
        content = stream.read(length)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise unreadable(file, error) from None
    entries = parse_json(text, str(file))
    if not isinstance(entries, dict):
        raise _damaged(file, "is not a JSON object")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(x, str) for x in metadata.values()):
        raise _damaged(file, "has metadata other than text")
    found = {}
    for name, entry in entries.items():
        stored = _stored(entry, 8 + length)
        if stored is None or not is_plain_text(name):
            raise _damaged(file, "describes a tensor with a name, type or shape that none has")
        found[name] = stored
    place = 8 + length
    for stored in sorted(found.values(), key=lambda x: (x.start, x.end)):
        if stored.start != place:
            raise _damaged(file, "describes tensors that overlap or leave gaps")
        place = stored.end
    if place != size:
        raise _damaged(file, f"describes {place:,} bytes, and the file has {size:,}")
    return found


def _stored(entry: Any, first: int) -> Stored | None:
    """An entry of the header; None where it is not as it must be."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        return None
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or not _are_counts(shape) or not _are_counts(offsets):
        return None
    if dtype not in _TYPES or len(shape) > 8 or len(offsets) != 2:
        return None
    start, end = offsets
    if end - start != math.prod(shape) * _TYPES[dtype]:
        return None
    return Stored(dtype, tuple(shape), first + start, first + end)


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(x) is int and x >= 0 for x in values)


def check_numbers(file: Path, tensors: Mapping[str, Stored]) -> None:
    """Refuse weights that are not finite or far too large: one NaN makes a post's risk NaN.

    Args:
        file: in safetensors' format.
        tensors: of its header.

    Raises:
        ArtifactCorrupt: a number of floating point is not finite, or larger than `LARGEST`.
    """
    with open_regular(file, MOST_BYTES) as stream:
        for name, stored in tensors.items():
            if stored.is_float and not _are_usable(stream, stored):
                raise ArtifactCorrupt(
                    f"{file}: the weights {name} hold a value that is not a finite number, or one "
                    f"beyond {LARGEST:,.0f}; copy the model again or train it again"
                )


def _are_usable(stream: BinaryIO, stored: Stored) -> bool:
    kind, most = _BITS[stored.dtype]
    unsigned = kind(np.iinfo(kind).max >> 1)
    stream.seek(stored.start)
    left = math.prod(stored.shape)
    while left:
        bits: NDArray[Any] = np.fromfile(stream, dtype=kind, count=min(left, _CHUNK))
        if not len(bits) or int((bits & unsigned).max()) > most:
            return False
        left -= len(bits)
    return True


def _damaged(file: Path, what: str) -> ArtifactCorrupt:
    return ArtifactCorrupt(f"{file}: its header {what}; copy or save the model again")
