"""Which posts to label next, and which terms are emerging: `riskclf.suggest`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from riskclf.suggestion.emerging import EmergingTerm
    from riskclf.suggestion.suggestion import Suggestions, suggest

__all__ = ["EmergingTerm", "Suggestions", "suggest"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: numpy and others take a while to import.
    if name == "EmergingTerm":
        from riskclf.suggestion.emerging import EmergingTerm

        return EmergingTerm
    if name in ("Suggestions", "suggest"):
        from riskclf.suggestion import suggestion

        return getattr(suggestion, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
