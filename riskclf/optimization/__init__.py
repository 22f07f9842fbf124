"""Files that make a model faster: `riskclf.optimize`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from riskclf.optimization.agreement import Agreement
    from riskclf.optimization.optimization import Optimized, optimize

__all__ = ["Agreement", "Optimized", "optimize"]

_HOMES = {"Agreement": "agreement", "Optimized": "optimization", "optimize": "optimization"}


def __getattr__(name: str) -> Any:
    # Loaded on first use: torch and others take seconds to import.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
