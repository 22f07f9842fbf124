"""The figures of MODEL_CARD.md, docs/results.md and README."""

from __future__ import annotations

__all__: list[str] = []
