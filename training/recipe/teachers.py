"""What several models say of the training texts: one student learns it, instead of the hard labels.

Models of one recipe differ by their seed more than recipes do; their mean hangs on no single seed.
A student that is taught by the mean is one model of the size of each
(Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network").
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskclf import artifact
from riskclf.decide import probabilities

__all__ = ["mean_probabilities"]

# As many as a classifier reads ahead: other batches would change the last digits of the answers.
_TEXTS_AT_ONCE = 1024


def mean_probabilities(
    models: Sequence[Path], texts: Sequence[str], cache: Path
) -> NDArray[np.float64]:
    """The models' calibrated probabilities of the head of each text, and their mean.

    Args:
        models: directories that riskclf saved, all with the same labels.
        texts: they are not stored.
        cache: directory in which each model's answers to these texts are kept.

    Returns:
        Shape (texts, labels).

    Raises:
        ArtifactError: a model cannot be loaded.
    """
    asked = hashlib.sha256(repr(list(texts)).encode("utf-8", "backslashreplace")).hexdigest()
    answers = []
    for directory in models:
        model = artifact.load(directory, device="cpu", batch_size=64)
        file = cache / f"{model.raw['digest'][:16]}-{asked[:16]}.npy"
        if not file.is_file():
            parts = []
            for start in range(0, len(texts), _TEXTS_AT_ONCE):
                encodings = model.tokenizer.encode_batch(texts[start : start + _TEXTS_AT_ONCE])
                outputs = model.engine.compute([encoding.head.ids for encoding in encodings])
                manifest = model.manifest
                bias = manifest.bias * manifest.is_risk.astype(np.float64)
                parts.append(probabilities(outputs.logits, manifest.temperature, bias))
            cache.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(".partial")
            with partial.open("wb") as stream:
                np.save(stream, np.concatenate(parts))
            partial.replace(file)
        answers.append(np.load(file))
    mean: NDArray[np.float64] = np.mean(answers, axis=0)
    return mean
