"""Our posts, counted and checked: ``python -m training.posts.data`` fails when a rule is broken."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskclf.evaluation.intervals import wilson
from training.command import run_command
from training.posts.agreement import ASPECT_COLUMNS, aspect_rows
from training.posts.corpora import Corpora
from training.posts.other_hand import (
    OtherHandPost,
    agreement,
    load_other_hand,
    other_hand_problems,
)
from training.posts.post import FOLDS, GATE, SPLITS, Post, answer_counts, load_posts, rows
from training.posts.rules import near_duplicates, problems
from training.posts.surface import risky_share

__all__ = ["main"]


def _print_counts(posts: Sequence[Post], console: Console) -> None:
    kinds = sorted({post.kind for post in posts}, key=lambda kind: ("+" in kind, kind))
    columns = (("split", "split"), ("fold", "fold"), ("language", "lang"), ("slice", "slice"))
    for title, name in columns:
        table = Table(title=f"posts by {title}", title_justify="left")
        table.add_column(title)
        for kind in (*kinds, "all", "families"):
            table.add_column(kind, justify="right")
        values = sorted({getattr(post, name) for post in posts})
        parts = {x or "none": [y for y in posts if getattr(y, name) == x] for x in values}
        for value, chosen in (*parts.items(), ("all", posts)):
            counts = Counter(post.kind for post in chosen)
            table.add_row(
                value,
                *(str(counts[kind]) for kind in kinds),
                str(len(chosen)),
                str(len({post.family for post in chosen})),
            )
        console.print(table)


def _print_other_hand(others: Sequence[OtherHandPost], console: Console) -> None:
    languages = Counter(post.lang for post in others)
    console.print(
        f"by other hands: {len(others)} posts ("
        f"{', '.join(f'{count} {lang}' for lang, count in languages.most_common())}), "
        f"{sum(post.risky for post in others)} risky, {sum(post.unclear for post in others)} "
        f"unclear, {sum(post.support for post in others)} seek help"
    )
    table = Table(title="two labellers agree on", title_justify="left")
    for name in ("question", "posts", "of", "share, 95 % interval"):
        table.add_column(name, justify="left" if name == "question" else "right")
    for question, (alike, count) in agreement().items():
        low, high = wilson(alike, count)
        shown = f"{alike / count:.1%} ({low:.1%} to {high:.1%})"
        table.add_row(question, str(alike), str(count), shown)
    console.print(table)


def _print_aspects(posts: Sequence[Post], console: Console) -> None:
    """How often each answer is given, and the agreement with the second, blind answers."""
    for question, counts in answer_counts(posts).items():
        given = ", ".join(f"{count} {answer}" for answer, count in counts.most_common())
        console.print(f"{question}: {given}")
    table = Table(*ASPECT_COLUMNS, title="second, blind answers", title_justify="left")
    for row in aspect_rows(posts):
        table.add_row(*row)
    console.print(table)


def _print_surface(posts: Sequence[Post], console: Console) -> None:
    """Of the posts that look risky on the surface (`training.posts.surface`), how many are."""
    ours = [post for post in posts if not post.split and post.lang in ("ja", "en")]
    plain = [post for post in ours if post.slice == "plain"]
    others = [post for post in ours if post.slice != "plain"]
    for name, part in (("plain posts", plain), ("other posts", others), ("all", ours)):
        risky, count = risky_share(part)
        if count:
            share = f"{risky:g} of {count:g}, {risky / count:.0%}"
            console.print(f"risky, of posts that look so, by weight ({name}): {share}")


def main(
    corpora: Annotated[
        Path | None, typer.Option(help="Also search the held-out files there for near-duplicates.")
    ] = None,
    write: Annotated[
        str | None,
        typer.Option(
            metavar="PART", help="Print the posts of a fold or a split as JSON Lines instead."
        ),
    ] = None,
) -> None:
    """Count our posts and check every rule; the exit status is 1 when one is broken."""
    posts = load_posts()
    if write is not None:
        if write not in (parts := (*FOLDS, GATE, *SPLITS)):
            raise typer.BadParameter(f"there is no fold or split {write!r}: {', '.join(parts)}")
        for row in rows(post for post in posts if write in (post.fold, post.split)):
            typer.echo(json.dumps(row, ensure_ascii=False))
        return
    console = Console(width=160)
    _print_counts(posts, console)
    found = problems(posts)
    others = load_other_hand()
    found += other_hand_problems(posts, others)
    if corpora is not None:
        held_out = {
            f"{source.path.name}:{number}": line
            for source in Corpora.load(corpora).of("heldout")
            for number, line in enumerate(source.lines(), start=1)
        }
        ours = {post.id: post.text for post in posts} | {x.id: x.text for x in others}
        pairs = list(near_duplicates(ours, held_out))
        found += [f"{one} is a near-duplicate of {other}" for one, other, _ in pairs]
        console.print(f"compared with {len(held_out)} held-out lines")
    for problem in found:
        console.print(problem, style="red", highlight=False)
    _print_surface(posts, console)
    _print_aspects(posts, console)
    _print_other_hand(others, console)
    console.print(f"{len(posts)} posts, {len(found)} broken rules")
    sys.exit(bool(found))


if __name__ == "__main__":
    run_command(main)
