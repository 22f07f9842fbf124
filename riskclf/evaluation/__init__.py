"""How good a model is on labelled posts, and how sure that is: `riskclf.evaluate`."""

from __future__ import annotations

__all__: list[str] = []
