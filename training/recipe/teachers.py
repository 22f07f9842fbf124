"""What several models say of the training texts: one student learns it, instead of the hard labels.

Models of one recipe differ by their seed more than recipes do; their mean depends on no single
seed. A student that is taught by the mean is one model of the size of each
(Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network").
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskclf import RiskClassifier
from riskclf.files import replacing

__all__ = ["mean_probabilities"]


def mean_probabilities(
    models: Sequence[Path], texts: Sequence[str], cache: Path
) -> NDArray[np.float64]:
    """The mean of the models' calibrated probabilities (temperature and bias) of each text.

    Args:
        models: directories that riskclf saved, all with the same labels.
        texts: they are not stored.
        cache: directory in which each model's answers to these texts are kept.

    Returns:
        Shape (texts, labels), the labels in the models' order.

    Raises:
        ArtifactError: a model cannot be loaded.
    """
    asked = hashlib.sha256(repr(list(texts)).encode("utf-8", "backslashreplace")).hexdigest()
    answers = []
    for directory in models:
        model = RiskClassifier.load(directory, device="cpu")
        file = cache / f"{model.fingerprint[:16]}-{asked[:16]}.npy"
        if not file.is_file():
            found = model.predict_many(texts)
            rows = [[prediction.scores[label] for label in model.labels] for prediction in found]
            cache.mkdir(parents=True, exist_ok=True)
            with replacing(file) as partial, partial.open("wb") as stream:
                np.save(stream, np.array(rows))
        answers.append(np.load(file))
    mean: NDArray[np.float64] = np.mean(answers, axis=0)
    return mean
