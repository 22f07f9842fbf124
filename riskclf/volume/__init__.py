"""How many risky posts a stream holds, and whether a stream has changed.

Scores are counted by month (`stream`), the classifier's error is measured on labelled posts
(`labelled`), QuaPy's methods estimate (`quantifiers`), and a stream that is too unlike the labelled
posts is refused (`likeness`). `drift` compares two streams.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from riskclf.volume.drift import StreamComparison, compare_streams
    from riskclf.volume.estimation import MonthlyVolume, VolumeEstimate, estimate_volume

__all__ = [
    "MonthlyVolume",
    "StreamComparison",
    "VolumeEstimate",
    "compare_streams",
    "estimate_volume",
]

_HOMES = {
    "MonthlyVolume": "estimation",
    "StreamComparison": "drift",
    "VolumeEstimate": "estimation",
    "compare_streams": "drift",
    "estimate_volume": "estimation",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: SciPy takes a second to import.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
