"""`predict_udf`: a column of posts to a column of predictions, in the Python workers of Spark.

Posts come and go in Arrow batches. The function is sent to the workers with the classifier, which
is pickled as the name and the fingerprint of its model (`riskclf.pickling`): a worker process
loads the model when its first task comes, and keeps it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from riskclf.errors import InputError, MissingExtra
from riskclf.hub import is_hub_id
from riskclf.tables.texts import text_problem

if TYPE_CHECKING:
    from pyspark.sql._typing import UserDefinedFunctionLike

    from riskclf.classifier import RiskClassifier

__all__ = ["missing_pyspark", "predict_udf", "worker_classifier"]


def predict_udf(
    model: RiskClassifier | str | os.PathLike[str] | None = None,
) -> UserDefinedFunctionLike:
    """A function of Spark that labels a column of posts.

    ::

        predict = predict_udf()
        labelled = posts.withColumn("prediction", predict("text"))
        labelled.where("prediction.decision = 'flag'").select("id", "prediction.risk")

    No row makes a job fail. Where there is no text (the value is missing, of another type, or not
    UTF-8), all fields are null but `problem`, which says why.

    Args:
        model: a directory that lies under the same path on every node, or None for the packaged
            model, which is wherever riskclf is installed. It computes on `spark.task.cpus` threads
            (1 unless you set it). For thresholds, a prevalence, a cascade or other threads give a
            classifier, such as `RiskClassifier.load(threads=1, cascade=True)`. It is loaded here
            once, so that a wrong one fails before a job starts; workers check that theirs is the
            same.

    Returns:
        What `pyspark.sql.functions.arrow_udf` makes. Its result is a struct with the fields of
        `riskclf.Prediction` in the order of `Prediction.to_dict`, and `problem`; `scores` is a
        struct with a field for each label.

    Raises:
        MissingExtra: pyspark 4.1 or later is not installed.
        InputError: `model` is or was loaded from a hub id, which every worker would download.
        ArtifactError: the model is missing, damaged, or computes something else here.
    """
    try:
        from pyspark.sql import types as spark
        from pyspark.sql.functions import arrow_udf  # type: ignore[attr-defined]  # not in the stubs
    except ImportError:
        raise missing_pyspark() from None
    classifier = worker_classifier(model)
    labels = classifier.labels
    kinds = {
        "label": (spark.StringType(), pa.string()),
        "scores": (
            spark.StructType([spark.StructField(x, spark.DoubleType()) for x in labels]),
            pa.struct([(x, pa.float64()) for x in labels]),
        ),
        "risk": (spark.DoubleType(), pa.float64()),
        "decision": (spark.StringType(), pa.string()),
        "truncated": (spark.BooleanType(), pa.bool_()),
        "side": (spark.StringType(), pa.string()),
        "reason_codes": (spark.ArrayType(spark.StringType()), pa.list_(pa.string())),
        "problem": (spark.StringType(), pa.string()),
    }
    result = pa.struct([(name, kind) for name, (_, kind) in kinds.items()])

    def predict(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        for posts in batches:
            read = _texts(posts)
            texts = (text for text, problem in read if problem is None)
            found = iter(classifier.predict_many(texts))
            rows = [
                next(found).to_dict() if problem is None else {"problem": problem}
                for _, problem in read
            ]
            yield pa.array(rows, result)

    struct = spark.StructType([spark.StructField(name, kind) for name, (kind, _) in kinds.items()])
    # A filter on a prediction must not be moved to before it, where it would be computed as well.
    made: UserDefinedFunctionLike = arrow_udf(predict, struct).asNondeterministic()
    return made


def worker_classifier(
    model: RiskClassifier | str | os.PathLike[str] | None, cascade: bool = False
) -> RiskClassifier:
    """The classifier that workers are to load: see `predict_udf`, also for what it raises."""
    from riskclf.classifier import RiskClassifier

    given: object = model
    if isinstance(model, RiskClassifier):
        given = model._origin and model._origin.source
    if is_hub_id(given) and not Path(str(given)).is_dir():
        raise InputError(
            f"every Spark worker would download {given}: save the model with "
            f"RiskClassifier.load('{given}').save(DIR), where DIR lies under the same path on "
            "every node, and give DIR"
        )
    if isinstance(model, RiskClassifier):
        return model
    return RiskClassifier.load(model, threads=_task_cpus(), cascade=cascade)


def missing_pyspark() -> MissingExtra:
    """The error that says what to install."""
    return MissingExtra("riskclf.spark needs pyspark 4.1 or later: pip install 'riskclf[spark]'")


def _task_cpus() -> int:
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    return int((session and session.conf.get("spark.task.cpus", "1")) or 1)


def _texts(posts: pa.Array) -> list[tuple[str, str | None]]:
    """Each post of an Arrow array, and what is wrong with it: None if nothing."""
    if not (pa.types.is_string(posts.type) or pa.types.is_large_string(posts.type)):
        missing, other = text_problem(None), "it is not text"
        return [("", other if there else missing) for there in posts.is_valid().to_pylist()]
    # As bytes, for Spark does not check that strings are UTF-8, and one that is not would raise.
    return [_decoded(raw) for raw in posts.cast(pa.large_binary()).to_pylist()]


def _decoded(raw: bytes | None) -> tuple[str, str | None]:
    if raw is None:
        return "", text_problem(None)
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        return "", "it is not UTF-8"
