"""What was compared before choosing: variants, slang, other tasks."""

from __future__ import annotations

__all__: list[str] = []
