"""Write `riskclf/finetuning/replay.jsonl`: the replay set, and the old posts that are measured.

``python -m training.recipe.replay`` draws the replay set from the posts of the five folds, which
the packaged model learns from; a test compares the file. The old posts are those of the gate, which
it has never seen. The benign ones of the replay set are the twins of the risky ones, and others
from as many families as possible.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from riskclf.files import write_text
from riskclf.finetuning import Example
from riskclf.finetuning.replay import OurPost
from riskclf.labels import LABELS, RISK_LABELS
from training.command import run_command
from training.posts.post import FOLDS, GATE, Post, load_posts
from training.recipe.examples import target_of

__all__ = ["OUTPUT", "as_examples", "main", "our_posts", "replay_set"]

OUTPUT = Path(__file__).parents[2] / "riskclf" / "finetuning" / "replay.jsonl"
"""The packaged file."""

RISKY, BENIGN = 50, 250
"""Size of the replay set, risky posts of each label. A larger set did not help
(``python -m training.experiments.slang --choose``)."""

_UNCLEAR = 34
"""Unclear posts in any replay set."""

_SEED = 20261122


def replay_set(posts: Sequence[Post], risky: int, benign: int) -> list[Post]:
    """A sample of what the packaged model learns from, of many families, in a fixed order.

    Args:
        posts: ours.
        risky: how many of each risky label.
        benign: how many benign ones; some unclear ones are added.
    """
    learned = [post for post in posts if post.fold in FOLDS and post.labelled]
    chosen: list[Post] = []
    for label in RISK_LABELS:
        chosen += _spread([post for post in learned if post.kind == label], risky)
    ids = {post.id for post in chosen}
    twins = [post for post in learned if post.kind == LABELS[-1] and post.twin_of in ids]
    others = [post for post in learned if post.kind == LABELS[-1] and post.twin_of not in ids]
    closest = _spread(twins, benign)
    chosen += closest + _spread(others, benign - len(closest))
    return chosen + _spread([post for post in learned if len(post.target) > 1], _UNCLEAR)


def our_posts(posts: Sequence[Post]) -> Iterator[dict[str, Any]]:
    """The lines of the file."""
    old = [post for post in posts if post.fold == GATE and post.labelled]
    sample = replay_set(posts, RISKY, BENIGN)
    for part, chosen in (("replay", sample), ("old", old)):
        for post in chosen:
            yield {
                "text": post.text,
                "target": dict(post.target),
                "family": post.family,
                "part": part,
            }


def as_examples(posts: Iterable[Post | OurPost]) -> list[Example]:
    """Posts as they are trained on."""
    return [
        post.example(LABELS) if isinstance(post, OurPost) else Example(post.text, target_of(post))
        for post in posts
    ]


def _spread(posts: Sequence[Post], count: int) -> list[Post]:
    """One of each family in turn, in an order by chance, until there are enough."""
    rng = random.Random(_SEED)
    by_name: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        by_name[post.family].append(post)
    families = list(by_name.values())
    rng.shuffle(families)
    for family in families:
        rng.shuffle(family)
    chosen: list[Post] = []
    while len(chosen) < count and any(families):
        for family in families:
            if family and len(chosen) < count:
                chosen.append(family.pop())
    return chosen


def main() -> None:
    """Write the replay set and the old posts that fine-tuning measures."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in our_posts(load_posts())]
    write_text(OUTPUT, "".join(lines))
    typer.echo(f"{OUTPUT}: {len(lines)} posts")


if __name__ == "__main__":
    run_command(main)
