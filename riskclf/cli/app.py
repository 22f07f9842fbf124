"""The command line: `riskclf predict`, `evaluate`, `finetune`, `suggest` and `info`.

Exit status: 0 all is well; 1 finished, but some rows were rejected; 2 usage or another error; 3 a
fine-tuned model is not accepted; 130 stopped with Ctrl-C.

Posts go to standard output or to `--output`, nowhere else. Standard error has the progress, the
summary and one-line messages, none of which holds text of a post.
"""

from __future__ import annotations

import heapq
import json
import os
import sys
import time
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

import riskclf
from riskclf.errors import InputError, RegressionWarning, RiskclfError
from riskclf.tables import (
    Journal,
    Reject,
    RejectsFile,
    Row,
    TableReader,
    TableWriter,
    create_table,
    format_of,
    open_table,
)
from riskclf.tables.predictions import free_columns, prediction_columns, prediction_values

if TYPE_CHECKING:
    from riskclf.classifier import RiskClassifier
    from riskclf.suggestion.emerging import Term

__all__ = ["app", "main", "os_error_line"]

_DECISIONS = ("flag", "review", "clear")
_SHOWN_ROWS = 50
_SHOWN_CHARACTERS = 200

# What is scored, recorded and written at a time. Part of what the result depends on (posts that are
# computed together may differ in the last digit), so an unbroken and a continued run must agree.
_BATCH_ROWS = 1024
_BATCH_CHARACTERS = 1 << 22

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",  # else the help keeps the line breaks of the docstrings
    # Tracebacks with local variables would print posts.
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; every foreseen error is one line."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character is no reason to fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _warning_in_one_line():
            status = app(args=arguments, prog_name="riskclf", standalone_mode=False)
    except RiskclfError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(os_error_line(error))
    except Exception as error:
        # Usage errors. Their class has another home in each version of typer, but not this method.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        return _failed(f"{message()} (see riskclf --help)") if message() else 2
    return status if isinstance(status, int) else 0


def os_error_line(error: OSError) -> str:
    """What an error of the operating system says to a user: the file, if it names one, and why."""
    return ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)


def load_classifier(
    model: str | None, device: str, batch_size: int, decisions: Mapping[str, Any]
) -> RiskClassifier:
    """Load the model; imported here, because torch and transformers take seconds to import."""
    from riskclf.classifier import RiskClassifier

    return RiskClassifier.load(model, device=device, batch_size=batch_size, **decisions)


@contextmanager
def _warning_in_one_line() -> Iterator[None]:
    """Tell that a model was not accepted in one line, not as Python shows a warning."""
    shown = warnings.showwarning

    def show(message: Any, category: type[Warning], *place: Any, **options: Any) -> None:
        if issubclass(category, RegressionWarning):
            print(f"warning: {_visible(str(message))}", file=sys.stderr)
        else:
            shown(message, category, *place, **options)

    with warnings.catch_warnings():
        warnings.simplefilter("always", RegressionWarning)
        warnings.showwarning = show
        yield


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"riskclf {riskclf.__version__}")
        raise typer.Exit


