"""Which posts to label next, and which terms have risen: `riskclf.suggest`."""

from __future__ import annotations

__all__: list[str] = []
