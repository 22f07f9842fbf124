"""What the commands show: notes and tables on a terminal, safe text, and the end on Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from riskclf.labels import DECISIONS

if TYPE_CHECKING:
    from riskclf.suggestion import EmergingTerm
    from riskclf.tables import Reject

__all__ = [
    "Hint",
    "Meter",
    "Screen",
    "ShownPost",
    "error",
    "indented",
    "note",
    "note_reasons",
    "note_rejects",
    "os_error_line",
    "print_posts",
    "print_summary",
    "print_terms",
    "safe_json",
    "stoppable",
    "visible",
]

_DECISIONS = tuple(reversed(DECISIONS))
_SHOWN_CHARACTERS = 200
_COLOURS = {"flag": "bold red", "review": "yellow", "clear": "green"}

# What controls a terminal, half of a surrogate pair, and what reverses the direction of text.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


# Text that is safe on a terminal ------------------------------------------------------------------


def visible(text: str, limit: int | None = None) -> str:
    """The text on one line, without characters that control a terminal or reverse its direction.

    Args:
        text: any text.
        limit: show this many characters at most.
    """
    line = " ".join(text[: None if limit is None else 4 * limit].split())
    shown = _UNSAFE.sub("\ufffd", line)
    return shown if limit is None or len(shown) <= limit else shown[:limit] + "…"


def safe_json(values: Any) -> str:
    """Values as indented JSON; what could control a terminal is escaped, so no value changes."""
    text = json.dumps(values, ensure_ascii=False, indent=2)
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def indented(values: Mapping[str, Any], depth: int = 0) -> str:
    """Nested values as indented ``name: value`` lines, each safe on a terminal."""
    lines = []
    for name, value in values.items():
        start = f"{'  ' * depth}{visible(name)}:"
        if isinstance(value, Mapping):
            lines += [start, indented(value, depth + 1)]
        else:
            plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            lines.append(f"{start} {visible(plain)}")
    return "\n".join(line for line in lines if line)


# Lines on standard error --------------------------------------------------------------------------


class Screen(Console):
    """A console that reports a closed pipe instead of ending the program."""

    def on_broken_pipe(self) -> None:
        """Raise `BrokenPipeError`; rich would exit with status 1, which has a meaning here."""
        raise BrokenPipeError


def note(line: str) -> None:
    """Print one line on standard error."""
    Screen(stderr=True).print(Text(visible(line)), soft_wrap=True)


def error(message: str) -> int:
    """Print an error in one line on standard error and return its exit status, 2."""
    print(f"error: {visible(message)}", file=sys.stderr)
    return 2


def note_rejects(count: int, place: Path | None, first: Sequence[Reject] = ()) -> None:
    """Say how many rows were rejected, and where they are listed, or what the `first` are."""
    if not count:
        return
    were = "row was" if count == 1 else "rows were"
    note(f"{count:,} {were} rejected" + (f": see {place}" if place else ""))
    if place:
        return
    for reject in first:
        column = f", column {reject.column}" if reject.column is not None else ""
        note(f"row {reject.number}{column}: {reject.reason}")
    if count > len(first):
        note(f"… and {count - len(first):,} more: use --rejects FILE")


def os_error_line(error: OSError) -> str:
    """What an error of the operating system says to a user: the file, if it names one, and why.

    When a file could not be renamed this is its new name: the old one is a temporary file, of which
    the user knows nothing.
    """
    file = error.filename2 or error.filename
    return ": ".join(str(part) for part in (file, error.strerror or error) if part)


@dataclass
class Hint:
    """What to say when the run is stopped with Ctrl-C."""

    text: str = "stopped"


@contextmanager
def stoppable() -> Iterator[Hint]:
    """End with one line on Ctrl-C, and with none when the reader of a pipe has gone.

    Raises:
        typer.Exit: 130 on Ctrl-C; 141 after a broken pipe, as a shell reports it.
    """
    hint = Hint()
    try:
        yield hint
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(hint.text, file=sys.stderr)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # Python flushes standard output once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None


class Meter:
    """A progress bar with the number of posts and the rate, if standard error is a terminal.

    It starts with the first `show`, so that notes before it do not break its line.
    """

    def __init__(self) -> None:
        console = Screen(stderr=True)
        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[posts]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )

        self._task = self._bar.add_task("", total=None, posts="")

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, done: int, total: int | None, posts: str) -> None:
        """Move the bar.

        Args:
            done: how much of `total` is done; bytes or records, as the input is read.
            total: None where the end is not known.
            posts: shown beside the bar.
        """
        self._bar.start()
        self._bar.update(self._task, completed=done, total=total, posts=posts)


# Tables on standard output ------------------------------------------------------------------------


@dataclass(frozen=True)
class ShownPost:
    """A post in a table on the screen."""

    number: int | None
    """Row in the input; None for a post from the command line."""
    text: str
    result: Sequence[Any]
    """The prediction's values, see `riskclf.tables.predictions`."""


