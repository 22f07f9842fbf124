"""How far one model, computed by two engines, says the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from riskclf.artifact import Artifact
from riskclf.decide import predictions_from_outputs, served_rows, windows_read

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.encoder import Engine
    from riskclf.labels import Prediction
    from riskclf.tokens import Encoding

__all__ = ["SAME_DECISION", "SAME_LABEL", "Agreement", "compare"]

SAME_LABEL = 0.998
"""Share of posts that must keep their label."""
SAME_DECISION = 0.995
"""Share of posts that must keep their decision."""

_CHUNK = 1024
_ALONE = 200
"""Posts that are also computed one by one: it takes long."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of an engine with PyTorch on some posts. Shares lie between 0 and 1."""

    posts: int
    same_label: float
    same_decision: float
    shown: float
    """Share of posts that are not `clear`: recall if all of them are risky, false positive rate if
    none is."""
    shown_by_pytorch: float
    flagged: float
    flagged_by_pytorch: float
    mean_difference: float
    """Of risks."""
    largest_difference: float
    mean_cosine: float
    """Of the sentence vectors of both engines."""
    least_cosine: float
    alone: float
    """Largest difference between the risk of a post that is computed by itself and its risk beside
    all the others, both by this engine; of up to 200 posts."""

    @property
    def suffices(self) -> bool:
        """Whether as many labels and decisions stay as must stay."""
        return self.same_label >= SAME_LABEL and self.same_decision >= SAME_DECISION

    def to_dict(self) -> dict[str, float]:
        """JSON values."""
        return {name: round(x, 6) for name, x in asdict(self).items()}


def compare(by_pytorch: Artifact, by_other: Artifact, texts: Sequence[str]) -> Agreement:
    """Compute posts with both engines.

    Args:
        by_pytorch: the model.
        by_other: the same in another engine.
        texts: at least one.
    """
    found = [
        (_computed(by_pytorch, chunk), _computed(by_other, chunk))
        for chunk in _encoded(by_pytorch, texts)
    ]
    before = [x for pair in found for x in pair[0][0]]
    after = [x for pair in found for x in pair[1][0]]
    cosines = np.concatenate([_cosines(pair[0][1], pair[1][1]) for pair in found])
    risks = np.array([[x.risk for x in side] for side in (before, after)])
    difference = np.abs(risks[0] - risks[1])
    alone = [
        prediction.risk
        for encoding in by_other.tokenizer.encode_batch(texts[:_ALONE])
        for prediction in _computed(by_other, [encoding])[0]
    ]

    def share(values: Iterable[bool]) -> float:
        return float(np.mean([*values]))

    pairs = [*zip(before, after, strict=True)]
    return Agreement(
        posts=len(texts),
        same_label=share(a.label == b.label for a, b in pairs),
        same_decision=share(a.decision == b.decision for a, b in pairs),
        shown=share(x.decision != "clear" for x in after),
        shown_by_pytorch=share(x.decision != "clear" for x in before),
        flagged=share(x.decision == "flag" for x in after),
        flagged_by_pytorch=share(x.decision == "flag" for x in before),
        mean_difference=float(difference.mean()),
        largest_difference=float(difference.max()),
        mean_cosine=float(cosines.mean()),
        least_cosine=float(cosines.min()),
        alone=float(np.abs(risks[1, : len(alone)] - alone).max()),
    )


def _encoded(loaded: Artifact, texts: Sequence[str]) -> Iterable[list[Encoding]]:
    for start in range(0, len(texts), _CHUNK):
        yield loaded.tokenizer.encode_batch(texts[start : start + _CHUNK])


def _computed(
    loaded: Artifact, encodings: list[Encoding]
) -> tuple[list[Prediction], NDArray[np.float32]]:
    """Predictions, and the sentence vector of the window that decides."""
    windows = [x for read in windows_read(encodings, loaded.manifest) for x in read]
    engine: Engine = loaded.engine
    outputs = loaded.experts.complete(windows, engine.compute([window.ids for window in windows]))
    rows = served_rows(encodings, outputs, loaded.manifest)
    return predictions_from_outputs(encodings, outputs, loaded.manifest), outputs.sentence[rows]


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    result: NDArray[np.float32] = (a * b).sum(axis=1) / np.maximum(lengths, 1e-12)
    return result
