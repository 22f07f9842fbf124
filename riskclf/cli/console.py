"""What the commands show: notes and tables on a terminal, safe text, and the end on Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
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

from riskclf.disk import is_full, unwritable
from riskclf.labels import DECISIONS, UNREAD_CODES
from riskclf.language import gettext as _
from riskclf.language import listed, ngettext

if TYPE_CHECKING:
    from riskclf.suggestion import EmergingTerm
    from riskclf.tables import Reject

__all__ = [
    "Hint",
    "Meter",
    "Screen",
    "ShownPost",
    "Terminated",
    "drop_unwritten",
    "error",
    "indented",
    "note",
    "note_reasons",
    "note_rejects",
    "open_missing_streams",
    "os_error_line",
    "print_posts",
    "print_summary",
    "print_terms",
    "safe_json",
    "stoppable",
    "terminable",
    "visible",
    "wide",
]

_DECISIONS = tuple(reversed(DECISIONS))
_SHOWN_CHARACTERS = 200
_COLOURS = {"flag": "bold red", "review": "yellow", "clear": "green"}

# What controls a terminal, half of a surrogate pair, and what reverses the direction of text.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


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
    if place:
        rejected = ngettext(
            "{count:,} row was rejected: see {place}",
            "{count:,} rows were rejected: see {place}",
            count,
        )
        note(rejected.format(count=count, place=place))
        return
    rejected = ngettext("{count:,} row was rejected", "{count:,} rows were rejected", count)
    note(rejected.format(count=count))
    for reject in first:
        if reject.column is None:
            where = _("row {number}").format(number=reject.number)
        else:
            where = _("row {number}, column {column}").format(
                number=reject.number, column=reject.column
            )
        note(_("{name}: {words}").format(name=where, words=reject.reason.translated()))
    if count > len(first):
        note(_("… and {count:,} more: use --rejects FILE").format(count=count - len(first)))


def os_error_line(error: OSError) -> str:
    """What an error of the operating system says to a user: the file, if it names one, and why.

    When a file could not be renamed this is its new name: the old one is a temporary file, of which
    the user knows nothing. Without a file it is what all commands write to.
    """
    file = error.filename2 or error.filename
    if file is None and is_full(error):
        return str(unwritable("standard output or a temporary file", error))
    return ": ".join(str(part) for part in (file, error.strerror or error) if part)


@dataclass
class Hint:
    """What to say when the run is stopped with Ctrl-C or SIGTERM."""

    text: str


class Terminated(KeyboardInterrupt):
    """SIGTERM: whoever runs this program, such as a scheduler, ends it. Treated as Ctrl-C is."""


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM, so that files are closed and locks are let go of."""

    def end(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield  # only there a signal can be handled
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def stoppable() -> Iterator[Hint]:
    """End with one line on Ctrl-C or SIGTERM, and with none when the reader of a pipe has gone.

    Raises:
        typer.Exit: 130 on Ctrl-C, 143 on SIGTERM; 141 after a broken pipe, as a shell reports it.
    """
    hint = Hint(_("stopped"))
    try:
        yield hint
        sys.stdout.flush()
    except KeyboardInterrupt as error:
        print(hint.text, file=sys.stderr)
        raise typer.Exit(143 if isinstance(error, Terminated) else 130) from None
    except BrokenPipeError:
        drop_unwritten()
        raise typer.Exit(141) from None


def drop_unwritten() -> bool:
    """Drop what standard output and standard error cannot take; whether there was such output.

    Python flushes both once more at its end, which must not fail again.
    """
    failed = False
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            failed = True
    return failed


def open_missing_streams() -> None:
    """Take the places of streams that the caller has closed (``>&-``), before a file gets them.

    What is then written to one of them fails, as it should.
    """
    while (handle := os.open(os.devnull, os.O_RDONLY)) <= 2:
        pass
    os.close(handle)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


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
        title=_("highest risk first") if numbered else None,
        caption=Text(visible(_("scores: {labels}").format(labels=" / ".join(labels)))),
        caption_justify="left",
    )
    if numbered:
        table.add_column(_("row"), justify="right")
    table.add_column(_("text"), ratio=1, overflow="fold")
    for name in (_("label"), _("decision")):
        table.add_column(name, no_wrap=True)
    for name in (_("risk"), _("scores")):
        table.add_column(name, no_wrap=True, justify="right")
    for post in shown:
        label, decision, risk, *scores, _truncated, reasons, _risk_labels = post.result
        shown_decision = f"{decision} ({_codes(reasons)})" if reasons else decision
        cells = [
            Text(visible(post.text, _SHOWN_CHARACTERS)),
            Text(visible(label)),
            Text(shown_decision, style=_COLOURS.get(decision, "")),
            Text(f"{risk:.3f}"),
            Text(" / ".join(f"{score:.3f}" for score in scores)),
        ]
        table.add_row(*([Text(str(post.number))] if numbered else []), *cells)
    wide().print(table)


