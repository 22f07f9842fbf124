"""`riskclf casework outcomes`, `counts` and `agreement`: what became of the warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, note_rejects, stoppable
from riskclf.cli.desk import Officer, StoreName
from riskclf.errors import InputError
from riskclf.files import beside, locked, write_bytes
from riskclf.inputs import zone_of
from riskclf.language import Language, speaking
from riskclf.language import gettext as _
from riskclf.tables import TableFile, write_rejects

__all__ = ["agreement", "counts", "outcomes"]


def outcomes(
    store: StoreName,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="What was found: a .csv, .tsv, .jsonl, .xlsx or .parquet file with the columns "
            "reference, outcome (deleted, edited, still_there, account_gone or unknown) and "
            "checked_at (a day or a time).",
        ),
    ],
    officer: Officer,
    time_zone: options.TimeZone = "Asia/Tokyo",
    encoding: options.Encoding = "auto",
    delimiter: options.Delimiter = None,
    lang: options.Lang = Language.ENGLISH,
) -> None:
    """Record what was found when warned posts were looked at again.

    A file that is read again adds nothing; a later check adds to the history. Rows that cannot be
    used are listed in FILE.rejects.csv.

    Exit status: 0 success, 1 finished but some rows were rejected, 2 usage error or other error.
    """
    from riskclf.casework import Store

    rejected_rows = None if file == "-" else beside(Path(file), ".rejects.csv")
    with stoppable(), speaking(lang):
        opened = Store.open(store)
        from riskclf.casework.outcomes import import_outcomes

        zone = zone_of(time_zone)
        table = TableFile(file, encoding=encoding, delimiter=delimiter)
        found = import_outcomes(opened, table, officer, zone=zone)
        note(
            _("Checks recorded: {added:,}; recorded before: {known:,}.").format(
                added=found.added, known=found.known
            )
        )
        if rejected_rows is not None:
            with locked(rejected_rows):
                write_rejects(rejected_rows, found.rejects)
        note_rejects(len(found.rejects), rejected_rows, found.rejects[:20])
    if found.rejects:
        raise typer.Exit(1)


def counts(
    store: StoreName,
    by: Annotated[
        str, typer.Option(metavar="WHAT", help="Count by side, template (the draft) or month.")
    ] = "month",
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.xlsx",
            help="Write the monthly table to hand on: by side, matter and site, small numbers "
            "suppressed.",
        ),
    ] = None,
    below: Annotated[
        int, typer.Option(min=1, help="With --output: suppress numbers from 1 to below this.")
    ] = 5,
    plot: Annotated[
        str | None,
        typer.Option(metavar="FILE.png", help="Draw the time to deletion (Kaplan-Meier)."),
    ] = None,
    time_zone: options.TimeZone = "Asia/Tokyo",
    lang: options.Lang = Language.ENGLISH,
) -> None:
    """Print what became of the warnings: rates with 95 % intervals, and the time to deletion.

    What is printed is for the desk: small numbers are in it. Hand on the table of --output.
    """
    from riskclf.casework import Store

    with stoppable(), speaking(lang):
        for place, suffix in ((output, ".xlsx"), (plot, ".png")):
            if place is not None and Path(place).suffix.lower() != suffix:
                raise InputError(f"{place}: name a file that ends with {suffix}")
        places = {"the output": output, "the plot": plot}
        options.check_outputs({x: Path(y) for x, y in places.items() if y is not None}, [store])
        opened = Store.open(store)
        from riskclf.casework.counting import BY, section_of
        from riskclf.casework.facts import facts_of
        from riskclf.casework.survival import curve_of, draw, survival_section
        from riskclf.evaluation.markdown import as_markdown

        if by not in BY:
            raise InputError(f"--by {by}: choose one of {', '.join(BY)}")
        facts = facts_of(opened, zone_of(time_zone))
        curve = curve_of(facts.warned)
        sections = [section_of(facts, by), survival_section(curve)]
        print(as_markdown(_("Counts, {zone}").format(zone=time_zone), [], sections), end="")
        if output is not None:
            from riskclf.casework.monthly import write_months

            write_months(facts, output, below=below)
        if plot is not None:
            write_bytes(plot, draw(curve))


def agreement(store: StoreName, lang: options.Lang = Language.ENGLISH) -> None:
    """Print what blind decisions tell: precision and recall of the model, agreement of officers.

    Only cases that were drawn (`riskclf casework init --double-share`) count, each with its weight.
    """
    from riskclf.casework import Store

    with stoppable(), speaking(lang):
        opened = Store.open(store)
        from riskclf.casework.agreement import agreement_of, sections_of
        from riskclf.evaluation.markdown import as_markdown

        title = _("Blind decisions")
        print(as_markdown(title, [], sections_of(agreement_of(opened))), end="")
