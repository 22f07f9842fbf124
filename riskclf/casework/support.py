"""Finds posts in which an apparent child may be asking for help: the support list of the desk.

The head for it (`support.safetensors`) lies beside a model and is loaded here alone. It changes
neither the label nor the decision of a post. Of a long post it reads the part that decides on the
risk, which need not be the one that asks for help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.aspects import Heads
from riskclf.errors import ArtifactCorrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SupportHead"]


@dataclass(frozen=True)
class SupportHead:
    """Tells whether the author of a post may need support."""

    heads: Heads

    @classmethod
    def of(cls, info: Mapping[str, Any], hidden: int) -> SupportHead | None:
        """The head of a model; None where the model has none.

        Args:
            info: of the model, `RiskClassifier.info()`.
            hidden: width of the model.

        Raises:
            ArtifactCorrupt: its file cannot be used.
        """
        for name, role in info["saved_as"].get("roles", {}).items():
            file = Path(info["model"]) / name
            if role == "support" and file.is_file():  # the model works without it
                heads = Heads.load(file, hidden)
                if len(heads.questions) != 1:
                    raise ArtifactCorrupt(f"{file} holds no head of one question: save it again")
                return cls(heads)
        return None

    def found(self, vector: NDArray[np.float32]) -> bool:
        """Whether a post is for the support list.

        Args:
            vector: of the post, as `RiskClassifier.stream_with_vectors` gives it, shape (hidden,).
        """
        (answers,) = self.heads.probabilities(vector[None]).values()
        threshold = self.heads.threshold
        return bool(answers[0, 0] >= (0.5 if threshold is None else threshold))