def print_terms(terms: Sequence[EmergingTerm]) -> None:
    """Print emerging terms as a table."""
    if not terms:
        print(_("No term increased significantly."))
        return
    table = Table(
        title=_("emerging terms: read how they are used"),
        caption=_("leads for a person, not a list of coded words; some increase by chance"),
    )
    table.add_column(_("term"), overflow="fold")
    for name in (_("posts here"), _("in the reference"), _("ratio"), _("95 % interval")):
        table.add_column(name, justify="right")
    for term in terms:
        low = f"{term.low:.1f}"
        interval = (
            _("from {low}").format(low=low)
            if term.high is None
            else _("{low} to {high}").format(low=low, high=f"{term.high:.1f}")
        )
        of = _("{count:,} of {total:,}")
        table.add_row(
            Text(visible(term.term)),
            of.format(count=term.posts, total=term.of),
            of.format(count=term.reference_posts, total=term.reference_of),
            _("only here") if term.ratio is None else f"{term.ratio:.1f}",
            interval,
        )
    wide().print(table)


def print_summary(counts: Counter[tuple[str, str]], labels: Sequence[str]) -> None:
    """Print how many posts have each label and decision, on standard error."""
    table = Table(_("label"), title=_("posts by label and decision"))
    for name in (*_DECISIONS, _("all")):
        table.add_column(name, justify="right")
    rows = {label: [counts[label, decision] for decision in _DECISIONS] for label in labels}
    rows[_("all")] = [sum(column) for column in zip(*rows.values(), strict=True)]
    for name, found in rows.items():
        table.add_row(Text(visible(name)), *(f"{count:,}" for count in (*found, sum(found))))
    Screen(stderr=True).print(table)


def note_reasons(reasons: Mapping[str, int]) -> None:
    """Say how many posts could not be read and why, and how others were read, if any.

    Args:
        reasons: number of posts by what stands in the column `reasons`; not the empty ones.
    """
    count = 0
    codes: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for names, posts in reasons.items():
        unread = [name for name in names.split() if name in UNREAD_CODES]
        codes.update(dict.fromkeys(unread, posts))
        count += posts * bool(unread)
        others.update(dict.fromkeys({*names.split()} - UNREAD_CODES, posts))
    if others["disguised"]:
        told = ngettext(
            "{count:,} post was read after two or more disguises were undone (disguised in the "
            "column reasons)",
            "{count:,} posts were read after two or more disguises were undone (disguised in the "
            "column reasons)",
            others["disguised"],
        )
        note(told.format(count=others["disguised"]))
    if others["ngrams_only"]:
        told = ngettext(
            "{count:,} post was cleared by n-grams alone (ngrams_only in the column reasons)",
            "{count:,} posts were cleared by n-grams alone (ngrams_only in the column reasons)",
            others["ngrams_only"],
        )
        note(told.format(count=others["ngrams_only"]))
    if not count:
        return
    parts = [
        _("{count:,} {code}").format(count=posts, code=_codes(code))
        for code, posts in codes.most_common()
    ]
    told = ngettext(
        "{count:,} post could not be read and must be looked at: {parts} (see the column reasons)",
        "{count:,} posts could not be read and must be looked at: {parts} (see the column reasons)",
        count,
    )
    note(told.format(count=count, parts=listed(parts)))


def _codes(codes: str) -> str:
    """Reason codes as the column `reasons` holds them, in words."""
    words = {
        "blank": _("blank"),
        "unreadable": _("unreadable"),
        "unsupported_script": _("unsupported_script"),
        "disguised": _("disguised"),
        "ngrams_only": _("by n-grams only"),
    }
    return listed(words.get(code, code) for code in codes.split())


def wide() -> Screen:
    """A console for tables on standard output."""
    # Where nothing says how wide it is, such as in a file, give the posts some room.
    sized = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Screen(width=None if sized else 120)
