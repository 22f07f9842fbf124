"""`riskclf drift`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, note_rejects, print_terms, stoppable, wide
from riskclf.files import beside, locked_all, write_text
from riskclf.language import Language, speaking
from riskclf.language import gettext as _
from riskclf.tables import Columns, TableFile, write_rejects

if TYPE_CHECKING:
    from riskclf.evaluation.figures import Estimate, Proportion
    from riskclf.volume.drift import StreamComparison

__all__ = ["drift"]


def drift(
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD",
            help="Earlier posts: a .csv, .tsv, .jsonl, .ndjson, .xlsx or .parquet file. Where both "
            "files hold scores of `riskclf predict`, these are taken; if not, both are scored.",
        ),
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Later posts, likewise.")],
    output: Annotated[
        str | None, typer.Option(metavar="FILE", help="Also write all figures as JSON.")
    ] = None,
    model: options.Model = None,
    text_column: options.TextColumn = "text",
    encoding: options.Encoding = "auto",
    delimiter: options.Delimiter = None,
    lang: options.Lang = Language.ENGLISH,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 64,
) -> None:
    """Say how two streams of posts differ, and whether thresholds should be looked at again.

    It compares scores, flagged and reviewed posts, tokens that the model does not know, scripts,
    and terms that are used more often. It prints no post; a person must read how a term is used.
    Rows that cannot be used are listed in OLD.rejects.csv and NEW.rejects.csv.

    Exit status: 0 success, 1 finished but some rows were rejected, 2 usage error or other error,
    130 stopped with Ctrl-C.
    """
    place = None if output is None else Path(output)
    lists = {"old": beside(Path(old), ".rejects.csv"), "new": beside(Path(new), ".rejects.csv")}
    places = {"the output": place, **{f"the rejects of {x}": y for x, y in lists.items()}}
    options.check_outputs(places, (old, new))
    with stoppable(), speaking(lang), locked_all(places.values()):
        from riskclf.volume.drift import compare_streams

        file = TableFile(old, encoding=encoding, delimiter=delimiter)
        found = compare_streams(
            file,
            file.like(new),
            model=model,
            columns=Columns(text=text_column),
            device=device,
            batch_size=batch_size,
            progress=True,
        )
        if place is not None:
            write_text(place, json.dumps(found.to_dict(), ensure_ascii=False, indent=1) + "\n")
        _show(found)
        for line in found.notes:
            note(line)
        for name, listed in lists.items():
            write_rejects(listed, found.rejects[name])
            note_rejects(len(found.rejects[name]), listed)
    if any(found.rejects.values()):
        raise typer.Exit(1)


def _show(found: StreamComparison) -> None:
    from rich.table import Table

    table = Table()
    table.add_column("")
    for name in (_("old"), _("new"), _("change (95 % interval)")):
        table.add_column(name, justify="right")
    old, new = found.old, found.new
    table.add_row(_("posts"), f"{old.posts:,}", f"{new.posts:,}", "")
    for name, first, second, change in (
        (_("flagged"), old.flagged, new.flagged, found.flagged.difference),
        (_("flagged or to review"), old.shown, new.shown, found.shown.difference),
    ):
        table.add_row(name, _share(first), _share(second), _points(change))
    table.add_row(_("could not be read"), _share(old.unread), _share(new.unread), "")
    if old.unknown_tokens.value is not None:
        table.add_row(
            _("tokens unknown to the model"),
            _share(old.unknown_tokens),
            _share(new.unknown_tokens),
            _points(found.unknown_tokens),
        )
    for name in old.scripts:
        if old.scripts[name].hits or new.scripts[name].hits:
            row = _("script: {name}").format(name=name)
            table.add_row(row, _share(old.scripts[name]), _share(new.scripts[name]), "")
    wide().print(table)
    if old.scripts:
        print_terms(found.terms)
    for reason in found.reasons:
        print(reason)
    print(found.advice())


def _share(figure: Proportion | Estimate) -> str:
    return "" if figure.value is None else f"{100 * figure.value:.2f} %"


def _points(figure: Estimate) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return ""
    value, low, high = (f"{100 * x:+.2f}" for x in (figure.value, figure.low, figure.high))
    return _("{value} ({low} to {high}) points").format(value=value, low=low, high=high)
