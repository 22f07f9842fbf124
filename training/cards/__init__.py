"""The figures of MODEL_CARD.md."""

from __future__ import annotations

__all__: list[str] = []
