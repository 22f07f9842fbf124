"""`riskclf predict`."""

from __future__ import annotations

from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import (
    Meter,
    ShownPost,
    note,
    note_reasons,
    note_rejects,
    print_posts,
    print_summary,
    stoppable,
)
from riskclf.cli.explained import print_explanation
from riskclf.cli.predicting import Labelled, TableJob, Tally, label_table
from riskclf.errors import InputError
from riskclf.language import Language, listed, ngettext, speaking
from riskclf.language import gettext as _
from riskclf.tables.predictions import prediction_values

__all__ = ["predict"]


def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="Posts to label.")
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Label the posts in a .csv, .tsv, .jsonl, .ndjson, .xlsx or .parquet file, or on "
            "standard input (-). Text files may be compressed (.csv.gz). Of a workbook the first "
            "sheet is read.",
        ),
    ] = None,
    text_column: options.TextColumn = "text",
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Format of the input if its name does not say it: csv, tsv, jsonl, xlsx, parquet, "
            "or lines (one post per line). Default for standard input: jsonl.",
        ),
    ] = None,
    encoding: options.Encoding = "auto",
    delimiter: options.Delimiter = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Write all columns of the input and the columns of the prediction: label, "
            "decision, risk, score_LABEL for every label, truncated, reasons (why a post could "
            "not be read: blank, unreadable, unsupported_script; or disguised) and risk_labels. If "
            "the input already has a column with one of these names, all get the prefix riskclf_. "
            "The suffix of FILE sets the format. - writes to standard output, as CSV or TSV if the "
            "input is one, otherwise as jsonl. To open the output in Excel, write .xlsx, or use "
            "--excel.",
        ),
    ] = None,
    excel: Annotated[
        bool,
        typer.Option(
            "--excel",
            help="Write CSV that Excel opens correctly: with a byte order mark, and with an "
            "apostrophe before each text that could run as a formula (it begins with =, +, -, @, "
            "a tab or a carriage return). Without it, cells are not changed.",
        ),
    ] = False,
    rejects: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="List rows that cannot be read in this CSV file: row, column and reason, but no "
            "text. Default: OUTPUT.rejects.csv; without an output file, standard error. If there "
            "are none, an older file with that name is deleted.",
        ),
    ] = None,
    model: options.Model = None,
    prevalence: options.Prevalence = None,
    operating_point: options.OperatingPoint = None,
    flag: options.Flag = None,
    review: options.Review = None,
    cascade: options.Cascade = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Explain each prediction, see `riskclf explain`. In an output: a column "
            "explanation with JSON. Takes as long as labelling some 50 posts for each one.",
        ),
    ] = False,
    lang: options.Lang = Language.ENGLISH,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    batch_size: options.BatchSize = 64,
) -> None:
    """Label posts.

    Without --output, the posts are shown as a table on the screen: all posts that are given as
    TEXT, or the 50 posts of --input with the highest risk.

    A run from a file to a file can be stopped and continued: give the same command again. The
    result is the same as without the stop. Until it ends, the run keeps its state in
    OUTPUT.partial and OUTPUT.resume. If the input, the model or an option has changed, it starts
    again from the first row. A run that reads standard input cannot be continued.

    From a pipe to standard output, posts are labelled and written as soon as they arrive.

    Exit status: 0 success, 1 finished but some rows were rejected, 2 usage error or other error,
    130 stopped with Ctrl-C.
    """
    if bool(texts) == (input is not None):
        raise InputError("give either posts as TEXT or a file with --input (see --help)")
    decisions = options.decisions_of(prevalence, operating_point, flag, review)
    if cascade:
        decisions["cascade"] = True
        if explain:
            raise InputError("--explain needs the whole model: leave out either that or --cascade")
    if input is None:
        options.check_no_file(texts or [])
        if output or rejects or format or excel or delimiter or encoding != "auto":
            raise InputError(
                "--output, --rejects, --format, --excel, --encoding and --delimiter need --input "
                "(see --help)"
            )
        with speaking(lang), stoppable():
            classifier = options.load_classifier(model, device, batch_size, decisions, engine)
            explained = classifier.explain_many(texts or []) if explain else []
            predictions = [x.prediction for x in explained] or classifier.predict_many(texts or [])
            risk_labels = classifier.risk_labels
            shown = [
                ShownPost(None, text, prediction_values(prediction, risk_labels))
                for text, prediction in zip(texts or [], predictions, strict=True)
            ]
            print_posts(shown, classifier.labels)
            for text, explanation in zip(texts or [], explained, strict=bool(explained)):
                print()
                print_explanation(text, explanation, numbers=False)
        return
    if explain and output is None:
        raise InputError("--explain needs --output where --input is given (see --help)")
    if excel and output is None:
        raise InputError("--excel needs --output (see --help)")
    settings = {"device": device, "engine": engine, "batch size": batch_size, **decisions}
    if explain:
        settings["language of the explanations"] = str(lang)
    job = TableJob(
        input,
        text_column,
        format,
        encoding,
        delimiter,
        output,
        rejects,
        excel,
        settings,
        explain,
    )
    with speaking(lang), stoppable() as hint:
        if job.can_continue:
            hint.text = _("stopped; run the same command again to continue")
        elif input == "-":
            hint.text = _("stopped; what was read from standard input cannot be continued")
        with Meter() as meter:
            found = label_table(
                job,
                lambda: options.load_classifier(model, device, batch_size, decisions, engine),
                tell=note,
                show=lambda done, total, tally: meter.show(*_progress(done, total, tally)),
            )
        _report(found, job)
    if found.rejects.count:
        raise typer.Exit(1)


def _progress(done: int, total: int | None, tally: Tally) -> tuple[int, int | None, str]:
    parts = listed(x for x in (_posts(tally.posts), tally.rate) if x)
    return tally.posts if total is None else done, total, parts


def _report(found: Labelled, job: TableJob) -> None:
    tally = found.tally
    print_summary(tally.counts, found.labels)
    parts = [_posts(tally.posts)]
    if tally.recorded:
        parts.append(
            _("{count:,} of them from the run that was stopped").format(count=tally.recorded)
        )
    if tally.repeated:
        repeated = ngettext(
            "{count:,} of them repeats an earlier one and was scored with it",
            "{count:,} of them repeat an earlier one and were scored with it",
            tally.repeated,
        )
        parts.append(repeated.format(count=tally.repeated))
    if tally.rate:
        parts += [_("{seconds:.1f} s").format(seconds=tally.seconds), tally.rate]
    note(listed(parts))
    note_reasons(tally.reasons)
    note_rejects(found.rejects.count, found.rejects.place, found.rejects.first)
    if job.output_file:
        note(_("written to {place}").format(place=job.output_file))
    if job.output is None:
        print_posts(found.riskiest, found.labels)
        if tally.posts > len(found.riskiest):
            more = tally.posts - len(found.riskiest)
            print(_("… and {count:,} more with a lower risk: use --output").format(count=more))


def _posts(count: int) -> str:
    return ngettext("{count:,} post", "{count:,} posts", count).format(count=count)
