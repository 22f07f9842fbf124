"""How far one model, computed by two engines, says the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from riskclf.artifact import Artifact
from riskclf.decide import predictions_from_outputs, served_rows, windows_read
from riskclf.neighbours import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.encoder import Outputs
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
    """Of the sentence vectors that both engines give for the window that decides."""
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
    before: list[Prediction] = []
    after: list[Prediction] = []
    cosines: list[float] = []
    for start in range(0, len(texts), _CHUNK):
        encodings = by_pytorch.tokenizer.encode_batch(texts[start : start + _CHUNK])
        expected, found = (_outputs(x, encodings) for x in (by_pytorch, by_other))
        before += predictions_from_outputs(encodings, expected, by_pytorch.manifest)
        after += predictions_from_outputs(encodings, found, by_other.manifest)
        rows = served_rows(encodings, expected, by_pytorch.manifest)
        cosines += _cosines(expected.sentence[rows], found.sentence[rows])
    risks = np.array([[x.risk for x in side] for side in (before, after)])
    difference = np.abs(risks[0] - risks[1])
    alone = []
    for encoding in by_other.tokenizer.encode_batch(texts[:_ALONE]):
        outputs = _outputs(by_other, [encoding])
        alone += predictions_from_outputs([encoding], outputs, by_other.manifest)

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
        mean_cosine=float(np.mean(cosines)),
        least_cosine=min(cosines),
        alone=float(np.abs(risks[1, : len(alone)] - [x.risk for x in alone]).max()),
    )


def _outputs(loaded: Artifact, encodings: list[Encoding]) -> Outputs:
    windows = [x for read in windows_read(encodings, loaded.manifest) for x in read]
    return loaded.experts.compute(windows, loaded.engine)


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> list[float]:
    cosines: list[float] = (unit(a) * unit(b)).sum(axis=1).tolist()
    return cosines
