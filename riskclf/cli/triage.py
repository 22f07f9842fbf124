"""`riskclf triage`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, note_rejects, stoppable
from riskclf.errors import InputError
from riskclf.files import beside, locked_all
from riskclf.language import Language, speaking
from riskclf.language import gettext as _
from riskclf.tables import TableFile, format_of, write_rejects

__all__ = ["triage"]


def triage(
    posts: Annotated[
        str,
        typer.Argument(
            metavar="POSTS",
            help="Posts of the shift: a .csv, .tsv, .jsonl, .ndjson, .xlsx or .parquet file, or "
            "JSON Lines on standard input (-).",
        ),
    ],
    capacity: Annotated[
        str, typer.Option(metavar="RATE", help="Cases that can be read, such as 20/hour.")
    ],
    hours: Annotated[float, typer.Option(help="Hours of the shift.")],
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write the posts to read; posts that say the same share a number in the column "
            "case. The suffix of FILE sets the format (.xlsx for Excel). Rows that cannot be read "
            "are listed in FILE.rejects.csv.",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="STORE",
            help="Open the cases in this case store instead (`riskclf casework init`). Posts whose "
            "reference it holds are left out. Requires --officer.",
        ),
    ] = None,
    officer: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Who opens the cases: an id that you choose."),
    ] = None,
    prevalence: Annotated[
        float | None,
        typer.Option(
            help="Share of risky posts among POSTS, such as 0.001. Says what to expect of the list."
        ),
    ] = None,
    text_column: options.TextColumn = "text",
    reference_column: Annotated[
        str | None,
        typer.Option(
            help="Column by which you find a post again, such as a link or a number. Default: "
            "reference, if there is such a column. Required by --store."
        ),
    ] = None,
    posted_at_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the time of each post. Default: posted_at, if there is such a column."
        ),
    ] = None,
    context_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the post that is replied to: its text, or the reference of another "
            "row. A short reply to a post that is not clear is shown after it."
        ),
    ] = None,
    model: options.Model = None,
    encoding: options.Encoding = "auto",
    delimiter: options.Delimiter = None,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 64,
    lang: options.Lang = Language.ENGLISH,
) -> None:
    """Choose the posts of a shift that are most worth a person's time.

    No column with an author is read. Nothing is sent: a person decides, and a person sends.

    Exit status: 0 success, 1 finished but some rows were rejected, 2 usage error or other error,
    130 stopped with Ctrl-C.
    """
    if (output is None) == (store is None):
        raise InputError("give either --output or --store (see --help)")
    if (store is None) != (officer is None):
        raise InputError("give both --store and --officer, or neither")
    with stoppable(), speaking(lang), ExitStack() as stack:
        from riskclf.casework.intake import DeskColumns
        from riskclf.casework.triage import triage as choose
        from riskclf.evaluation.thresholds import Rate

        cases = int(Rate.parse(capacity).per("hour") * hours + 1e-9)
        rejected_rows = None if output is None else beside(Path(output), ".rejects.csv")
        if output is not None:
            format_of(output)
            places = {"the output": Path(output), "the rejects file": rejected_rows}
            options.check_outputs(places, [posts])
            stack.enter_context(locked_all(places.values()))
        desk, drawn_share = None, 0.0
        if store is not None:
            from riskclf.casework import Store
            from riskclf.casework.blind import share_of

            desk = Store.open(store)
            drawn_share = share_of(desk)
        classifier = options.load_classifier(model, device, batch_size, {"prevalence": prevalence})
        found = choose(
            TableFile(posts, encoding=encoding, delimiter=delimiter),
            classifier,
            cases,
            columns=DeskColumns(text_column, reference_column, posted_at_column, context_column),
            prevalence=prevalence,
            known=None if desk is None else desk.known,
            for_store=desk is not None,
            drawn_share=drawn_share,
            progress=True,
        )
        for line in found.notes:
            note(line)
        if desk is not None and officer is not None:
            opened = found.open_in(desk, model=classifier.fingerprint, officer=officer)
            note(
                _("Cases opened: {count:,}, of them on the support list: {listed:,}.").format(
                    count=len(opened), listed=len(found.support)
                )
            )
        elif output is not None and rejected_rows is not None:
            found.save(output)
            write_rejects(rejected_rows, found.rejects)
            count = sum(len(case.posts) for case in found.cases)
            note(
                _("Written to {file}. Cases: {cases:,}, posts: {posts:,}.").format(
                    file=output, cases=len(found.cases), posts=count
                )
            )
        note_rejects(len(found.rejects), rejected_rows, found.rejects[:20])
        if found.expected is not None:
            note(found.expected.words())
    if found.rejects:
        raise typer.Exit(1)
