"""Our own posts that come with the package: the replay set, and old posts to measure on.

`replay.jsonl` is written by ``python -m training.recipe.replay``. Its `replay` posts are of those
that the packaged model was trained on: they are mixed into the new posts, so that the model does
not forget them (experience replay). Its `old` posts are of families that it was never trained on:
they are measured before and after, and never trained on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Literal

from riskclf.finetuning.tasks import Example

__all__ = ["OurPost", "load_our_posts", "training_mix"]

_MOST_REPEATS = 3


@dataclass(frozen=True, slots=True)
class OurPost:
    """One post."""

    text: str = field(repr=False)
    target: Mapping[str, float]
    """Probability of each label that is not 0."""
    family: str
    """Posts of one scenario."""
    part: Literal["replay", "old"]

    def example(self, labels: Sequence[str]) -> Example:
        """The post as it is trained on, with its own target."""
        return Example(self.text, tuple(self.target.get(label, 0.0) for label in labels))


def load_our_posts() -> list[OurPost]:
    """The packaged posts, in the order of the file."""
    file = resources.files("riskclf.finetuning") / "replay.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    return [OurPost(**json.loads(line)) for line in lines]


def training_mix(new: Sequence[Example], replay: Sequence[Example]) -> list[Example]:
    """What is trained on: the replay set, and the new posts repeated up to three times.

    They are repeated as long as they do not outnumber the replay set.
    """
    repeats = max(1, min(_MOST_REPEATS, len(replay) // max(1, len(new))))
    return [*new] * repeats + [*replay]
