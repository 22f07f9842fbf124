"""Reads the weights of an expert or a head from a safetensors file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.errors import ArtifactCorrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_weights", "unreadable"]


def read_weights(
    file: Path, names: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Tensors as they are stored, and the file's metadata.

    Args:
        file: a safetensors file.
        names: of its tensors.

    Raises:
        ArtifactCorrupt: the file or a tensor is missing or unreadable, or a number is not finite.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as stored:
            tensors = {name: stored.get_tensor(name) for name in names}
            metadata: dict[str, str] = stored.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise unreadable(file, error) from None
    if not all(np.isfinite(values).all() for values in tensors.values()):
        raise ArtifactCorrupt(
            f"{file} holds a value that is not a finite number: copy or save the model again"
        )
    return tensors, metadata


def unreadable(file: Path, error: Exception) -> ArtifactCorrupt:
    """The error of a file that is not what was saved."""
    return ArtifactCorrupt(
        f"{file} cannot be read ({type(error).__name__}): copy or save the model again"
    )
