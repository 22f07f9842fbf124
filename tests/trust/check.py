"""A check: a promise, how it is tested, and what came out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from riskclf.errors import MissingExtra

__all__ = ["Check", "Tried", "need"]


def need(module: str) -> None:
    """Make sure that a tool of the extra ``audit`` is there.

    Raises:
        MissingExtra: it is not installed.
    """
    if find_spec(module) is None:
        raise MissingExtra(f"this check needs {module}: pip install 'riskclf[audit]'")


@dataclass(frozen=True)
class Tried:
    """What one run of a check tried, and what failed."""

    counts: dict[str, int]
    """What was tried, by its unit in words: ``{"kills": 200}``."""
    failures: list[str]
    """One line for each failure, without text of a post. The promise holds where there is none."""
    measured: dict[str, float] = field(default_factory=dict)
    """Further figures, with the unit in the name: ``{"p99, seconds": 1.2}``."""


@dataclass(frozen=True)
class Check:
    """A promise, and the function that tries to break it."""

    name: str
    """As on the command line, such as ``hostile-text``."""
    promise: str
    """One sentence that a user can hold us to."""
    how: str
    """How it is tested, in one or two sentences."""
    mended: str
    """What it found when it was first run, and what was changed."""
    run: Callable[[Path, float], Tried]
    """Takes an empty directory to work in, and a scale: 1.0 is the size that docs/trust.md states;
    a smaller one is for trying the check."""
