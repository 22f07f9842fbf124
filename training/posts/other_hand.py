"""The test set by other hands: its writers saw only the guide and the content rules.

Three writers wrote `annotation/other_hand.jsonl` without seeing our posts, families, terms or any
model's output. Two labellers, who saw neither the writers' intent nor each other, then answered
every question of docs/labelling-guide.md for every post (`other_hand_answers.jsonl`). Nothing is
trained or chosen on these posts: they are measured once, for a model that ships. The hash in
`other_hand.sha256` freezes them.

Writers and labellers were language models of one kind. That they agree says that the guide is
clear, and little about how people would write or label.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from riskclf.errors import FormatError
from riskclf.labels import Label
from training.posts.post import Post, digest, parse_target
from training.posts.rules import broken_rules, near_duplicates

__all__ = [
    "ANSWERS",
    "AT_LEAST",
    "HASH",
    "OTHER_HAND",
    "QUESTIONS",
    "OtherHandPost",
    "agreement",
    "load_other_hand",
    "other_hand_problems",
    "too_few",
]

_HERE = Path(__file__).parent / "annotation"
OTHER_HAND = _HERE / "other_hand.jsonl"
ANSWERS = _HERE / "other_hand_answers.jsonl"
HASH = _HERE / "other_hand.sha256"

QUESTIONS = ("label", "support", "age", "side", "act", "matter")
"""What both labellers answered, see docs/labelling-guide.md."""

AT_LEAST = {"posts": 220, "risky": 70, "unclear": 30, "support": 20, "ja": 130, "en": 40}
"""Posts that the set must have, by kind and by language; `ko` and `zh` at least 25 each."""


@dataclass(frozen=True, slots=True)
class OtherHandPost:
    """One post of the test set."""

    id: str
    """The writer (`w1` to `w3`) and a number."""
    lang: str
    target: Mapping[str, float]
    """Probability of each label that is not 0."""
    support: bool
    """An apparent child tells of a threat, pressure, being with a stranger, or wanting to die."""
    text: str = field(repr=False)

    @property
    def risky(self) -> bool:
        """A post with a risky label, soft ones not counted."""
        return len(self.target) == 1 and Label.BENIGN not in self.target

    @property
    def unclear(self) -> bool:
        """A post with a soft target."""
        return len(self.target) > 1


def load_other_hand(file: Path = OTHER_HAND) -> list[OtherHandPost]:
    """The posts, in the order of the file.

    Raises:
        FormatError: a line is not such a post; names file and line.
    """
    posts = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            posts.append(_parse(json.loads(line)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{file} line {number} is not a post of the test set ({type(error).__name__}): see "
                "training/posts/other_hand.py for the fields"
            ) from None
    return posts


def too_few(posts: Sequence[OtherHandPost]) -> Iterator[str]:
    """Where the set has fewer posts than it must, one line each."""
    counts: Counter[str] = Counter(post.lang for post in posts)
    counts["posts"] = len(posts)
    for kind in ("risky", "unclear", "support"):
        counts[kind] = sum(getattr(post, kind) for post in posts)
    for kind, least in (AT_LEAST | {"ko": 25, "zh": 25}).items():
        if counts[kind] < least:
            yield f"other hand: {counts[kind]} posts of kind {kind}, at least {least} are needed"


def other_hand_problems(posts: Sequence[Post], others: Sequence[OtherHandPost]) -> list[str]:
    """Every rule that the test set by other hands breaks, one line each; ids only, never a text."""
    found = [*too_few(others)]
    for post in others:
        found += [f"{post.id}: holds {x}" for x in broken_rules(post.text, risky=post.risky)]
    if digest(others) != HASH.read_text(encoding="utf-8").strip():
        found.append("the test set by other hands is not the one that was frozen")
    texts = {post.id: post.text for post in others}
    ours = {post.id: post.text for post in posts}
    for one, other, similarity in (*near_duplicates(texts), *near_duplicates(texts, ours)):
        found.append(f"{one} is a near-duplicate of {other} ({similarity:.2f})")
    return found


def agreement(file: Path = ANSWERS) -> dict[str, tuple[int, int]]:
    """For each question, how many posts both labellers answered alike, of how many.

    Raises:
        FormatError: a post does not have two answers.
    """
    answers: dict[str, list[dict[str, Any]]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        answers.setdefault(row["id"], []).append(row)
    if any(len(rows) != 2 for rows in answers.values()):
        raise FormatError(f"{file}: every post needs the answers of two labellers")
    pairs = list(answers.values())
    return {
        question: (sum(one[question] == other[question] for one, other in pairs), len(pairs))
        for question in QUESTIONS
    }


def _parse(row: Mapping[str, Any]) -> OtherHandPost:
    target = parse_target(row["label"])
    if not isinstance(row["support"], bool):
        raise TypeError("support is not true or false")
    return OtherHandPost(row["id"], row["lang"], target, row["support"], row["text"])
