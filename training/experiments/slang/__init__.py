"""Does fine-tuning teach new slang, and is the old kept? `__main__` says how it is measured."""

from __future__ import annotations

__all__: list[str] = []
