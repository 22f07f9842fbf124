"""An engine's files that hold no weights of their own: they point into model.safetensors.

OpenVINO's .xml names a constant by its place in the .bin, and both formats store bare numbers in
the same order. So a constant that is equal to a tensor of model.safetensors need not be stored a
second time: the .xml names its place in the .bin and model.safetensors, one after the other, which
is what `riskclf.engines.openvino` then reads.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

__all__ = ["is_16_bits", "share_weights"]

_CONSTANT = re.compile(rb'offset="(\d+)" size="(\d+)"')

# Bytes; shorter ones are equal by chance, and save nothing.
_LEAST = 256


def is_16_bits(weights: Path) -> bool:
    """Whether a file in safetensors' format stores its numbers of floating point as float16."""
    header, _ = _header(weights)
    return all(entry["dtype"] != "F32" for entry in header.values())


def share_weights(xml: Path, weights: Path) -> None:
    """Take out of the .bin beside an .xml what a file in safetensors' format holds too.

    Args:
        xml: as `openvino.save_model` wrote it; both files are written anew.
        weights: of the same numbers, stored with as many bits.
    """
    binary = xml.with_suffix(".bin")
    own, shared = binary.read_bytes(), weights.read_bytes()
    header, start = _header(weights)
    known = {}
    for entry in header.values():
        first, end = (start + offset for offset in entry["data_offsets"])
        known[sha256(shared[first:end]).digest()] = first
    text = xml.read_bytes()
    places: dict[tuple[int, int], int] = {}  # of a constant: where it is now
    kept = bytearray()
    for match in _CONSTANT.finditer(text):
        offset, size = int(match[1]), int(match[2])
        if (offset, size) in places:
            continue
        content = own[offset : offset + size]
        found = known.get(sha256(content).digest()) if size >= _LEAST else None
        if found is None:
            places[offset, size] = len(kept)
            kept += content
        else:
            places[offset, size] = -1 - found  # behind the .bin, whose length is not known yet

    def moved(match: re.Match[bytes]) -> bytes:
        place = places[int(match[1]), int(match[2])]
        place = place if place >= 0 else len(kept) - 1 - place
        return b'offset="%d" size="%b"' % (place, match[2])

    xml.write_bytes(_CONSTANT.sub(moved, text))
    binary.write_bytes(kept)


def _header(weights: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """What safetensors' header says of each tensor, and where the tensors start."""
    with weights.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        entries = json.loads(stream.read(length))
    return {name: x for name, x in entries.items() if name != "__metadata__"}, 8 + length
