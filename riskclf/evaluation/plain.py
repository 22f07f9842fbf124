"""Frozen dataclasses that become plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["FLAT", "OPTIONAL", "Figure"]

OPTIONAL = {"optional": True}
"""Of a field that is left out of the JSON where it is None or empty."""

FLAT = {"flat": True}
"""Of a field whose own fields stand in the JSON in its place."""


@dataclass(frozen=True)
class Figure:
    """What all figures share."""

    def to_dict(self) -> dict[str, Any]:
        """The figure as plain JSON values: dicts, lists, str, int, float, bool and None."""
        result: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.metadata.get("optional") and (value is None or value == {}):
                continue
            if item.metadata.get("flat"):
                result |= value.to_dict()
            else:
                result[item.metadata.get("key", item.name)] = _plain(value)
        return result


def _plain(value: Any) -> Any:
    if isinstance(value, Figure):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value
