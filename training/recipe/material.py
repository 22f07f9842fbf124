"""All that the experts learn from, with the teacher's vectors: our posts and natural lines."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskclf.progress import Progress
from riskclf.text import normalise
from training.posts.corpora import Corpora
from training.posts.folds import RESERVED, fold_of_line
from training.posts.post import GATE, OUTSIDE, Post, load_posts
from training.posts.rules import near_duplicates
from training.recipe.base import Base
from training.recipe.distillation import teach

__all__ = ["LINES_TO_A_NEIGHBOUR", "NATURAL_MIX", "Material", "gather"]

NATURAL_MIX: Mapping[str, int] = {
    "ja_sentences_tanaka.txt": 2_400,
    "ja_dialogue_asdc.txt": 2_400,
    "ja_sentences_common_voice.txt": 2_400,
    "ja_news_wikinews.txt": 2_400,
    "ja_law_youth.txt": 1_000,
    "ja_hard_negatives.txt": 600,
    "en_sentences_common_voice.txt": 4_000,
    "ko_reviews_nsmc.txt": 2_000,
    "zh_sentences_common_voice.txt": 2_000,
}
"""Benign lines from each corpus that may serve as benign training text."""

_RESERVED_LINES = 5_000
"""Natural lines that nothing is trained on: fold models and the final one are compared there."""

LINES_TO_A_NEIGHBOUR = 6
"""One natural line in so many is among the benign neighbours."""

_LONGEST_LINE = 140
_SEED = 20261122


@dataclass(frozen=True)
class Material:
    """Posts and lines in a fixed order, and the teacher's vectors."""

    posts: Sequence[Post]
    """Of the folds and of the gate."""
    lines: Sequence[str]
    """Natural lines that are trained on, each in one fold."""
    reserved: Sequence[str]
    """Natural lines that nothing is trained on."""
    vectors: Mapping[str, NDArray[np.float32]]
    """The teacher's centred sentence vector of each post and line, by text; shape (hidden,)."""
    centre: NDArray[np.float32]
    """What was subtracted from them: their mean over the lines, shape (hidden,)."""

    @property
    def texts(self) -> list[str]:
        """Of the posts, the lines and the reserved lines, in this order."""
        return [*(post.text for post in self.posts), *self.lines, *self.reserved]

    def computed(self, fold: str | None) -> list[int]:
        """The texts that a transformer without this fold is asked about, by number.

        All posts, the lines of the fold, the lines that are neighbours, and the reserved ones.
        """
        start = len(self.posts)
        lines = (
            start + number
            for number, line in enumerate(self.lines)
            if number % LINES_TO_A_NEIGHBOUR == 0 or fold_of_line(line) == fold
        )
        return [*range(start), *lines, *range(start + len(self.lines), len(self.texts))]

    def posts_without(self, fold: str | None) -> list[Post]:
        """What is trained on when a fold is held out; None holds out none. Never the gate."""
        return [post for post in self.posts if post.fold not in (fold, GATE)]

    def lines_without(self, fold: str | None) -> list[str]:
        """Likewise."""
        return [line for line in self.lines if fold_of_line(line) != fold]


def gather(corpora: Corpora, teacher: Base, cache: Path, progress: Progress = None) -> Material:
    """Posts, natural lines without near-duplicates of any held-out line, and their vectors.

    Args:
        corpora: where the lines are drawn from.
        teacher: the encoder whose sentence vectors are held on to.
        cache: directory for its vectors, without text.
        progress: see `riskclf.progress`.

    Raises:
        InputError, FormatError: a corpus is missing or altered.
    """
    posts = [post for post in load_posts() if post.split not in OUTSIDE]
    drawn = dict(_drawn(corpora))
    held_out = {
        f"{source.path.name}:{number}": line
        for source in corpora.of("heldout")
        for number, line in enumerate(source.lines())
    }
    leaks = {ours for ours, _, _ in near_duplicates(drawn, held_out)}
    clean = list(dict.fromkeys(line for key, line in drawn.items() if key not in leaks))
    lines = [line for line in clean if fold_of_line(line) != RESERVED]
    reserved = [line for line in clean if fold_of_line(line) == RESERVED][:_RESERVED_LINES]
    texts = list(dict.fromkeys([*(post.text for post in posts), *lines]))
    taught = teach(teacher, [normalise(text).text for text in texts], cache, progress)
    centre: NDArray[np.float32] = taught[-len(lines) :].mean(axis=0)
    vectors = dict(zip(texts, taught - centre, strict=True))
    return Material(posts, lines, reserved, vectors, centre)


def _drawn(corpora: Corpora) -> Iterator[tuple[str, str]]:
    """Lines by file and number: as many to train on as `NATURAL_MIX` says, and reserved ones."""
    by_name = {source.path.name: source for source in corpora.of("benign")}
    rng = random.Random(_SEED)
    for name, count in NATURAL_MIX.items():
        lines = [line for line in by_name[name].lines() if len(line) <= _LONGEST_LINE]
        rng.shuffle(lines)
        reserved = [line for line in lines if fold_of_line(line) == RESERVED]
        others = [line for line in lines if fold_of_line(line) != RESERVED]
        share = count / sum(NATURAL_MIX.values())
        chosen = others[:count] + reserved[: round(_RESERVED_LINES * share * 1.1)]
        yield from ((f"{name}:{number}", line) for number, line in enumerate(chosen))
