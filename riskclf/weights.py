"""Reads the weights of an expert or a head from a safetensors file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskclf.errors import ArtifactCorrupt
from riskclf.headers import check_numbers, read_header
from riskclf.modelfiles import unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_weights"]


def read_weights(
    file: Path, names: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Tensors as they are stored, and the file's metadata.

    Args:
        file: a safetensors file.
        names: of its tensors; it has no others.

    Raises:
        ArtifactCorrupt: the file or a tensor is missing or unreadable, or a number is not finite
            or far too large (`riskclf.headers.check_numbers`).
    """
    from safetensors import SafetensorError, safe_open

    header = read_header(file)
    if {*header} != {*names}:
        raise ArtifactCorrupt(
            f"{file} does not hold {', '.join(names)} and nothing else: copy or save the model "
            "again"
        )
    check_numbers(file, header)
    try:
        with safe_open(file, framework="np") as stored:
            tensors = {name: stored.get_tensor(name) for name in names}
            metadata: dict[str, str] = stored.metadata() or {}
    except (OSError, TypeError, SafetensorError) as error:  # NumPy has no BF16
        raise unreadable(file, error) from None
    return tensors, metadata
