"""What a model in memory computes for posts, and the predictions that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskclf.decide import predictions_from_outputs, windows_read
from riskclf.encoder import Engine, Outputs
from riskclf.engines.pytorch import PytorchEngine
from riskclf.experts import NO_EXPERTS, Experts
from riskclf.labels import Prediction
from riskclf.manifest import Manifest
from riskclf.tokens import Encoding, Tokenizer

__all__ = ["Computed", "compute", "computed_by"]


@dataclass(frozen=True)
class Computed:
    """Posts as ids, and what a model computed for them."""

    encodings: list[Encoding]
    outputs: Outputs
    """One row for each window that `riskclf.decide.windows_read` names."""

    def predictions(self, manifest: Manifest) -> list[Prediction]:
        """As the saved model gives them."""
        return predictions_from_outputs(self.encodings, self.outputs, manifest)


def compute(
    model: Any,
    start: Path,
    texts: Sequence[str],
    manifest: Manifest,
    *,
    device: str,
    batch_size: int,
    experts: Experts = NO_EXPERTS,
) -> Computed:
    """Compute posts with a model that is not saved.

    Args:
        model: a sequence classifier of transformers.
        start: directory of its tokenizer.
        texts: of the posts.
        manifest: says whether the model has risk labels, and so which windows are read.
        device: see `riskclf.engines.pytorch.PytorchEngine`.
        batch_size: likewise.
        experts: beside the model.
    """
    tokenizer = Tokenizer.load(start)
    engine = PytorchEngine(model, pad_id=tokenizer.pad_id, device=device, batch_size=batch_size)
    return computed_by(engine, tokenizer, texts, manifest, experts=experts)


def computed_by(
    engine: Engine,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    manifest: Manifest,
    *,
    experts: Experts,
) -> Computed:
    """Compute posts with an engine and the experts beside it; see `compute`."""
    encodings = tokenizer.encode_batch(texts)
    windows = [window for read in windows_read(encodings, manifest) for window in read]
    return Computed(encodings, experts.compute(windows, engine))