@app.callback()
def _riskclf(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Find posts that need a person's eyes, because they may put a child at risk.

    A label is a suggestion about a text, never a finding about a person.
    """


Model = Annotated[
    str | None,
    typer.Option(metavar="DIR_OR_ID", help="Another model than the packaged one."),
]


PostColumn = Annotated[str, typer.Option(help="The column that holds the posts.")]
LabelColumn = Annotated[str, typer.Option(help="The column that holds the right labels.")]
OptionalColumn = Annotated[str | None, typer.Option(help="Where the usual name is not used.")]

LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        metavar="YOURS=OURS",
        help="A label of DATA, and what the model calls it (or unclear). May be repeated.",
    ),
]


@app.command()
def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="Posts to label.")
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Label the posts of a .csv, .tsv, .jsonl, .ndjson or .parquet file, or of "
            "standard input (-).",
        ),
    ] = None,
    text_column: PostColumn = "text",
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Format of the input, where its name does not say: csv, tsv, jsonl, parquet, or "
            "lines (one post a line). Standard input is jsonl unless you say otherwise.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Write all columns of the input and the prediction's: label, decision, risk, "
            "score_LABEL for every label, truncated. If the input has a column of one of these "
            "names, all of ours are prefixed riskclf_. The suffix says the format; - is standard "
            "output, in the input's format (for parquet and lines: jsonl). Values are written as "
            "they are: import a CSV into a spreadsheet as text.",
        ),
    ] = None,
    rejects: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Where to list rows that cannot be read (row, column, reason; no text), as CSV. "
            "Default: OUTPUT.rejects.csv, or standard error. With none to list, an older file of "
            "that name is removed.",
        ),
    ] = None,
    model: Model = None,
    prevalence: Annotated[
        float | None,
        typer.Option(
            help="Share of risky posts in your stream, such as 0.001: risk and scores are then "
            "probabilities there. Labels and decisions stay as they are."
        ),
    ] = None,
    operating_point: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="One of the model's, see `riskclf info`."),
    ] = None,
    flag: Annotated[
        float | None,
        typer.Option(help="Flag from this risk on (as it is written); needs --review."),
    ] = None,
    review: Annotated[
        float | None,
        typer.Option(help="Review from this risk on (as it is written); needs --flag."),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1 ...")
    ] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Posts that are computed at a time.")] = 64,
) -> None:
    """Label posts.

    Without --output, the posts (of --input: the 50 with the highest risk) are shown as a table.

    A run from a file to a file that is stopped or killed leaves OUTPUT.partial and OUTPUT.resume
    behind. The same command continues it, and the result is the same as if it had run through. If
    the input, the model or an option has changed since, it starts afresh. What is read from
    standard input cannot be continued.

    Exit status: 0 all is well, 1 finished but some rows were rejected, 2 usage or another error,
    130 stopped with Ctrl-C.
    """
    if bool(texts) == (input is not None):
        raise InputError("give either posts as TEXT or a file with --input (see --help)")
    if (flag is None) != (review is None):
        raise InputError("give both --flag and --review, or neither")
    thresholds = None if flag is None else {"flag": flag, "review": review}
    decisions = {
        "prevalence": prevalence,
        "operating_point": operating_point,
        "thresholds": thresholds,
    }
    if input is None:
        if output or rejects or format:
            raise InputError("--output, --rejects and --format need --input (see --help)")
        with _stoppable():
            _predict_texts(texts or [], load_classifier(model, device, batch_size, decisions))
        return
    options = _Options(
        input, text_column, format, output, rejects, model, device, batch_size, decisions
    )
    with _stoppable() as hint:
        rejected = _predict_table(options, hint)
    if rejected:
        raise typer.Exit(1)


@app.command()
def evaluate(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Labelled posts: a .csv, .tsv, .jsonl, .ndjson or .parquet file, or JSON Lines on "
            "standard input (-). What `riskclf predict --output` has written is not scored again, "
            "unless a --model is named.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="Where to write report.html, report.md, report.json, the plots, rejects.csv and "
            "differences-N.csv; those of an earlier run there are replaced.",
        ),
    ],
    model: Model = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="Compare with another model (DIR_OR_ID), with keywords=FILE (one a line), or with "
            "tfidf=FILE (labelled posts to train on, columns as in DATA). May be repeated.",
        ),
    ] = None,
    prevalence: Annotated[
        float | None,
        typer.Option(help="Share of risky posts in your stream, such as 0.001."),
    ] = None,
    volume: Annotated[
        str | None, typer.Option(metavar="RATE", help="Posts of your stream, such as 5000/hour.")
    ] = None,
    capacity: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            help="Posts that your team can look at, such as 20/hour: gives the threshold that "
            "fills it. Needs --volume.",
        ),
    ] = None,
    min_precision: Annotated[
        float | None,
        typer.Option(help="Gives the lowest threshold with this precision, at --prevalence."),
    ] = None,
    min_recall: Annotated[
        float | None, typer.Option(help="Gives the highest threshold with this recall.")
    ] = None,
    same_rows: Annotated[
        bool,
        typer.Option(
            "--same-rows",
            help="Choose these thresholds on all rows, and measure them on the same: the figures "
            "flatter. Otherwise on one half, measured on the other, no family in both.",
        ),
    ] = False,
    label_map: LabelMap = None,
    text_column: PostColumn = "text",
    label_column: LabelColumn = "label",
    id_column: OptionalColumn = None,
    slice_column: OptionalColumn = None,
    language_column: OptionalColumn = None,
    family_column: OptionalColumn = None,
    weight_column: OptionalColumn = None,
    include_text: Annotated[
        bool,
        typer.Option("--include-text", help="Put the posts themselves into differences-N.csv."),
    ] = False,
    device: Annotated[
        str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1 ...")
    ] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Posts that are computed at a time.")] = 64,
) -> None:
    """Measure a model on labelled posts, and write a report.

    The label column holds a label of the model, *unclear*, or a soft target as JSON. The columns
    id, slice, language, family (rows that belong together) and weight are used where they exist.

    Exit status: 0 all is well, 1 finished but some rows were rejected, 2 usage or another error,
    130 stopped with Ctrl-C.
    """
    place = Path(output)
    _check_report_place(place, data)
    mapped = dict(_pair(item) for item in label_map or [])
    with _stoppable():
        from riskclf.evaluation.evaluation import evaluate as measure
        from riskclf.evaluation.sections import summary
        from riskclf.tables import Columns

        console = _Console(stderr=True)
        with _ReadingMeter(console) as meter:
            result = measure(
                model,
                data,
                columns=Columns(
                    text_column,
                    label_column,
                    id_column,
                    slice_column,
                    language_column,
                    family_column,
                    weight_column,
                ),
                label_map=mapped,
                prevalence=prevalence,
                volume=volume,
                capacity=capacity,
                min_precision=min_precision,
                min_recall=min_recall,
                same_rows=same_rows,
                against=against or [],
                device=device,
                batch_size=batch_size,
                progress=meter.show,
            )
        result.save(place, include_text=include_text)
        for line in summary(result.figures):
            print(_visible(line))
        if result.rejects:
            rejected = len(result.rejects)
            were = "row was" if rejected == 1 else "rows were"
            _note(console, f"{rejected:,} {were} rejected: see {place / 'rejects.csv'}")
        _note(console, f"report written to {place / 'report.html'}")
    if result.rejects:
        raise typer.Exit(1)


@app.command()
def finetune(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Labelled posts: a .csv, .tsv, .jsonl, .ndjson or .parquet file, or JSON Lines on "
            "standard input (-). 16 posts of a new term will do, half of them innocent.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="Where to write the model, with its report (finetuning.md, finetuning.json).",
        ),
    ],
    base: Annotated[
        str | None,
        typer.Option(
            metavar="DIR_OR_ID",
            help="Where to start from, instead of the packaged model: a riskclf model, or any BERT "
            "with MeCab words and WordPiece, such as tohoku-nlp/bert-base-japanese-v3.",
        ),
    ] = None,
    natural: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Ordinary posts of yours, without labels (or a .txt file, one post a line): how "
            "many are flagged before and after.",
        ),
    ] = None,
    risk_labels: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL,...",
            help="The model gets the labels of DATA, and these of them are risks (or: none). "
            "Without it, the base's labels stay.",
        ),
    ] = None,
    new_words: Annotated[
        bool,
        typer.Option(
            "--new-words",
            help="Give words that the tokenizer shatters, in five or more posts, tokens of their "
            "own, if that helps on held-out posts. Takes twice as long.",
        ),
    ] = False,
    accept_regression: Annotated[
        bool,
        typer.Option(
            "--accept-regression",
            help="Accept the model even if it has become worse on old posts; it is recorded.",
        ),
    ] = False,
    label_map: LabelMap = None,
    text_column: PostColumn = "text",
    label_column: LabelColumn = "label",
    family_column: OptionalColumn = None,
    seed: Annotated[int, typer.Option(help="Of the folds and the order of the posts.")] = 0,
) -> None:
    """Teach a model new posts, and check that it forgets nothing.

    Cross-validation says how good such a model is on posts that it has not seen; then it is trained
    on all of them, and compared with the model before: on the new posts, on old ones of ours, and
    on yours of --natural. If it has become worse, it is written as not accepted.

    A run that was stopped or killed goes on when the same command is given again. DIR holds the
    model of before until the new one is whole.

    Exit status: 0 accepted, 1 accepted but some rows were rejected (DIR.rejects.csv lists them), 2
    usage or another error, 3 not accepted, 130 stopped with Ctrl-C.
    """
    place = Path(output)
    mapped = dict(_pair(item) for item in label_map or [])
    risks = None
    if risk_labels is not None:
        risks = [] if risk_labels == "none" else risk_labels.split(",")
    console = _Console(stderr=True)
    with _stoppable() as hint:
        from riskclf.finetuning import finetune as teach
        from riskclf.finetuning.report import lines
        from riskclf.tables import Columns

        hint.text = "stopped; run the same command again to continue"
        result = teach(
            data,
            base=base,
            output=place,
            columns=Columns(text_column, label_column, family=family_column),
            label_map=mapped,
            natural=natural,
            risk_labels=risks,
            new_words=new_words,
            accept_regression=accept_regression,
            seed=seed,
            progress=True,
        )
        for line in lines(result.report):
            print(_visible(line))
        with RejectsFile(_beside(place, ".rejects.csv")) as rejected:
            for reject in result.rejects:
                rejected.add(reject)
            rejected.commit()
        _report_rejects(rejected, console)
        _note(console, f"model written to {place}, its report to {place / 'finetuning.md'}")
    if not result.accepted:
        raise typer.Exit(3)
    if result.rejects:
        raise typer.Exit(1)


@app.command()
def suggest(
    posts: Annotated[
        str,
        typer.Argument(
            metavar="POSTS",
            help="Posts that you hold: a .csv, .tsv, .jsonl, .ndjson or .parquet file, or JSON "
            "Lines on standard input (-). No labels are needed.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Write the chosen posts: all columns of the input, an empty label to fill in "
            "(unless there is such a column), the prediction's columns prefixed riskclf_, and "
            "suggested_because. The suffix says the format. Rows that cannot be read are listed "
            "in FILE.rejects.csv.",
        ),
    ],
    n: Annotated[int, typer.Option("--n", min=1, help="How many posts.")] = 50,
    model: Model = None,
    labelled: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Posts that were labelled before: none of them, and none that is nearly the same, "
            "is suggested.",
        ),
    ] = None,
    terms: Annotated[
        bool,
        typer.Option(
            "--terms",
            help="Also show up to 20 terms whose use has risen against --reference, each in five "
            "posts or more. They are a lead for a person (how are these words used?), not a list "
            "of coded words. Handles and links are left out.",
        ),
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Older posts to compare the terms with."),
    ] = None,
    terms_output: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the terms to a table, too.")
    ] = None,
    text_column: Annotated[
        str, typer.Option(help="The column that holds the posts, in every file.")
    ] = "text",
    device: Annotated[
        str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1 ...")
    ] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Posts that are computed at a time.")] = 64,
) -> None:
    """Choose posts that are worth a person's time to label.

    It shows posts of a file that you hold. It does not rank authors.

    Four fifths are posts that the model is unsure about, all of them different; a fifth is drawn
    at random, to show what it is wrongly sure about. Label without looking at the riskclf_
    columns. The file then goes to `riskclf evaluate` or `riskclf finetune` as it is. As unsure
    posts are the hard ones, `riskclf evaluate --slice-column suggested_because` tells the random
    ones apart.

    Exit status: 0 all is well, 1 finished but some rows were rejected, 2 usage or another error,
    130 stopped with Ctrl-C.
    """
    if terms != (reference is not None):
        raise InputError("give both --terms and --reference, or neither")
    if terms_output is not None and not terms:
        raise InputError("--terms-output needs --terms (see --help)")
    place = Path(output)
    places = {
        "the output": place,
        "the rejects file": _beside(place, ".rejects.csv"),
        "the terms file": None if terms_output is None else Path(terms_output),
    }
    _check_apart(places, (posts, labelled, reference))
    with _stoppable():
        from riskclf.suggestion.suggestion import suggest as choose

        console = _Console(stderr=True)
        classifier = load_classifier(model, device, batch_size, {})
        with _ReadingMeter(console) as meter:
            result = choose(
                posts,
                model=classifier,
                n=n,
                text_column=text_column,
                labelled=labelled,
                terms=terms,
                reference=reference,
                progress=meter.show,
            )
        with RejectsFile(places["the rejects file"]) as rejected:
            for reject in result.rejects:
                rejected.add(reject)
            result.save(place)
            if terms_output is not None:
                result.save_terms(terms_output)
            rejected.commit()
        if terms:
            _print_terms(result.terms)
        for line in result.notes:
            _note(console, line)
        _report_rejects(rejected, console)
        for reason, count in result.reasons().items():
            _note(console, f"{count:,} {reason}")
        _note(console, f"{len(result.rows):,} posts written to {place}")
    if result.rejects:
        raise typer.Exit(1)


@app.command()
def info(
    model: Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what the model is: directory, dictionary, versions, hashes, thresholds."""
    with _stoppable():
        values = load_classifier(model, "auto", 64, {}).info()
        print(json.dumps(values, ensure_ascii=False, indent=2) if as_json else _indented(values))


# The work ----------------------------------------------------------------------------------------


def _predict_texts(posts: list[str], classifier: RiskClassifier) -> None:
    risks = _risk_labels(classifier)
    results = [prediction_values(x, risks) for x in classifier.predict_many(posts)]
    _print_posts(
        [_Shown(None, post, result) for post, result in zip(posts, results, strict=True)],
        classifier.labels,
    )


@dataclass(frozen=True)
class _Options:
    """What `predict` was asked to do with a table."""

    input: str
    text_column: str
    format: str | None
    output: str | None
    rejects: str | None
    model: str | None
    device: str
    batch_size: int
    decisions: Mapping[str, Any]

    @property
    def place(self) -> Path | None:
        """The file to write; None for the screen and for standard output."""
        return None if self.output in (None, "-") else Path(str(self.output))

    @property
    def listed(self) -> Path | None:
        """The file for the rejected rows; None to show them."""
        if self.rejects is not None:
            return Path(self.rejects)
        return _beside(self.place, ".rejects.csv") if self.place else None


def _predict_table(options: _Options, hint: _Hint) -> int:
    """Label the posts of one table and return how many rows were rejected."""
    console = _Console(stderr=True)
    _check_places(options)
    with ExitStack() as stack:
        table = stack.enter_context(
            open_table(options.input, format=options.format, text_columns=(options.text_column,))
        )
        # What can be wrong above is found at once; loading the model takes seconds.
        classifier = load_classifier(
            options.model, options.device, options.batch_size, options.decisions
        )
        added = free_columns(prediction_columns(classifier.labels), table.columns)
        journal = _open_journal(options, table, classifier, console)
        if journal is not None:
            stack.callback(journal.close)
            hint.text = "stopped; run the same command again to continue"
        elif options.input == "-":
            hint.text = "stopped; what was read from standard input cannot be continued"
        writer: TableWriter | None = None
        if options.output is not None:
            writer = create_table(
                options.output,
                columns=table.columns,
                added=added,
                schema=table.schema,
                format=None if options.place else _piped_format(table),
            )
            stack.enter_context(writer)

        rejected = stack.enter_context(RejectsFile(options.listed))
        risks = _risk_labels(classifier)
        tally = _Tally()
        riskiest: list[_Shown] = []
        with _Meter(console, table.size) as meter:
            for rows in _batches(table, options.text_column, rejected):
                posts = [row.values[options.text_column] for row in rows]
                results = journal.next_batch(len(rows)) if journal else None
                recorded = results is not None
                if results is None:
                    results = [
                        prediction_values(prediction, risks)
                        for prediction in classifier.predict_many(posts)
                    ]
                    if journal:
                        journal.append(results)
                if writer:
                    writer.write(
                        {**row.values, **dict(zip(added, result, strict=True))}
                        for row, result in zip(rows, results, strict=True)
                    )
                else:
                    new = map(_Shown, (row.number for row in rows), posts, results)
                    riskiest = heapq.nsmallest(_SHOWN_ROWS, [*riskiest, *new], key=_Shown.rank)
                tally.add(results, recorded)
                meter.show(table.position, tally)
        rejected.commit()
        if writer:
            writer.commit()
        if journal:
            journal.remove()

    _print_summary(console, tally, classifier.labels)
    _report_rejects(rejected, console)
    if options.place:
        _note(console, f"written to {options.place}")
    if writer is None:
        _print_posts(riskiest, classifier.labels)
        if tally.rows > len(riskiest):
            print(f"… and {tally.rows - len(riskiest):,} more with a lower risk: use --output")
    return rejected.count


def _open_journal(
    options: _Options, table: TableReader, classifier: RiskClassifier, console: Console
) -> Journal | None:
    """Where the results of a run from a file to a file are kept until it is done."""
    if options.place is None or options.input == "-" or table.size is None:
        return None
    status = Path(options.input).stat()
    key = {
        "input": str(Path(options.input).resolve()),
        "size of the input": status.st_size,
        "time of the input": status.st_mtime_ns,
        "format": table.format,
        "text column": options.text_column,
        "model": classifier.fingerprint,
        "device": options.device,
        "batch size": options.batch_size,
        **options.decisions,
        "riskclf version": riskclf.__version__,
    }
    journal = Journal(_beside(options.place, ".resume"), key)
    if journal.is_continued:
        _note(console, "continuing the run that was stopped")
    elif journal.changed:
        changed = ", ".join(journal.changed)
        _note(console, f"starting afresh; changed since the run that was stopped: {changed}")
    return journal


def _check_places(options: _Options) -> None:
    """Refuse what would fail, or destroy a file, after hours of work."""
    if options.place is not None:
        format_of(options.place)
    taken = {} if options.input == "-" else {Path(options.input).resolve(): "the input"}
    for place, what in ((options.place, "the output"), (options.listed, "the rejects file")):
        if place is None:
            continue
        if not place.parent.is_dir():
            raise InputError(f"{place}: the directory {place.parent} does not exist; make it first")
        if place.is_dir():
            raise InputError(f"{place} is a directory; name a file in it")
        for path in (place, _beside(place, ".partial"), _beside(place, ".resume")):
            if path.resolve() in taken:
                whose = taken[path.resolve()]
                raise InputError(f"{what} {place} would overwrite {whose}; choose another name")
        taken[place.resolve()] = what


def _check_report_place(place: Path, data: str) -> None:
    """Refuse what would fail, or destroy the input, after hours of work."""
    if place.exists() and not place.is_dir():
        raise InputError(f"{place} is a file; name a directory for the report")
    if not place.parent.is_dir():
        raise InputError(f"{place}: the directory {place.parent} does not exist; make it first")
    if data != "-" and Path(data).resolve().parent == place.resolve():
        raise InputError(f"{data} lies in the output directory {place}; choose another directory")


def _check_apart(outputs: Mapping[str, Path | None], inputs: Iterable[str | None]) -> None:
    """Refuse tables to write that could not be written, or would destroy a file that is read."""
    taken = {Path(name).resolve(): name for name in inputs if name not in (None, "-")}
    for what, place in outputs.items():
        if place is None:
            continue
        format_of(place)
        if not place.parent.is_dir():
            raise InputError(f"{place}: the directory {place.parent} does not exist; make it first")
        if place.is_dir():
            raise InputError(f"{place} is a directory; name a file in it")
        for path in (place, _beside(place, ".partial")):
            if path.resolve() in taken:
                raise InputError(
                    f"{what} {place} would overwrite {taken[path.resolve()]}; choose another name"
                )
        taken[place.resolve()] = what


def _pair(item: str) -> tuple[str, str]:
    yours, equals, ours = item.rpartition("=")
    if not (yours and equals and ours):
        raise InputError(f"--label-map '{item}' is not YOURS=OURS, such as mine=benign")
    return yours, ours


def _beside(place: Path, suffix: str) -> Path:
    return place.with_name(place.name + suffix)


def _piped_format(table: TableReader) -> str:
    return "jsonl" if table.format in ("parquet", "lines") else table.format


def _risk_labels(classifier: RiskClassifier) -> list[str]:
    return list(classifier.info()["saved_as"]["risk_labels"])


def _batches(table: TableReader, text_column: str, rejected: RejectsFile) -> Iterator[list[Row]]:
    rows: list[Row] = []
    characters = 0
    for row in table:
        if isinstance(row, Reject):
            rejected.add(row)
            continue
        rows.append(row)
        characters += len(row.values[text_column])
        if len(rows) >= _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield rows
            rows, characters = [], 0
    if rows:
        yield rows


def _report_rejects(rejected: RejectsFile, console: Console) -> None:
    if not rejected.count:
        return
    where = f": see {rejected.place}" if rejected.place else ""
    were = "row was" if rejected.count == 1 else "rows were"
    _note(console, f"{rejected.count:,} {were} rejected{where}")
    if rejected.place:
        return
    for reject in rejected.first:
        column = f", column {reject.column}" if reject.column is not None else ""
        _note(console, f"row {reject.number}{column}: {reject.reason}")
    if rejected.count > len(rejected.first):
        more = rejected.count - len(rejected.first)
        _note(console, f"… and {more:,} more: use --rejects FILE")


@dataclass
class _Tally:
    """Counts of a run. Results of an earlier run count as rows, but not for the rate."""

    rows: int = 0
    recorded: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def add(self, results: list[list[Any]], recorded: bool) -> None:
        now = time.monotonic()
        self.rows += len(results)
        if recorded:
            self.recorded += len(results)
        else:
            self.seconds += now - self._since
        self._since = now
        self.counts.update((result[0], result[1]) for result in results)

    @property
    def rate(self) -> str:
        computed = self.rows - self.recorded
        return f"{computed / self.seconds:,.0f} posts/s" if self.seconds and computed else ""


# What is shown -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shown:
    """A post in a table on the screen."""

    number: int | None
    text: str
    result: list[Any]

    def rank(self) -> tuple[float, int]:
        return -self.result[2], self.number or 0


def _print_posts(shown: list[_Shown], labels: Sequence[str]) -> None:
    # Where nothing says how wide it is, such as in a file, give the posts some room.
    sized = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = _Console(width=None if sized else 120)
    numbered = any(post.number is not None for post in shown)
    table = Table(
        title="highest risk first" if numbered else None,
        caption=f"scores: {' / '.join(labels)}",
        caption_justify="left",
    )
    if numbered:
        table.add_column("row", justify="right")
    table.add_column("text", ratio=1, overflow="fold")
    for name in ("label", "decision"):
        table.add_column(name, no_wrap=True)
    for name in ("risk", "scores"):
        table.add_column(name, no_wrap=True, justify="right")
    colours = {"flag": "bold red", "review": "yellow", "clear": "green"}
    for post in shown:
        label, decision, risk, *scores, _truncated, _risk_labels = post.result
        cells = [
            Text(_visible(post.text, _SHOWN_CHARACTERS)),
            Text(label),
            Text(decision, style=colours.get(decision, "")),
            Text(f"{risk:.3f}"),
            Text(" / ".join(f"{score:.3f}" for score in scores)),
        ]
        table.add_row(*([Text(str(post.number))] if numbered else []), *cells)
    console.print(table)


def _print_terms(terms: Sequence[Term]) -> None:
    if not terms:
        print("no term has surely risen against the reference")
        return
    sized = sys.stdout.isatty() or "COLUMNS" in os.environ
    table = Table(
        title="terms that have risen: how are they used?",
        caption="a lead for a person, not a list of coded words; of thousands some rise by chance",
    )
    table.add_column("term", overflow="fold")
    for name in ("posts here", "in the reference", "times as frequent", "95 % interval"):
        table.add_column(name, justify="right")
    for term in terms:
        interval = (
            f"from {term.low:.1f}" if term.high is None else f"{term.low:.1f} to {term.high:.1f}"
        )
        table.add_row(
            Text(_visible(term.term)),
            f"{term.posts:,} of {term.of:,}",
            f"{term.reference_posts:,} of {term.reference_of:,}",
            "only here" if term.times is None else f"{term.times:.1f}",
            interval,
        )
    _Console(width=None if sized else 120).print(table)


def _print_summary(console: Console, tally: _Tally, labels: Sequence[str]) -> None:
    table = Table("label", title="posts by label and decision")
    for name in (*_DECISIONS, "all"):
        table.add_column(name, justify="right")
    rows = {label: [tally.counts[label, decision] for decision in _DECISIONS] for label in labels}
    rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    for name, counts in rows.items():
        table.add_row(name, *(f"{count:,}" for count in (*counts, sum(counts))))
    console.print(table)
    parts = ["1 post" if tally.rows == 1 else f"{tally.rows:,} posts"]
    if tally.recorded:
        parts.append(f"{tally.recorded:,} of them from the run that was stopped")
    if tally.rate:
        parts.append(f"{tally.seconds:.1f} s, {tally.rate}")
    _note(console, ", ".join(parts))


class _Meter:
    """A progress bar on standard error, if that is a terminal."""

    def __init__(self, console: Console, size: int | None) -> None:
        self._size = size
        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[posts]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )

    def __enter__(self) -> _Meter:
        self._bar.__enter__()
        self._task = self._bar.add_task("", total=self._size, posts="")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.__exit__(None, None, None)

    def show(self, position: int, tally: _Tally) -> None:
        done = position if self._size is not None else tally.rows
        self._bar.update(self._task, completed=done, posts=f"{tally.rows:,} posts, {tally.rate}")


