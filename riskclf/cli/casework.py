"""`riskclf casework`: the case store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, stoppable
from riskclf.cli.desk import Officer, Second, StoreName, act, next_case, show
from riskclf.cli.outcomes import agreement, counts, outcomes
from riskclf.errors import InputError
from riskclf.files import write_text
from riskclf.language import Language, speaking
from riskclf.tables import format_of

__all__ = ["casework"]

casework = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Keep the record of what was decided about posts: a case store.",
)

casework.command("next")(next_case)
casework.command()(show)
casework.command()(act)
casework.command()(outcomes)
casework.command()(counts)
casework.command()(agreement)


@casework.command("init")
def _init(
    store: StoreName,
    purpose: Annotated[str, typer.Option(help="What the cases are kept for.")],
    legal_basis: Annotated[str, typer.Option(help="On what basis.")],
    source: Annotated[str, typer.Option(help="Where the posts come from.")],
    retention: Annotated[
        list[str],
        typer.Option(
            metavar="DAYS|OUTCOME=DAYS",
            help="Days after which the text of a finished case is purged: a number for all cases, "
            "and others for the outcomes unread, not_risky, warned, referred and other. May be "
            "repeated: --retention 90 --retention warned=365.",
        ),
    ],
    double_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share of the cases that is drawn at random, and decided by two officers, each "
            "blind, with the model hidden: only these measure it. As large a share of the capacity "
            "goes to posts that `riskclf triage` would not list. 0 for none.",
        ),
    ] = 0.1,
    audit_log: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write every step to this log too; see `riskclf audit`."),
    ] = None,
    audit_key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The key of the audit log; made if it is not there. Default: FILE of the log with "
            ".key at its end. Keep a copy of it elsewhere.",
        ),
    ] = None,
) -> None:
    """Make a case store, and record what it is for."""
    from riskclf.casework import Store

    if audit_key is not None and audit_log is None:
        raise InputError("--audit-key needs --audit-log (see --help)")
    with stoppable():
        Store.create(
            store,
            purpose=purpose,
            legal_basis=legal_basis,
            source=source,
            retention=_retention(retention),
            double_share=double_share,
            audit_log=audit_log,
            audit_key=audit_key,
        )
        note("the case store is made; it is a record of work, no original evidence")


@casework.command("handover")
def _handover(store: StoreName, lang: options.Lang = Language.ENGLISH) -> None:
    """Print the sheet for the next shift: case numbers, no text."""
    from riskclf.casework import Store

    with stoppable():
        opened = Store.open(store)
        from riskclf.casework.handover import handover as sheet

        with speaking(lang):
            print(sheet(opened), end="")


@casework.command("purge")
def _purge(
    store: StoreName,
    officer: Officer,
    second: Second,
    before: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Purge cases that last changed before this day, such as 2026-01-31, whatever "
            "their outcome. Default: what is older than the retention of its outcome.",
        ),
    ] = None,
) -> None:
    """Delete the text of old cases; what can be counted stays.

    Cases that need a further step, that an officer is reading, or that are on hold are kept.
    """
    from riskclf.casework import Store

    with stoppable():
        opened = Store.open(store)
        from riskclf.casework.purge import purge as purge_store

        done = purge_store(opened, officer, second, before=_day(before))
        for outcome, count in done.cases.items():
            note(f"{outcome}: {count:,} cases purged")
        note(f"{sum(done.cases.values()):,} cases, {done.posts:,} posts purged")
        if done.unfinished:
            note(f"{done.unfinished:,} old cases kept: they are not finished, or being read")
        if done.held:
            note(f"{done.held:,} old cases kept: they are on hold")


@casework.command("export")
def _export(
    store: StoreName,
    output: Annotated[
        str, typer.Option(metavar="FILE", help="The table; its suffix sets the format.")
    ],
    officer: Officer,
    second: Second,
    drawn: Annotated[
        bool,
        typer.Option(
            "--drawn",
            help="Only the cases that were drawn and decided blind, with their weight: to evaluate "
            "with. Without it, all others: to fine-tune with.",
        ),
    ] = False,
) -> None:
    """Write text and label of decided posts, to measure or fine-tune with.

    There is no reference, time or officer in it. `riskclf evaluate` and `riskclf finetune` read it.
    """
    from riskclf.casework import Store

    with stoppable():
        format_of(output)
        options.check_outputs({"the output": Path(output)}, [store])
        opened = Store.open(store)
        from riskclf.casework.export import export as export_posts

        count = export_posts(opened, output, officer, second, drawn=drawn)
        note(f"{count:,} posts written to {output}")


@casework.command("verify")
def _verify(store: StoreName) -> None:
    """Check that no entry of the log was changed, removed or inserted.

    Keep the digest that it prints somewhere else: who can write to the store could also write a
    whole new log.
    """
    from riskclf.casework import Store

    with stoppable():
        count, head = Store.open(store).verify()
        print(f"{count} {head}")


@casework.command("drafts")
def _drafts(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The agency's own file (.toml).")],
    new: Annotated[bool, typer.Option("--new", help="Write the samples to FILE, a new file.")] = (
        False
    ),
) -> None:
    """Check the drafts of warnings, or write the samples to begin with.

    Lists what must be set in FILE before a text can be copied. Nothing is sent.
    """
    from riskclf.casework.drafts import Templates, sample

    with stoppable():
        if new:
            if file.exists():
                raise InputError(f"{file} exists already; name a new file")
            write_text(file, sample())
        found = Templates.read(file)
        missing = dict.fromkeys(key for draft in found.drafts() for key in draft.missing)
        missing |= dict.fromkeys(key for x in found.support.values() for key in x.missing)
        for key in missing:
            print(key)
        languages = ", ".join(found.languages)
        note(f"{file}: {len(found.drafts())} texts ({languages}), {len(missing)} keys to be set")


@casework.command("upgrade")
def _upgrade(store: StoreName) -> None:
    """Bring a store that an older riskclf made up to date. Copy it first."""
    from riskclf.casework import Store

    with stoppable():
        Store.upgrade(store)
        note("the case store is up to date")


def _retention(items: Iterable[str]) -> dict[str, int]:
    """Days by outcome from the values of ``--retention``."""
    from riskclf.casework.purge import OUTCOMES

    found: dict[str, int] = {}
    for item in sorted(items, key=lambda x: "=" in x):  # the number for all comes first
        outcome, equals, days = item.rpartition("=")
        if not days.isdecimal() or (equals and outcome not in OUTCOMES):
            raise InputError(
                f"--retention {item} cannot be read: write a number of days, or one of "
                f"{', '.join(OUTCOMES)} with its days, such as warned=365"
            )
        found |= {outcome: int(days)} if equals else dict.fromkeys(OUTCOMES, int(days))
    return found


def _day(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").astimezone()
    except ValueError:
        raise InputError(f"--before {text} is no day: write it like 2026-01-31") from None
