"""What the transformer learns from: our posts with all that is known of them, and natural lines.

Of a post that is there for its answers only, the label is not learned. A natural line is benign and
seeks no help; its other answers are not known. Every text has the teacher's sentence vector.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from riskclf.aspects import Question
from riskclf.finetuning import Example
from riskclf.finetuning.trainer import Transform
from riskclf.labels import LABELS
from training.posts.augment import Surroundings, vary
from training.posts.post import ASPECTS, Post

__all__ = ["QUESTIONS", "answers_of", "line_examples", "post_examples", "target_of", "varied"]

QUESTIONS = (
    *(Question(name, answers, several=name == "matter") for name, answers in ASPECTS.items()),
    Question("support", ("yes",), several=True),
)
"""In the order of an example's answers."""

_SURROUNDED = 0.125
"""Share of batches whose texts get ordinary lines around them."""

_MOST_LINES = 2
"""Around one text. A window of the model holds hardly more."""

Vectors = Mapping[str, NDArray[np.float32]]
"""The teacher's centred sentence vector of each text."""


def target_of(post: Post) -> tuple[float, ...]:
    """The probability of each of `LABELS`."""
    return tuple(post.target.get(label, 0.0) for label in LABELS)


def answers_of(post: Post) -> tuple[float | None, ...]:
    """The probability of each answer of `QUESTIONS`; None where they have not been judged."""
    found = post.aspects
    if found is None:
        return tuple(None for question in QUESTIONS for _ in question.answers)
    given = {
        "age": {found.age},
        "side": {found.side},
        "act": {found.act},
        "matter": {*found.matter},
        "support": {"yes"} if found.support else set(),
    }
    return tuple(
        float(answer in given[question.name])
        for question in QUESTIONS
        for answer in question.answers
    )


def post_examples(posts: Iterable[Post], vectors: Vectors) -> list[Example]:
    """Our posts as they are trained on."""
    return [
        Example(
            post.text,
            None if post.split == "aspects" else target_of(post),
            weight=post.weight,
            answers=answers_of(post),
            sentence=vectors.get(post.text),
        )
        for post in posts
    ]


def line_examples(lines: Iterable[str], vectors: Vectors) -> list[Example]:
    """Natural lines as they are trained on."""
    benign = tuple(float(label == LABELS[-1]) for label in LABELS)
    unknown = [None for question in QUESTIONS[:-1] for _ in question.answers]
    return [
        Example(line, benign, answers=(*unknown, 0.0), sentence=vectors.get(line)) for line in lines
    ]


def varied(lines: Sequence[str]) -> Transform:
    """Spells every text differently, and puts some of `lines` around those of some batches."""
    surroundings = Surroundings(lines)

    def transform(texts: list[str], seed: int) -> tuple[list[str], bool]:
        spelled = [vary(text, seed + number) for number, text in enumerate(texts)]
        # A whole batch or none of it: otherwise every batch would be padded to its longest text.
        rng = random.Random(seed)
        if rng.random() >= _SURROUNDED:
            return spelled, True
        count = rng.randint(1, _MOST_LINES)
        surrounded = (surroundings.add(x, seed + i, count) for i, x in enumerate(spelled))
        return list(surrounded), False

    return transform
