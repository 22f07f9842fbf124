"""`riskclf evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, note_rejects, stoppable, visible
from riskclf.files import locked
from riskclf.language import Language, speaking
from riskclf.language import gettext as _

__all__ = ["evaluate"]


def evaluate(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Labelled posts: a .csv, .tsv, .jsonl, .ndjson, .xlsx or .parquet file, or JSON "
            "Lines on standard input (-). If DATA was written by `riskclf predict --output`, its "
            "prediction is measured and nothing is scored again, unless --model is given.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="Directory for the report: report.html, report.md, report.json, the plots, "
            "rejects.csv, and for each comparison differences-N.csv: the rows where only one side "
            "raises an alarm. An earlier report there is replaced.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="DIR_OR_ID",
            help="Model directory or hub id. Default: the prediction in DATA if there is one, "
            "otherwise the packaged model.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Key that `riskclf suggest` wrote beside DATA. Its columns are joined by id: the "
            "prediction, and suggested_because, which can be a slice.",
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="Compare with another model (DIR_OR_ID) or a baseline: keywords=FILE (one keyword "
            "per line), or tfidf=FILE (labelled posts to train on, with the columns of DATA). May "
            "be repeated.",
        ),
    ] = None,
    prevalence: Annotated[
        float | None,
        typer.Option(help="Share of risky posts in your stream, such as 0.001."),
    ] = None,
    volume: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Number of posts in your stream, such as 5000/hour."),
    ] = None,
    capacity: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            help="Number of posts that your team can review, such as 20/hour. Chooses the "
            "lowest threshold that flags at most this many. Requires --volume.",
        ),
    ] = None,
    min_precision: Annotated[
        float | None,
        typer.Option(help="Choose the lowest threshold with this precision, at --prevalence."),
    ] = None,
    min_recall: Annotated[
        float | None, typer.Option(help="Choose the highest threshold with this recall.")
    ] = None,
    same_rows: Annotated[
        bool,
        typer.Option(
            "--same-rows",
            help="Choose and measure on the same rows (optimistic). Default: choose thresholds on "
            "one half of the rows and measure on the other, with no family in both.",
        ),
    ] = False,
    label_map: options.LabelMap = None,
    text_column: options.TextColumn = "text",
    label_column: options.LabelColumn = "label",
    id_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the id of each post. Default: id, if there is such a column."
        ),
    ] = None,
    slice_column: Annotated[
        str | None,
        typer.Option(
            help="Column that names a group of posts to measure separately, such as a topic. "
            "Default: slice, if there is such a column."
        ),
    ] = None,
    language_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the language of each post. Default: language, if there is such a "
            "column."
        ),
    ] = None,
    family_column: options.FamilyColumn = None,
    weight_column: Annotated[
        str | None,
        typer.Option(
            help="Column with the weight of each row, a number above 0. Default: weight, if there "
            "is such a column."
        ),
    ] = None,
    include_text: Annotated[
        bool,
        typer.Option("--include-text", help="Write the text of the posts to differences-N.csv."),
    ] = False,
    encoding: options.Encoding = "auto",
    delimiter: options.Delimiter = None,
    lang: options.Lang = Language.ENGLISH,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 64,
) -> None:
    """Measure a model on labelled posts, and write a report.

    The label column holds a label of the model, *unclear*, or a soft target as JSON.

    Exit status: 0 success, 1 finished but some rows were rejected, 2 usage error or other error,
    130 stopped with Ctrl-C.
    """
    place = Path(output)
    options.check_directory(place, data)
    mapped = options.label_pairs(label_map)
    with speaking(lang), stoppable(), locked(place):
        from riskclf.evaluation.evaluation import evaluate as measure
        from riskclf.evaluation.sections import summary
        from riskclf.tables import Columns, TableFile

        result = measure(
            TableFile(data, encoding=encoding, delimiter=delimiter),
            model=model,
            columns=Columns(
                text_column,
                label_column,
                id_column,
                slice_column,
                language_column,
                family_column,
                weight_column,
            ),
            key=key,
            label_map=mapped,
            prevalence=prevalence,
            volume=volume,
            capacity=capacity,
            min_precision=min_precision,
            min_recall=min_recall,
            same_rows=same_rows,
            against=against or [],
            lang=lang,
            device=device,
            batch_size=batch_size,
            progress=True,
        )
        result.save(place, include_text=include_text)
        for line in summary(result.figures):
            print(visible(line))
        note_rejects(len(result.rejects), place / "rejects.csv")
        note(_("report written to {place}").format(place=place / "report.html"))
    if result.rejects:
        raise typer.Exit(1)
