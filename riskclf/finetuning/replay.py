"""Posts of our own that come with the package, for fine-tuning.

`replay.jsonl` is made by ``python -m training.recipe.replay`` from the posts that the packaged model
learned from (`rehearsal`: mixed into the new posts, so that the old is not forgotten) and from
families that it never learned from (`old`: measured before and after, never trained on).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Literal

__all__ = ["OurPost", "load_our_posts"]


@dataclass(frozen=True, slots=True)
class OurPost:
    """One post."""

    text: str = field(repr=False)
    target: Mapping[str, float]
    """Probability of each label that is not 0."""
    family: str
    """Posts of one scenario."""
    part: Literal["rehearsal", "old"]


def load_our_posts() -> list[OurPost]:
    """The packaged posts, in the order of the file."""
    file = resources.files("riskclf.finetuning") / "replay.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    return [OurPost(**json.loads(line)) for line in lines]
