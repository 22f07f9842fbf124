"""How a command under `training` ends: a foreseen error is one line, as it is with `riskclf`."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from riskclf.cli.console import os_error_line
from riskclf.errors import RiskclfError

__all__ = ["run_command"]


def run_command(main: Callable[..., None]) -> None:
    """Run a function as a command, with the arguments of this process.

    Args:
        main: its parameters are the options.

    Raises:
        SystemExit: always; 2 after an error in the arguments or in what they name, 130 after an
            interrupt: what is finished is kept.
    """
    try:
        typer.run(main)
    except RiskclfError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {os_error_line(error)}", file=sys.stderr)
    sys.exit(2)
