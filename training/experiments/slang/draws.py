"""Which slang posts are taught, and which of them nothing but the slang term gives away."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from riskclf.finetuning import Example
from riskclf.finetuning.replay import load_our_posts
from riskclf.labels import LABELS
from riskclf.text import normalise
from training.posts.post import Post
from training.recipe.replay import as_examples

__all__ = [
    "drawn",
    "hard",
    "is_cue_free",
    "packaged_replay_set",
]

_CUE = re.compile(
    # who: an age, a school stage or what belongs to one
    r"\d|[JD][KC]|高校|高生|中学|学生|学校|未成年|歳|放課後|部活|制服|門限|家出"
    # what for: pay or lodging
    r"|お金|現金|払|謝礼|お礼|手当|小遣い|サポ|買い|泊ま|うち来"
)
"""Ordinary words of our slang posts that tell what is meant without knowing the term."""


def is_cue_free(post: Post) -> bool:
    """Whether nothing but the slang term tells that a risky post is one.

    That is: no digit, no word of age or school, and none of pay or lodging. The posts carry no mark
    for it, so this small rule on the normalised text decides; it is made for our slang posts.
    """
    return post.risky and not _CUE.search(normalise(post.text).text)


def drawn(posts: Sequence[Post], size: int, seed: int) -> list[Post]:
    """`size` posts of every term, half of them risky; a smaller draw is part of a larger one.

    Where a term has risky posts of both sides they take turns.

    Args:
        posts: of a slang split.
        size: posts a term, an even number; 32 are all of `slang_learn`.
        seed: another one draws other posts.
    """
    by_term: dict[str, dict[str, list[Post]]] = defaultdict(lambda: defaultdict(list))
    for post in sorted(posts, key=lambda post: post.id):
        by_term[post.term or ""][post.kind].append(post)
    chosen: list[Post] = []
    for term, kinds in sorted(by_term.items()):
        for kind, found in kinds.items():
            random.Random(f"{seed} {term} {kind}").shuffle(found)
        benign = kinds.pop(LABELS[-1])
        sides = list(kinds.values())
        risky = [x for turn in range(max(map(len, sides))) for x in _turn(sides, turn)]
        chosen += [*risky[: size // 2], *benign[: size // 2]]
    return chosen


def _turn(sides: Sequence[Sequence[Post]], turn: int) -> list[Post]:
    return [side[turn] for side in sides if turn < len(side)]


def packaged_replay_set() -> list[Example]:
    """The replay set that `riskclf.finetune` mixes into the new posts, with its labels."""
    return as_examples(post for post in load_our_posts() if post.part == "replay")


def hard(examples: Sequence[Example]) -> tuple[list[str], list[int]]:
    """Texts and label indices of those that are not soft."""
    found = [(x.text, x.target) for x in examples if x.target is not None and max(x.target) == 1]
    return [text for text, _ in found], [int(np.argmax(target)) for _, target in found]
