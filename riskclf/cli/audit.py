"""`riskclf audit`: checks the log of what was done with cases. It needs no case store for that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, stoppable, visible
from riskclf.cli.desk import Officer, Second, StoreName
from riskclf.errors import InputError
from riskclf.language import Language, speaking
from riskclf.language import gettext as _

__all__ = ["audit"]

audit = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Check the audit log of a case store.",
)

LogFile = Annotated[Path, typer.Argument(metavar="LOG", help="An audit log, or merged ones.")]


@audit.command("head")
def _head(log: LogFile) -> None:
    """Print how many events there are, and the digest of the last line.

    Keep both elsewhere, such as on paper: `riskclf audit verify` finds with them that the end was
    cut off, or that the whole log was written anew. Nothing is checked here.
    """
    with stoppable():
        from riskclf.casework.audit import head_of

        head = head_of(log)
        print(visible(f"{head.count} {head.digest}"))


@audit.command("verify")
def _verify(
    log: LogFile,
    count: Annotated[
        int | None,
        typer.Option(min=0, help="An earlier number of events, from `riskclf audit head`."),
    ] = None,
    digest: Annotated[str | None, typer.Option(help="The digest that was printed with it.")] = None,
    lang: options.Lang = Language.ENGLISH,
) -> None:
    """Check that no line was changed, dropped or put elsewhere, and print count and digest.

    Exit status: 0 the log is whole, 2 it was changed.
    """
    if (count is None) != (digest is None):
        raise InputError("give both --count and --digest, or neither")
    with stoppable(), speaking(lang):
        from riskclf.casework.audit import Head
        from riskclf.casework.verifying import verify

        kept = None if count is None or digest is None else Head(count, digest)
        found = verify(log, kept=kept)
        print(f"{found.head.count} {found.head.digest}")
        note(_("The log is whole."))
        if found.tombstones:
            note(_("Lines whose posts were purged: {count:,}.").format(count=found.tombstones))
        if found.clock_back:
            note(_("Times the clock went back: {count:,}.").format(count=found.clock_back))


@audit.command("merge")
def _merge(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="Two or more audit logs.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The merged log.")],
) -> None:
    """Put several logs into one, by time. Each keeps its own chain, and is checked."""
    with stoppable():
        from riskclf.casework.verifying import merge

        options.check_outputs({"the output": output}, [str(log) for log in logs])
        found = merge(logs, output)
        note(f"{len(found.logs):,} logs, {found.head.count:,} lines written to {output}")


@audit.command("start")
def _start(
    store: StoreName,
    log: Annotated[Path, typer.Argument(metavar="LOG", help="A new file.")],
    officer: Officer,
    second: Second,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its key; made if it is not there. Default: LOG.key."),
    ] = None,
) -> None:
    """Begin the log of a case store that has none, or whose log is lost, with all events so far.

    Posts that were purged before have no HMAC in it.
    """
    from riskclf.casework import Store

    with stoppable():
        Store.open(store, follow=False).begin_audit_log(
            str(log), officer, second, key=None if key is None else str(key)
        )
        note(f"the audit log {log} is begun")
