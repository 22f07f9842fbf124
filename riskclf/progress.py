"""How far long work is: one shape of `progress` for every function that takes time.

`progress` is None (say nothing), True (a progress bar on standard error if that is a terminal,
otherwise a line a minute there), or a callback ``callback(stage, done, total)``. A stage with a
total of 0 has nothing to count: it is a message, such as how long the work will take, and is shown
at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Callback", "Progress", "following"]

Callback = Callable[[str, int, int | None], None]
"""Told the stage of the work in words, how much of it is done, and how much there is (None: not
known; 0: `stage` is a message). Never told text of a post."""

Progress = Callback | bool | None
"""What `progress` may be."""

_SECONDS_BETWEEN_LINES = 60.0


@contextmanager
def following(progress: Progress) -> Iterator[Callback]:
    """Turn `progress` into a callback for the length of a `with` block.

    Args:
        progress: None, False, True or a callback.

    Yields:
        What the work calls as often as it likes.
    """
    if progress is None or progress is False:
        yield lambda stage, done, total: None
    elif progress is not True:
        yield progress
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _line_a_minute()


@contextmanager
def _bar() -> Iterator[Callback]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    with bar:
        task = bar.add_task("", total=None)
        shown = [""]

        def show(stage: str, done: int, total: int | None) -> None:
            if total == 0:
                bar.console.print(stage, highlight=False, markup=False)
                return
            if stage != shown[0]:
                bar.reset(task, description=stage, total=total)
                shown[0] = stage
            bar.update(task, completed=done, total=total)

        yield show


def _line_a_minute() -> Callback:
    last = time.monotonic()

    def show(stage: str, done: int, total: int | None) -> None:
        nonlocal last
        if total == 0:
            print(stage, file=sys.stderr, flush=True)
            return
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            of = "" if total is None else f"/{total:,}"
            print(f"{stage}: {done:,}{of}", file=sys.stderr, flush=True)

    return show
