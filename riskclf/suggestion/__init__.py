"""Which posts to label next, and which terms are emerging: `riskclf.suggest`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from riskclf.suggestion.emerging import EmergingTerm
    from riskclf.suggestion.suggestion import Suggestions, suggest

__all__ = ["EmergingTerm", "Suggestions", "suggest"]

_HOMES = {"EmergingTerm": "emerging", "Suggestions": "suggestion", "suggest": "suggestion"}


def __getattr__(name: str) -> Any:
    # Loaded on first use: numpy and others take a while to import.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
