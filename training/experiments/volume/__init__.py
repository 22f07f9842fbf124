"""The study replayed: does `riskclf volume` hold the truth of simulated years?"""

from __future__ import annotations

__all__: list[str] = []
