"""`riskclf suggest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, note_rejects, print_terms, stoppable
from riskclf.errors import InputError
from riskclf.files import beside, locked_all
from riskclf.language import Language, ngettext, speaking
from riskclf.language import gettext as _
from riskclf.tables import Columns, TableFile, format_of, key_beside, write_rejects

__all__ = ["suggest"]


def suggest(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Your posts: a .csv, .tsv, .jsonl, .ndjson, .xlsx or .parquet file, or JSON Lines "
            "on standard input (-). No labels are needed.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Write the chosen posts with the columns id, text and label; label is to be "
            "filled in. The prediction, suggested_because and the other columns of DATA go to a "
            "key beside it (to_label.key.csv for to_label.csv). The suffix of FILE sets the "
            "format. Rows that cannot be read are listed in FILE.rejects.csv.",
        ),
    ],
    with_scores: Annotated[
        bool,
        typer.Option(
            "--with-scores",
            help="Write one file with all columns of DATA, label and the prediction, and no key. "
            "Whoever labels will then see what the model says.",
        ),
    ] = False,
    n: Annotated[int, typer.Option("--n", min=1, help="Number of posts to choose.")] = 50,
    model: options.Model = None,
    labelled: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Posts that are labelled already. They and their near-duplicates are not chosen.",
        ),
    ] = None,
    terms: Annotated[
        bool,
        typer.Option(
            "--terms",
            help="Also show emerging terms: up to 20 terms whose use increased significantly "
            "against --reference, each in five or more posts. A person must read how they are "
            "used: this is not a list of coded words. Handles and links are left out.",
        ),
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Older posts to compare with. Required by --terms."),
    ] = None,
    terms_output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Also write the emerging terms to a table. Requires --terms."
        ),
    ] = None,
    text_column: Annotated[
        str, typer.Option(help="Column that holds the posts, in every file.")
    ] = "text",
    id_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the id of each post. Default: id, if there is such a column. Where "
            "an id is missing or repeated, row numbers are used."
        ),
    ] = None,
    encoding: options.Encoding = "auto",
    delimiter: options.Delimiter = None,
    lang: options.Lang = Language.ENGLISH,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 64,
) -> None:
    """Choose the posts that are most useful to label next.

    It chooses among posts of a file that you hold. It does not rank authors.

    Four in five are posts that the model is unsure about, all of them different. One in five is
    drawn at random, to find what the model is wrongly sure about. Label them without looking at
    the key. Then give the file to `riskclf finetune`, or to `riskclf evaluate` with `--key`. Posts
    that the model is unsure about are harder than others: measure the random ones separately with
    `riskclf evaluate --key to_label.key.csv --slice-column suggested_because`.

    Exit status: 0 success, 1 finished but some rows were rejected, 2 usage error or other error,
    130 stopped with Ctrl-C.
    """
    if terms != (reference is not None):
        raise InputError("give both --terms and --reference, or neither")
    if terms_output is not None and not terms:
        raise InputError("--terms-output needs --terms (see --help)")
    place = Path(output)
    rejected_rows = beside(place, ".rejects.csv")
    places = {
        "the output": place,
        "the key": None if with_scores else key_beside(place),
        "the rejects file": rejected_rows,
        "the terms file": None if terms_output is None else Path(terms_output),
    }
    for written in (place, terms_output):
        if written is not None:
            format_of(written)
    options.check_outputs(places, (data, labelled, reference))
    with speaking(lang), stoppable(), locked_all(places.values()):
        from riskclf.suggestion import suggest as choose

        file = TableFile(data, encoding=encoding, delimiter=delimiter)
        result = choose(
            file,
            model=options.load_classifier(model, device, batch_size, {}),
            n=n,
            columns=Columns(text=text_column, id=id_column),
            labelled=None if labelled is None else file.like(labelled),
            terms=terms,
            reference=None if reference is None else file.like(reference),
            progress=True,
        )
        result.save(place, with_scores=with_scores)
        if terms_output is not None:
            result.save_terms(terms_output)
        write_rejects(rejected_rows, result.rejects)
        if terms:
            print_terms(result.terms)
        for line in result.notes:
            note(line)
        note_rejects(len(result.rejects), rejected_rows)
        for reason, count in result.reasons().items():
            note(_("{name}: {words}").format(name=reason, words=f"{count:,}"))
        written = ngettext(
            "{count:,} post written to {place}",
            "{count:,} posts written to {place}",
            len(result.rows),
        )
        note(written.format(count=len(result.rows), place=place))
        if not with_scores:
            what = _("what the model says of them: {place} (open it after labelling)")
            note(what.format(place=key_beside(place)))
    if result.rejects:
        raise typer.Exit(1)
