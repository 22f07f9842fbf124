"""The experts beside the transformer: each reads the same windows and adds its logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from riskclf.encoder import Engine, Outputs
from riskclf.neighbours import Neighbours
from riskclf.ngrams import Ngrams

if TYPE_CHECKING:
    from riskclf.tokens import Window

__all__ = ["NO_EXPERTS", "Experts"]


@dataclass(frozen=True, slots=True)
class Experts:
    """Those that a model has; a plain transformer has none."""

    ngrams: Ngrams | None = None
    neighbours: Neighbours | None = None

    @property
    def names(self) -> set[str]:
        """Of all experts, the transformer included; see `riskclf.stacker.EXPERTS`."""
        found = {"transformer"}
        found |= {"ngrams"} if self.ngrams is not None else set()
        return found | ({"neighbours"} if self.neighbours is not None else set())

    @classmethod
    def load(cls, files: Mapping[str, Path], labels: int, hidden: int) -> Experts:
        """Read the experts of a model.

        Args:
            files: by role (`riskclf.manifest`); those of other roles are not read.
            labels: how many the model has.
            hidden: width of the transformer.

        Raises:
            ArtifactCorrupt: a file cannot be used.
        """
        ngrams, neighbours = files.get("ngrams"), files.get("neighbours")
        return cls(
            None if ngrams is None else Ngrams.load(ngrams, labels),
            None if neighbours is None else Neighbours.load(neighbours, labels, hidden),
        )

    def compute(self, windows: Sequence[Window], engine: Engine) -> Outputs:
        """What the engine and these experts give for windows, one row for each."""
        return self.complete(windows, engine.compute([window.ids for window in windows]))

    def complete(self, windows: Sequence[Window], outputs: Outputs) -> Outputs:
        """What an engine computed for the windows, with the logits of these experts."""
        labels = outputs.logits.shape[1]
        return replace(
            outputs,
            ngrams=None if self.ngrams is None else self.ngrams.logits(windows),
            neighbours=(
                None
                if self.neighbours is None
                else self.neighbours.logits(outputs.sentence, labels)
            ),
        )


NO_EXPERTS = Experts()
"""A plain transformer."""
