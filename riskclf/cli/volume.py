"""`riskclf volume`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, note_rejects, stoppable, wide
from riskclf.errors import InputError
from riskclf.files import beside, locked_all
from riskclf.language import Language, speaking
from riskclf.tables import Columns, TableFile, format_of, write_rejects

if TYPE_CHECKING:
    from riskclf.tables import Reject

__all__ = ["volume"]


class _By(StrEnum):
    MONTH = "month"


def volume(
    scored: Annotated[
        str,
        typer.Argument(
            metavar="SCORED",
            help="The whole stream as `riskclf predict --output` wrote it, with a column of times: "
            "a .csv, .tsv, .jsonl, .ndjson, .xlsx or .parquet file, or JSON Lines on standard "
            "input (-).",
        ),
    ],
    labelled: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Posts of the same kind of stream with gold labels, scored by the same model at "
            "the same --prevalence. From them the classifier's error is measured. Posts that "
            "belong together share a name in a column family.",
        ),
    ],
    collected: Annotated[
        str,
        typer.Option(
            metavar="WORDS",
            help="How the stream was collected, such as 'search for 12 words'. It is written with "
            "the result: what was not collected is not counted.",
        ),
    ],
    by: Annotated[_By, typer.Option(help="The periods to count in.")] = _By.MONTH,
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="cc (flagged posts, not corrected), acc (adjusted count), pacc (probabilistic "
            "adjusted count) or emq (expectation maximisation, slow). Where fewer than 1 in 100 "
            "posts are risky, acc has the narrower intervals.",
        ),
    ] = "pacc",
    time_zone: options.TimeZone = "Asia/Tokyo",
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="BEFORE AFTER",
            help="Also compare two months, or ranges: --compare 2026-01..2026-03 2026-07..2026-09.",
        ),
    ] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a plot of the months (.png).")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write the months to a table; the suffix of FILE sets the format. With .json, "
            "write everything, the comparison too.",
        ),
    ] = None,
    rejects: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="List posts that cannot be counted, such as those without a time, in this CSV "
            "file. Default: SCORED.rejects.csv. Those of --labelled: LABELLED.rejects.csv.",
        ),
    ] = None,
    time_column: Annotated[
        str, typer.Option(help="Column of SCORED with the time of each post.")
    ] = "posted_at",
    text_column: options.TextColumn = "text",
    label_column: options.LabelColumn = "label",
    family_column: options.FamilyColumn = None,
    label_map: options.LabelMap = None,
    encoding: options.Encoding = "auto",
    delimiter: options.Delimiter = None,
    lang: options.Lang = Language.ENGLISH,
) -> None:
    """Estimate how many risky posts there were in a stream, month by month.

    Flagged posts are not all risky, and not all risky posts are flagged. The classifier's error is
    measured on the labelled posts, and each 95 % interval includes it. Too few labelled posts, or a
    stream that is too unlike them, are refused. Requires riskclf[volume].

    Exit status: 0 success, 1 finished but some rows were rejected, 2 usage error or other error,
    130 stopped with Ctrl-C.
    """
    if scored == labelled:
        raise InputError(
            "the stream and --labelled are the same file: give the labelled posts in another"
        )
    place = None if output is None else Path(output)
    picture = None if plot is None else Path(plot)
    listed = None if scored == "-" else beside(Path(scored), ".rejects.csv")
    listed = listed if rejects is None else Path(rejects)
    places = {
        "the output": place,
        "the plot": picture,
        "the rejects file": listed,
        "the list of rejected labelled posts": beside(Path(labelled), ".rejects.csv"),
    }
    if place is not None and place.suffix.lower() != ".json":
        format_of(place)
    options.check_outputs(places, (scored, labelled))
    with stoppable(), speaking(lang), locked_all(places.values()):
        from riskclf.volume.estimation import estimate_volume
        from riskclf.volume.wording import change_words, month_table, statement

        file = TableFile(scored, encoding=encoding, delimiter=delimiter)
        found = estimate_volume(
            file,
            file.like(labelled),
            collected=collected,
            method=method,
            zone=time_zone,
            time_column=time_column,
            columns=Columns(text=text_column, label=label_column, family=family_column),
            label_map=options.label_pairs(label_map),
            progress=True,
        )
        change = None if compare is None else found.compare(*compare)
        if place is not None:
            found.save(place, change)
        if picture is not None:
            found.plot(picture)
        for line in statement(found):
            print(line)
        wide().print(month_table(found))
        if change is not None:
            print(change_words(change))
        for line in found.notes:
            note(line)
        _list(found.rejects, listed)
        _list(found.labelled_rejects, places["the list of rejected labelled posts"])
    if found.rejects or found.labelled_rejects:
        raise typer.Exit(1)


def _list(rejects: Sequence[Reject], place: Path | None) -> None:
    if place is not None:
        write_rejects(place, rejects)
    note_rejects(len(rejects), place, rejects[:20])
