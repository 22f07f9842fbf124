"""The n-gram expert: hashed n-grams of characters and of MeCab words, and a logistic regression.

It knows which words stand together, where the transformer knows what they are about; each makes
mistakes that the other does not. Features are hashed (`riskclf.features`), so that the file holds
weights only: no vocabulary, and no list of terms. It is a multinomial logistic regression on
sublinear tf-idf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from riskclf.errors import ArtifactCorrupt
from riskclf.features import FEATURES, counts, weighted
from riskclf.weights import read_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.tokens import Window

__all__ = ["Ngrams"]


@dataclass(frozen=True, slots=True)
class Ngrams:
    """Weights of a fitted expert."""

    idf: NDArray[np.float32]
    """Inverse document frequency of each feature, shape (FEATURES,)."""
    weights: NDArray[np.float32]
    """Shape (FEATURES, labels)."""
    bias: NDArray[np.float32]
    """Shape (labels,)."""

    def logits(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        """Log-odds of each label up to a constant, shape (windows, labels)."""
        return weighted(counts(windows), self.idf).times(self.weights) + self.bias

    def save(self, file: Path) -> None:
        """Write the weights in half precision."""
        from safetensors.numpy import save_file

        stored = {"idf": self.idf, "weights": self.weights, "bias": self.bias}
        save_file({name: values.astype(np.float16) for name, values in stored.items()}, file)

    @classmethod
    def load(cls, file: Path, labels: int) -> Ngrams:
        """Read the weights.

        Args:
            file: that `save` wrote.
            labels: how many the model has.

        Raises:
            ArtifactCorrupt: they are missing, of another shape, or not finite.
        """
        stored, _ = read_weights(file, ("idf", "weights", "bias"))
        found = {name: values.astype(np.float32) for name, values in stored.items()}
        shapes = [(FEATURES,), (FEATURES, labels), (labels,)]
        if [x.shape for x in found.values()] != shapes:
            raise ArtifactCorrupt(f"{file} holds no n-gram weights of this model: save it again")
        return cls(**found)
