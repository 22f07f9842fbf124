"""Our posts, their rules, and the public corpora."""

from __future__ import annotations

__all__: list[str] = []
