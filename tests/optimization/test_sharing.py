"""An .xml that points into model.safetensors names the numbers that it named before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from riskclf.optimization.sharing import is_16_bits, share_weights


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_both_files_hold_is_stored_once(tmp_path: Path, dtype: type[np.floating[Any]]) -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 40, 30)).astype(dtype)
    weights = tmp_path / "model.safetensors"
    save_file({"first": first, "second": second, "more": second[:3]}, weights)
    assert is_16_bits(weights) == (dtype == np.float16)
    own = random.normal(size=200).astype(np.float32)
    number = np.array([7], dtype=np.int64)
    constants = [second.tobytes(), number.tobytes(), own.tobytes(), first.tobytes()]
    offsets = np.cumsum([0, *map(len, constants)]).tolist()
    lines = [
        f'<data shape="1" offset="{offset}" size="{len(content)}" />'
        for offset, content in zip(offsets, constants, strict=False)
    ]
    xml, binary = tmp_path / "model.xml", tmp_path / "model.bin"
    xml.write_text("\n".join([*lines, lines[0]]), encoding="utf-8")
    binary.write_bytes(b"".join(constants))

    share_weights(xml, weights)

    assert binary.read_bytes() == number.tobytes() + own.tobytes()
    both = binary.read_bytes() + weights.read_bytes()
    places = re.findall(r'offset="(\d+)" size="(\d+)"', xml.read_text(encoding="utf-8"))
    found = [both[int(offset) : int(offset) + int(size)] for offset, size in places]
    assert found == [*constants, constants[0]]
