"""Does undoing disguises leave honest text alone? ``python -m training.posts.honest_text``.

Natural lines of the public corpora are turned into token ids twice, with and without the undoing.
The command prints the share of
lines that keep their ids, file by file, and fails below 99.5 % overall. Ages and grades that
become digits count as changed lines.

The rules were tightened on lines of these files that they changed, closed corpora included, so the
share is somewhat optimistic for text from elsewhere.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from riskclf.hub import locate
from riskclf.text import normalise, plain_form
from riskclf.tokens import Tokenizer
from training.command import run_command
from training.posts.corpora import Corpora, Source

__all__ = ["LEAST_SHARE", "draw", "kept", "main"]

LEAST_SHARE = 0.995
"""The least share of lines whose token ids stay as they are."""

_LONGEST_LINE = 140
_SEED = 0


def draw(corpora: Corpora, count: int) -> list[tuple[Source, list[str]]]:
    """Lines of at most 140 characters, `count` in all: as many of each file, or all it has."""
    rng = random.Random(_SEED)
    pools = [
        (source, [line for line in source.lines() if len(line) <= _LONGEST_LINE])
        for source in corpora.of("benign", "adapt", "heldout")
    ]
    drawn = {}
    left = count
    # The smallest first: what they lack is taken from the larger ones.
    for number, (source, lines) in enumerate(sorted(pools, key=lambda pool: len(pool[1]))):
        chosen = rng.sample(lines, min(len(lines), left // (len(pools) - number)))
        drawn[source.path] = chosen
        left -= len(chosen)
    return [(source, drawn[source.path]) for source, _ in pools]


def kept(lines: Sequence[str], tokenizer: Tokenizer) -> Iterator[bool]:
    """For each line: are its token ids what they are without the undoing?"""
    for line in lines:
        before, after = plain_form(line).text, normalise(line).text
        if before == after:
            yield True
        else:
            one, other = tokenizer.encode_normalised([before, after])
            yield [window.ids for window in one.windows] == [window.ids for window in other.windows]


def main(
    corpora: Annotated[Path, typer.Option(help="Directory of the public corpora.")],
    lines: Annotated[int, typer.Option(help="How many lines to read.")] = 40_000,
) -> None:
    """Print the share of natural lines that keep their token ids; fail below 99.5 %."""
    tokenizer = Tokenizer.load(locate(None, ()))
    table = Table("file", "lines", "kept", "share")
    total = same = 0
    for source, chosen in draw(Corpora.load(corpora), lines):
        count = sum(kept(chosen, tokenizer))
        table.add_row(source.path.name, *_figures(len(chosen), count))
        total, same = total + len(chosen), same + count
    table.add_row("all", *_figures(total, same))
    Console().print(table)
    if same < LEAST_SHARE * total:
        sys.exit(f"error: fewer than {LEAST_SHARE:.1%} of the lines keep their token ids")


def _figures(lines: int, same: int) -> tuple[str, str, str]:
    return str(lines), str(same), f"{same / lines:.3%}" if lines else "-"


if __name__ == "__main__":
    run_command(main)
