"""`riskclf finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, note_rejects, stoppable, visible
from riskclf.files import beside, locked
from riskclf.language import Language, speaking
from riskclf.language import gettext as _
from riskclf.tables import write_rejects

__all__ = ["finetune"]


def finetune(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Labelled posts: a .csv, .tsv, .jsonl, .ndjson, .xlsx or .parquet file, or JSON "
            "Lines on standard input (-). 16 posts with a new term are enough; half of them should "
            "use it innocently.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="Directory for the new model and its report (finetuning.md, finetuning.json).",
        ),
    ],
    base: Annotated[
        str | None,
        typer.Option(
            metavar="DIR_OR_ID",
            help="Model to start from: a riskclf model, or any BERT with MeCab and WordPiece "
            "tokenization, such as tohoku-nlp/bert-base-japanese-v3. Default: the packaged model.",
        ),
    ] = None,
    natural: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Ordinary posts of your own without labels, as a table or as a .txt file with one "
            "post per line. The report says how many of them are flagged before and after.",
        ),
    ] = None,
    risk_labels: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL,...",
            help="Use the labels of DATA instead of the labels of the base. Name those that are "
            "risks, separated by commas, or none.",
        ),
    ] = None,
    new_words: Annotated[
        bool,
        typer.Option(
            "--new-words",
            help="Add words to the vocabulary if the tokenizer splits them into many pieces and "
            "five or more posts hold them. Kept only if it helps on held-out posts. Doubles the "
            "time.",
        ),
    ] = False,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Finish in seconds instead of minutes: train only the n-gram expert, and add the "
            "new posts to the known posts that every post is compared with. The transformer stays "
            "as it is. Measured and checked in the same way. The base must have both, and its "
            "labels are kept. Cannot be used with --new-words.",
        ),
    ] = False,
    accept_regression: Annotated[
        bool,
        typer.Option(
            "--accept-regression",
            help="Accept the model even if it is worse on older posts. The report records this.",
        ),
    ] = False,
    label_map: options.LabelMap = None,
    text_column: options.TextColumn = "text",
    label_column: options.LabelColumn = "label",
    family_column: options.FamilyColumn = None,
    seed: Annotated[
        int, typer.Option(help="Random seed of the folds and of the order of the posts.")
    ] = 0,
    encoding: options.Encoding = "auto",
    delimiter: options.Delimiter = None,
    lang: options.Lang = Language.ENGLISH,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 64,
) -> None:
    """Train a model on new posts, and check that it still finds what it found before.

    Cross-validation measures how good such a model is on posts that it was not trained on. Then
    the model is trained on all posts and compared with its base: on your new posts, on older posts
    that come with riskclf, and on your ordinary posts (--natural). If it is worse on the older
    posts, it is written but marked as not accepted.

    A run that was stopped can be continued: give the same command again. An older model in DIR
    stays there until the new one is complete.

    Exit status: 0 accepted, 1 accepted but some rows were rejected (listed in DIR.rejects.csv), 2
    usage error or other error, 3 not accepted, 130 stopped with Ctrl-C.
    """
    place = Path(output)
    rejected_rows = beside(place, ".rejects.csv")
    mapped = options.label_pairs(label_map)
    risks = None
    if risk_labels is not None:
        risks = [] if risk_labels == "none" else risk_labels.split(",")
    with speaking(lang), stoppable() as hint, locked(place), locked(rejected_rows):
        from riskclf.finetuning import finetune as train
        from riskclf.finetuning.report import lines
        from riskclf.tables import Columns, TableFile

        hint.text = _("stopped; run the same command again to continue")
        file = TableFile(data, encoding=encoding, delimiter=delimiter)
        result = train(
            file,
            base=base,
            output=place,
            columns=Columns(text_column, label_column, family=family_column),
            label_map=mapped,
            natural=None if natural is None else file.like(natural),
            risk_labels=risks,
            new_words=new_words,
            quick=quick,
            accept_regression=accept_regression,
            seed=seed,
            lang=lang,
            device=device,
            batch_size=batch_size,
            progress=True,
        )
        for line in lines(result.report):
            print(visible(line))
        write_rejects(rejected_rows, result.rejects)
        note_rejects(len(result.rejects), rejected_rows)
        written = _("model written to {place}, its report to {report}")
        note(written.format(place=place, report=place / "finetuning.md"))
    if not result.accepted:
        raise typer.Exit(3)
    if result.rejects:
        raise typer.Exit(1)
