"""The neighbours expert: how near a post lies to known posts of each label.

Rare-class affinity as in Roblox Sentinel (https://github.com/Roblox/Sentinel): the mean cosine to
the nearest known posts of a label. Sentence vectors are centred first, for uncentred ones crowd in
one direction (Mu and Viswanath 2018, "All-but-the-Top"). The search is exact: one matrix product.
The file holds vectors, labels and names of families, and no text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from riskclf.errors import ArtifactCorrupt
from riskclf.modelfiles import parse_json, unreadable
from riskclf.weights import read_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NEAREST", "Neighbours", "centred", "unit"]

NEAREST = 10
"""Known posts of each label that count; chosen out of fold."""

_SHARPNESS = 20.0
"""Cosines differ little: this makes log-odds of them."""

_CHUNK = 4096
"""Posts that are compared at once, to bound the memory."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Known posts as vectors."""

    vectors: NDArray[np.float32]
    """Centred sentence vectors of length 1, shape (known, hidden)."""
    labels: NDArray[np.int64]
    """Index of each one's label, shape (known,)."""
    families: tuple[str, ...]
    """The scenario of each one; empty for a natural line."""
    centre: NDArray[np.float32]
    """What sentence vectors of length 1 are centred on, shape (hidden,)."""

    @classmethod
    def of(
        cls,
        sentence: NDArray[np.float32],
        labels: Sequence[int],
        families: Sequence[str],
        centre: NDArray[np.float32],
    ) -> Neighbours:
        """From sentence vectors as an engine computes them, shape (known, hidden)."""
        known = centred(sentence, centre).astype(np.float16).astype(np.float32)  # as stored
        return cls(known, np.asarray(labels, dtype=np.int64), tuple(families), centre)

    def with_posts(self, sentence: NDArray[np.float32], labels: Sequence[int]) -> Neighbours:
        """These and further known posts, which are of no family.

        Args:
            sentence: of the further posts, shape (further, hidden).
            labels: index of each one's label.
        """
        more = Neighbours.of(sentence, labels, [""] * len(sentence), self.centre)
        return Neighbours(
            np.concatenate([self.vectors, more.vectors]),
            np.concatenate([self.labels, more.labels]),
            (*self.families, *more.families),
            self.centre,
        )

    def logits(
        self, sentence: NDArray[np.float32], labels: int, nearest: int = NEAREST
    ) -> NDArray[np.float32]:
        """Mean cosine to the nearest known posts of each label, times a constant.

        Args:
            sentence: as in `riskclf.encoder.Outputs`, shape (windows, hidden).
            labels: how many the model has.
            nearest: known posts of each label that count.

        Returns:
            Shape (windows, labels).
        """
        result = np.zeros((len(sentence), labels), dtype=np.float32)
        groups = [np.flatnonzero(self.labels == label) for label in range(labels)]
        for start in range(0, len(sentence), _CHUNK):
            cosines = self._cosines(sentence[start : start + _CHUNK])
            for label, group in enumerate(groups):
                count = min(nearest, len(group))
                found = np.partition(cosines[:, group], -count, axis=1)[:, -count:]
                result[start : start + _CHUNK, label] = _SHARPNESS * found.mean(axis=1)
        return result

    def _cosines(self, sentence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of sentence vectors to the known posts, shape (windows, known)."""
        vectors = centred(sentence, self.centre)
        if len(vectors) == 1:
            # BLAS would wake threads that, for some milliseconds, take the cores from an engine.
            cosines: NDArray[np.float32] = np.einsum("wh,kh->wk", vectors, self.vectors)
            return cosines
        return vectors @ self.vectors.T

    def nearest(
        self, sentence: NDArray[np.float32], names: Mapping[str, str], count: int
    ) -> list[tuple[str, int, float]]:
        """The nearest scenarios of one post, from near to far.

        Args:
            sentence: of its window, shape (hidden,).
            names: the scenario of each family; families of none are left out.
            count: how many scenarios.

        Returns:
            Of each its name, and of its nearest known post the label's index and the cosine.
        """
        cosines = self._cosines(sentence[None])[0]
        found: dict[str, tuple[str, int, float]] = {}
        for index in np.argsort(-cosines, kind="stable").tolist():
            if len(found) == count:
                break
            if name := names.get(self.families[index]):
                found.setdefault(name, (name, int(self.labels[index]), float(cosines[index])))
        return list(found.values())

    def save(self, file: Path) -> None:
        """Write the vectors in half precision."""
        from safetensors.numpy import save_file

        names = sorted({*self.families})
        save_file(
            {
                "vectors": self.vectors.astype(np.float16),
                "labels": self.labels.astype(np.uint8),
                "families": np.array([names.index(x) for x in self.families], dtype=np.uint16),
                "centre": self.centre.astype(np.float32),
            },
            file,
            metadata={"families": json.dumps(names, ensure_ascii=False)},
        )

    @classmethod
    def load(cls, file: Path, labels: int, hidden: int) -> Neighbours:
        """Read the vectors.

        Args:
            file: that `save` wrote.
            labels: how many the model has; each has a known post.
            hidden: width of the model.

        Raises:
            ArtifactCorrupt: they are missing, of another shape, or not finite.
        """
        stored, metadata = read_weights(file, ("vectors", "labels", "families", "centre"))
        names = parse_json(metadata.get("families", "null"), str(file))
        try:
            families = tuple(str(names[index]) for index in stored["families"].tolist())
        except (KeyError, IndexError, TypeError) as error:
            raise unreadable(file, error) from None
        found = cls(
            stored["vectors"].astype(np.float32),
            stored["labels"].astype(np.int64),
            families,
            stored["centre"].astype(np.float32),
        )
        if (
            stored["labels"].ndim != 1
            or stored["labels"].dtype.kind != "u"
            or found.vectors.shape != (len(found.labels), hidden)
            or len(found.families) != len(found.labels)
            or found.centre.shape != (hidden,)
            or {*found.labels.tolist()} != {*range(labels)}
        ):
            raise ArtifactCorrupt(f"{file} holds no vectors of this model: save it again")
        return found


def centred(sentence: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sentence vectors at length 1 less the centre, again at length 1; shape (rows, hidden)."""
    return unit(unit(sentence) - centre)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors at length 1, shape (rows, hidden); one of length 0 stays 0."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: NDArray[np.float32] = vectors / np.maximum(length, 1e-12)
    return result
