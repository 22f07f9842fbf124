"""Undoing disguises in normalised text: one module a kind of disguise, `undo` for all of them."""

__all__: list[str] = []
