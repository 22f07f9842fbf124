"""The recipe that makes the packaged model; it calls the library's own public functions."""

from __future__ import annotations

__all__: list[str] = []
