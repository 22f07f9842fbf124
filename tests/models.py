"""What tests ask a loaded model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.artifact import Artifact
from riskclf.encoder import Outputs
from riskclf.engines.pytorch import PytorchEngine

__all__ = ["outputs_of", "torch_model"]

if TYPE_CHECKING:
    from numpy.typing import NDArray


def outputs_of(logits: NDArray[np.float32]) -> Outputs:
    """Outputs of an engine with these logits; the vectors are of no use."""
    vectors = np.zeros((len(logits), 2), dtype=np.float32)
    return Outputs(logits.astype(np.float32), vectors, vectors)


def torch_model(loaded: Artifact) -> Any:
    """The transformers model that a loaded model computes with."""
    assert isinstance(loaded.engine, PytorchEngine)
    return loaded.engine.model
