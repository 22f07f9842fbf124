"""The documents that hold figures, and how a section of one is filled."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.cards.behaviour import behaviour_sections
from training.cards.explained import explained_sections
from training.cards.summaries import summary_sections
from training.cards.tables import bulk_sections
from training.posts.post import Post

__all__ = ["DOCUMENTS", "documents"]

_ROOT = Path(__file__).parents[2]

_CARD = _ROOT / "MODEL_CARD.md"

_SUMMARIES: Mapping[Path, tuple[str, ...]] = {
    _CARD: ("missed", "summary", "natural_summary"),
    _ROOT / "README.md": ("examples", "figures"),
    _ROOT / "README.ja.md": ("examples_ja", "figures_ja"),
}
_BULK = _ROOT / "docs" / "results.md"

_EXPLAINED = _ROOT / "docs" / "explain.md"

DOCUMENTS = (*_SUMMARIES, _EXPLAINED, _BULK)
"""Every document with measured sections, each between `<!-- NAME -->` and `<!-- /NAME -->`."""


def documents(
    results: Mapping[str, Any],
    experiments: Mapping[str, Any],
    posts: Sequence[Post],
    read: Callable[[Path], str] = lambda path: path.read_text(encoding="utf-8"),
) -> dict[Path, str]:
    """Every document as it should be: its own text, and its sections from the stored figures.

    Args:
        results: what `training.cards.measure` gives, and `other_hand` once it is measured.
        experiments: what parts of the recipe are worth, and how the model behaves, see
            `training.cards.report.load_experiments`.
        posts: ours.
        read: gives the present text of a document.

    Raises:
        ValueError: a document lacks one of its sections.
    """
    short = summary_sections(results)
    parts = {path: {name: short[name] for name in names} for path, names in _SUMMARIES.items()}
    behaviour = behaviour_sections(experiments)
    parts[_CARD]["natural_summary"] += "\n" + behaviour.pop("groups_named")
    parts[_BULK] = bulk_sections(results, experiments, posts) | behaviour
    parts[_EXPLAINED] = explained_sections(experiments, posts)
    return {path: _filled(path.name, read(path), found) for path, found in parts.items()}


def _filled(document: str, text: str, sections: Mapping[str, str]) -> str:
    for name, section in sections.items():
        parts = re.split(f"(<!-- /?{name} -->\n)", text)
        if len(parts) != 5:
            raise ValueError(f"{document} must have one section {name}, opened and closed")
        parts[2] = section
        text = "".join(parts)
    return text
