"""`python -m riskclf.spark IN OUT`: `riskclf predict` for Parquet, on Spark."""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from riskclf.cli import main, options
from riskclf.cli.console import note, print_summary, stoppable
from riskclf.errors import ColumnNotFound, InputError
from riskclf.labels import DECISIONS
from riskclf.spark.udf import missing_pyspark, predict_udf, worker_classifier
from riskclf.tables.predictions import free_columns, prediction_columns
from riskclf.tables.wording import lacks_column

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from riskclf.classifier import RiskClassifier

__all__ = ["app", "labelled", "predict"]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

# Some minutes for one core: a task that fails loses little, and the last ones end soon after each
# other. As a file is cut, a task may get millions: Spark never splits a row group of Parquet.
_ROWS_PER_TASK = 20_000

_PROBLEM = "problem"


def labelled(posts: DataFrame, text_column: str, classifier: RiskClassifier) -> DataFrame:
    """The posts with the columns that `riskclf predict` adds, and the column `problem`.

    In a row without a prediction only `problem` has a value, and in the others all but it. The
    posts are dealt evenly to tasks of some minutes, at least one for each core, so that their order
    is not kept.

    Raises:
        ColumnNotFound: there is no column `text_column`.
    """
    from pyspark.sql import functions as F

    if text_column not in posts.columns:
        hint = "say which one holds the posts with --text-column"
        raise ColumnNotFound(lacks_column("the input", text_column, posts.columns, hint))
    # Spark takes Label and label for the same name.
    existing = {*posts.columns, *map(str.lower, posts.columns)}
    names = prediction_columns(classifier.labels) | {_PROBLEM: str}
    free = free_columns(names, existing)
    (struct,) = free_columns({"prediction": str}, existing)
    found = F.col(struct)
    values: dict[str, Column] = {
        "label": found.label,
        "decision": found.decision,
        "risk": found.risk,
        **{f"score_{label}": found.scores[label] for label in classifier.labels},
        "truncated": found.truncated,
        "reasons": F.array_join(found.reason_codes, " "),
        "risk_labels": F.when(found.problem.isNull(), F.lit("|".join(classifier.risk_labels))),
        _PROBLEM: found.problem,
    }
    cores = posts.sparkSession.sparkContext.defaultParallelism
    dealt = posts.repartition(max(math.ceil(posts.count() / _ROWS_PER_TASK), cores))
    predicted = dealt.withColumn(struct, predict_udf(classifier)(_column(text_column)))
    return predicted.select(
        *map(_column, posts.columns),
        *(values[name].alias(ours) for name, ours in zip(names, free, strict=True)),
    )


@app.command()
def predict(
    input: Annotated[
        str,
        typer.Argument(metavar="IN", help="Parquet to read: a file, a directory or an address."),
    ],
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUT",
            help="Directory of Parquet files to write; it must not exist. It gets all columns of "
            "the input, those that `riskclf predict` adds, and problem: why a row has no "
            "prediction.",
        ),
    ],
    text_column: options.TextColumn = "text",
    cascade: options.Cascade = False,
    model: options.Model = None,
) -> None:
    """Label posts in Parquet on Spark.

    The cluster, cores, memory and so on are set as for every Spark program, such as with
    spark-submit or spark-defaults.conf. Without any setting, all cores of this computer are used.
    The order of the rows is not kept.

    Exit status: 0 success, 1 finished but some rows have no prediction, 2 usage error or other
    error, 130 stopped with Ctrl-C.
    """
    with stoppable(), _spark_errors():
        from pyspark.sql import SparkSession

        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        session = SparkSession.builder.appName("riskclf").getOrCreate()
        classifier = worker_classifier(model, cascade)
        posts = session.read.parquet(input)
        found = labelled(posts, text_column, classifier)
        label, decision, *_, problem = found.columns[len(posts.columns) :]
        counts, problems = _write(found, output, (label, decision, problem), classifier.labels)
    print_summary(counts, classifier.labels)
    note(f"written to {output}")
    if problems:
        rows = "1 row has" if problems == 1 else f"{problems:,} rows have"
        note(f"{rows} no prediction: see the column {problem}")
        raise typer.Exit(1)


def _write(
    found: DataFrame, output: str, columns: tuple[str, str, str], labels: tuple[str, ...]
) -> tuple[Counter[tuple[str, str]], int]:
    """Write, and count on the way: posts by label and decision, and rows with a problem."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    label, decision, problem = map(_column, columns)
    kinds = [(name, x) for name in labels for x in DECISIONS]
    counts = [F.count_if((label == name) & (decision == x)) for name, x in kinds]
    seen = Observation()
    named = [count.alias(str(number)) for number, count in enumerate(counts)]
    found.observe(seen, F.count(problem).alias("problems"), *named).write.parquet(output)
    posts = {kind: seen.get[str(number)] for number, kind in enumerate(kinds)}
    return Counter(posts), seen.get["problems"]


def _column(name: str) -> Column:
    from pyspark.sql import functions as F

    return F.col("`" + name.replace("`", "``") + "`")  # a name may hold a dot


@contextmanager
def _spark_errors() -> Iterator[None]:
    """Turn what Spark raises into one line.

    Raises:
        MissingExtra: pyspark is not installed.
        InputError: Spark does not start, or refuses or fails to do what was asked.
    """
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
    except ImportError:
        raise missing_pyspark() from None
    try:
        yield
    except (PySparkException, Py4JError) as error:
        if "JAVA_GATEWAY_EXITED" in str(error):
            raise InputError(
                "Spark does not start: install Java 17 or later, or set JAVA_HOME to where it is"
            ) from None
        lines = [line for line in str(error).splitlines() if line.strip()]
        ours = [line for line in lines if line.startswith("riskclf.errors.")]
        raise InputError(f"Spark: {(ours or lines)[0]}") from None


if __name__ == "__main__":
    sys.exit(main(command=app, name="python -m riskclf.spark"))