def print_posts(shown: Sequence[ShownPost], labels: Sequence[str]) -> None:
    """Print posts with their predictions as a table."""
    numbered = any(post.number is not None for post in shown)
    table = Table(
        title="highest risk first" if numbered else None,
        caption=Text(visible(f"scores: {' / '.join(labels)}")),
        caption_justify="left",
    )
    if numbered:
        table.add_column("row", justify="right")
    table.add_column("text", ratio=1, overflow="fold")
    for name in ("label", "decision"):
        table.add_column(name, no_wrap=True)
    for name in ("risk", "scores"):
        table.add_column(name, no_wrap=True, justify="right")
    for post in shown:
        label, decision, risk, *scores, _truncated, reasons, _risk_labels = post.result
        shown_decision = f"{decision} ({reasons.replace(' ', ', ')})" if reasons else decision
        cells = [
            Text(visible(post.text, _SHOWN_CHARACTERS)),
            Text(visible(label)),
            Text(shown_decision, style=_COLOURS.get(decision, "")),
            Text(f"{risk:.3f}"),
            Text(" / ".join(f"{score:.3f}" for score in scores)),
        ]
        table.add_row(*([Text(str(post.number))] if numbered else []), *cells)
    _wide().print(table)


def print_terms(terms: Sequence[EmergingTerm]) -> None:
    """Print emerging terms as a table."""
    if not terms:
        print("No term increased significantly.")
        return
    table = Table(
        title="emerging terms: read how they are used",
        caption="leads for a person, not a list of coded words; some increase by chance",
    )
    table.add_column("term", overflow="fold")
    for name in ("posts here", "in the reference", "ratio", "95 % interval"):
        table.add_column(name, justify="right")
    for term in terms:
        interval = (
            f"from {term.low:.1f}" if term.high is None else f"{term.low:.1f} to {term.high:.1f}"
        )
        table.add_row(
            Text(visible(term.term)),
            f"{term.posts:,} of {term.of:,}",
            f"{term.reference_posts:,} of {term.reference_of:,}",
            "only here" if term.ratio is None else f"{term.ratio:.1f}",
            interval,
        )
    _wide().print(table)


def print_summary(counts: Counter[tuple[str, str]], labels: Sequence[str]) -> None:
    """Print how many posts have each label and decision, on standard error."""
    table = Table("label", title="posts by label and decision")
    for name in (*_DECISIONS, "all"):
        table.add_column(name, justify="right")
    rows = {label: [counts[label, decision] for decision in _DECISIONS] for label in labels}
    rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    for name, found in rows.items():
        table.add_row(Text(visible(name)), *(f"{count:,}" for count in (*found, sum(found))))
    Screen(stderr=True).print(table)


def note_reasons(reasons: Mapping[str, int]) -> None:
    """Say how many posts could not be read and why, if there are any.

    Args:
        reasons: number of posts by what stands in the column `reasons`; not the empty ones.
    """
    count = sum(reasons.values())
    if not count:
        return
    codes: Counter[str] = Counter()
    for names, posts in reasons.items():
        codes.update(dict.fromkeys(names.split(), posts))
    parts = ", ".join(f"{posts:,} {code}" for code, posts in codes.most_common())
    were = "1 post" if count == 1 else f"{count:,} posts"
    note(f"{were} could not be read and must be looked at: {parts} (see the column reasons)")


def _wide() -> Screen:
    # Where nothing says how wide it is, such as in a file, give the posts some room.
    sized = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Screen(width=None if sized else 120)
