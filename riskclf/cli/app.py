"""The command line: `riskclf predict`, `explain`, `evaluate`, `finetune`, `suggest` and others.

Exit status: 0 success; 1 finished, but some rows were rejected; 2 usage error or other error; 3 a
fine-tuned model is not accepted; 130 stopped with Ctrl-C; 141 the reader of standard output left;
143 stopped with SIGTERM.

Posts are written to standard output or to `--output`, nowhere else. Standard error gets the
progress, the summary and messages of one line each; none of them holds text of a post. An error
that nobody expected comes with the lines of code where it was raised, but without its own message,
which may hold a post.
"""

from __future__ import annotations

import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

import riskclf
from riskclf.cli.audit import audit
from riskclf.cli.casework import casework
from riskclf.cli.console import (
    drop_unwritten,
    open_missing_streams,
    os_error_line,
    terminable,
    visible,
)
from riskclf.cli.console import error as failed
from riskclf.cli.drift import drift
from riskclf.cli.evaluate import evaluate
from riskclf.cli.explain import explain
from riskclf.cli.finetune import finetune
from riskclf.cli.info import info
from riskclf.cli.optimize import optimize
from riskclf.cli.predict import predict
from riskclf.cli.review import review
from riskclf.cli.serve import serve
from riskclf.cli.sign import new_key, sign
from riskclf.cli.suggest import suggest
from riskclf.cli.thresholds import thresholds
from riskclf.cli.triage import triage
from riskclf.cli.volume import volume
from riskclf.errors import ReadingWarning, RegressionWarning, RiskclfError
from riskclf.language import Sentence
from riskclf.language import gettext as _

__all__ = ["app", "main"]

_NO_MEMORY = re.compile("out of memory|bad_alloc|allocate memory|tried to allocate", re.IGNORECASE)
"""How torch and OpenVINO say it, whose errors have no class of their own for it."""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",  # else the help keeps the line breaks of the docstrings
    # Tracebacks with local variables would print posts.
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"riskclf {riskclf.__version__}")
        raise typer.Exit


@app.callback()
def _riskclf(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Find posts in which a child may be at risk, so that a person can look at them first.

    A label is a suggestion about a text, never a finding about a person.
    """


for _command in (
    predict,
    explain,
    evaluate,
    finetune,
    suggest,
    triage,
    review,
    volume,
    drift,
    thresholds,
    optimize,
    serve,
    info,
    new_key,
    sign,
):
    app.command()(_command)
app.add_typer(casework, name="casework")
app.add_typer(audit, name="audit")


def main(
    arguments: Sequence[str] | None = None, command: typer.Typer = app, name: str = "riskclf"
) -> int:
    """Run the command line; every expected error is one line on standard error.

    Args:
        arguments: as typed after ``riskclf``; None takes those of this process.
        command: what to run.
        name: how a user calls it.

    Returns:
        The exit status.
    """
    open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character is no reason to fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _status(sys.argv[1:] if arguments is None else arguments, command, name)
    except BrokenPipeError:
        drop_unwritten()
        return 141


def _status(arguments: Sequence[str], command: typer.Typer, name: str) -> int:
    try:
        with terminable(), _warning_in_one_line():
            status = command(args=arguments, prog_name=name, standalone_mode=False)
            sys.stdout.flush()
    except SystemExit as error:  # of typer, when the reader of a pipe has gone
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        raise BrokenPipeError from None
    except BrokenPipeError:
        raise
    except RiskclfError as error:
        return failed(_without_posts(str(error), arguments))
    except OSError as error:
        line = _without_posts(os_error_line(error), arguments)
        return failed(f"standard output cannot be written: {line}" if drop_unwritten() else line)
    except Exception as error:
        # Usage errors. Their class has another home in each version of typer, but not this method.
        message = getattr(error, "format_message", None)
        if message is None:
            return _unexpected(error)
        if not message():
            return 2
        return failed(f"{_without_posts(message(), arguments)} (see {name} --help)")
    return status if isinstance(status, int) else 0


def _unexpected(error: Exception) -> int:
    """Tell of an error that nobody expected, without its message, which may hold a post."""
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        return failed(
            "there is not enough memory: end other programs, or give a smaller --batch-size; a run "
            "that can be continued is continued by the same command"
        )
    print("".join(traceback.format_tb(error.__traceback__)), end="", file=sys.stderr)
    return failed(
        f"{type(error).__name__}, which riskclf did not expect; its message is not shown, because "
        "it may hold a post; please report it with the lines above"
    )


def _without_posts(message: str, arguments: Sequence[str]) -> str:
    """The message without the arguments that may be posts, typed in the wrong place."""
    values = [value for x in arguments for value in (x, *x.partition("=")[::2])]
    for value in sorted(values, key=len, reverse=True):
        if len(value.strip()) > 1 and not _is_option_or_path(value):
            for shown in (value, repr(value)[1:-1]):
                message = message.replace(shown, f"(text of {len(value)} characters)")
    return message


def _is_option_or_path(value: str) -> bool:
    """A short plain word, a path that exists, or a name with a suffix or a directory.

    With a link in it, or a blank and no suffix of a table, it is more likely a post.
    """
    if len(value) <= 40 and re.fullmatch(r"[\w.,:=-]+", value, re.ASCII):
        return True
    try:
        if Path(value).exists():
            return True
    except (OSError, ValueError):  # too long for a path, or with a NUL in it
        return False
    is_table = re.search(r"\.(csv|tsv|jsonl|ndjson|parquet|xlsx|txt)(\.gz)?$", value, re.IGNORECASE)
    if "://" in value or (re.search(r"\s", value) and not is_table):
        return False
    return re.search(r"[\\/]|\.\w{1,8}$", value, re.ASCII) is not None


@contextmanager
def _warning_in_one_line() -> Iterator[None]:
    """Tell our warnings in one line each, once, and not as Python shows a warning."""
    shown = warnings.showwarning
    told: set[str] = set()

    def show(message: Any, category: type[Warning], *place: Any, **options: Any) -> None:
        if issubclass(category, RegressionWarning | ReadingWarning):
            said = message.args[0] if isinstance(message, Warning) else message
            line = visible(said.translated() if isinstance(said, Sentence) else str(said))
            if line not in told:
                print(_("warning: {line}").format(line=line), file=sys.stderr)
            told.add(line)
        else:
            shown(message, category, *place, **options)

    with warnings.catch_warnings():
        for category in (RegressionWarning, ReadingWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = show
        yield
