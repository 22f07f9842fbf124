"""The n-gram expert: hashed n-grams of characters and of MeCab words, and a logistic regression.

It knows which words stand together, where the transformer knows what they are about; each makes
mistakes that the other does not. Features are hashed (Weinberger et al. 2009), so that the file
holds weights only: no vocabulary, and no list of terms. It is a multinomial logistic regression on
sublinear tf-idf, one block for characters (1 to 4, within words) and one for words (1 to 3), each
of length 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.errors import ArtifactCorrupt
from riskclf.weights import read_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.tokens import Window

__all__ = ["FEATURES", "Ngrams", "counts", "weighted"]

_BLOCK = 2**18
_BLOCKS = 2
FEATURES = _BLOCKS * _BLOCK
"""Hashed features: those of characters, then those of words."""


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
        if not windows:
            return np.zeros((0, len(self.bias)), dtype=np.float32)
        found: NDArray[np.float32] = self.features(windows) @ self.weights + self.bias
        return found

    def features(self, windows: Sequence[Window]) -> Any:
        """Sublinear tf-idf of the windows: a sparse matrix of shape (windows, FEATURES)."""
        return weighted(counts(windows), self.idf)

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


def counts(windows: Sequence[Window]) -> Any:
    """How often each feature occurs: a sparse matrix of shape (windows, FEATURES)."""
    from scipy import sparse

    characters, words = _vectorizers()
    blocks = (
        characters.transform([window.text for window in windows]),
        words.transform([window.words for window in windows]),
    )
    return sparse.hstack(blocks, format="csr", dtype=np.float32)


def weighted(occurrences: Any, idf: NDArray[np.float32]) -> Any:
    """Sublinear tf-idf of `counts`, each block of length 1."""
    from scipy import sparse
    from sklearn.preprocessing import normalize

    found = occurrences.copy()
    found.data = (1 + np.log(found.data)) * idf[found.indices]
    blocks = [found[:, start : start + _BLOCK] for start in range(0, FEATURES, _BLOCK)]
    return sparse.hstack([normalize(block) for block in blocks], format="csr", dtype=np.float32)


@cache
def _vectorizers() -> tuple[Any, Any]:
    # scikit-learn takes a second to import, and only this expert needs it.
    from sklearn.feature_extraction.text import HashingVectorizer

    settings: dict[str, Any] = {"n_features": _BLOCK, "alternate_sign": False, "norm": None}
    characters = HashingVectorizer(analyzer="char_wb", ngram_range=(1, 4), **settings)
    words = HashingVectorizer(
        tokenizer=str.split, token_pattern=None, ngram_range=(1, 3), **settings
    )
    return characters, words