class _ReadingMeter:
    """A progress bar for work whose size is told on the way, if standard error is a terminal."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )

    def __enter__(self) -> _ReadingMeter:
        self._bar.__enter__()
        self._task = self._bar.add_task("", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.__exit__(None, None, None)

    def show(self, done: int, total: int | None) -> None:
        self._bar.update(self._task, completed=done, total=total)


@dataclass
class _Hint:
    """What to say when the run is stopped with Ctrl-C."""

    text: str = "stopped"


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would exit with status 1, which has a meaning here


@contextmanager
def _stoppable() -> Iterator[_Hint]:
    """End with one line on Ctrl-C, and with none when the reader of a pipe has gone."""
    hint = _Hint()
    try:
        yield hint
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(hint.text, file=sys.stderr)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # Python flushes standard output once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None  # what a shell reports for SIGPIPE


def _failed(message: str) -> int:
    print(f"error: {_visible(message)}", file=sys.stderr)
    return 2


def _note(console: Console, line: str) -> None:
    console.print(Text(_visible(line)), soft_wrap=True)


def _visible(text: str, limit: int | None = None) -> str:
    """The text on one line, without characters that control a terminal or turn its direction."""
    controls = ("Cc", "Cs")
    turns = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    shown = "".join(
        "\ufffd"
        if unicodedata.category(character) in controls
        or unicodedata.bidirectional(character) in turns
        else character
        for character in " ".join(text[: None if limit is None else 4 * limit].split())
    )
    return shown if limit is None or len(shown) <= limit else shown[:limit] + "…"


def _indented(values: Mapping[str, Any], depth: int = 0) -> str:
    lines = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines += [f"{'  ' * depth}{name}:", _indented(value, depth + 1)]
        else:
            plain = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            lines.append(f"{'  ' * depth}{name}: {plain}")
    return "\n".join(line for line in lines if line)
