"""The recipe of the packaged model, step by step."""

from __future__ import annotations

__all__: list[str] = []
