"""How a command under `training` ends: an expected error is one line, as it is with `riskclf`."""

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
        SystemExit: always; 2 after an error in the arguments or in what they name, 130 after
            Ctrl-C: what is finished is kept.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        status = app(standalone_mode=False)
    except RiskclfError as error:
        line = str(error)
    except OSError as error:
        line = os_error_line(error)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        # Usage errors. Their class has another home in each version of typer, but not this method.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        line = f"{message()} (see --help)"
    else:
        sys.exit(status if isinstance(status, int) else 0)
    print(f"error: {line}", file=sys.stderr)
    sys.exit(2)
