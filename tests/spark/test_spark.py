"""`riskclf.spark` on a cluster of two executors, each with a Python worker: as here, but there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import riskclf
from riskclf.classifier import RiskClassifier
from riskclf.cli import main
from riskclf.errors import InputError
from riskclf.spark import predict_udf
from riskclf.spark.__main__ import app
from riskclf.spark.udf import worker_classifier

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(riskclf.__file__).parent.parent

pytestmark = pytest.mark.skipif(
    shutil.which("java") is None and "JAVA_HOME" not in os.environ,
    reason="no Java on this machine, so nothing of riskclf.spark is tested",
)


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    import pyspark
    from pyspark.sql import SparkSession

    quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # programs as short as these
    settings: dict[str, str | bool | int | float | None] = {
        "spark.driver.extraJavaOptions": quick,
        "spark.executor.extraJavaOptions": quick,
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.sql.execution.arrow.maxRecordsPerBatch": "7",  # so that a task has several
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master("local-cluster[2,1,1024]")
        session = builder.config(map=settings).getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        work = Path(pyspark.__file__).parent / "work" / session.sparkContext.applicationId
        yield session
        session.stop()
    shutil.rmtree(work, ignore_errors=True)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, sentences: tuple[str, ...]) -> Path:
    """Posts with names of columns that are taken, and two rows that are no posts."""
    path = tmp_path_factory.mktemp("posts") / "posts.parquet"
    texts = [*(text.encode() for text in sentences), b"", None, b"\xff\xfe"]
    rows = {
        "a.post": pa.array(texts, pa.binary()).view(pa.string()),
        "id": [*range(len(texts))],
        "Label": ["x"] * len(texts),
    }
    pq.write_table(pa.table(rows), path)
    return path


def test_predictions_are_those_of_this_process(
    spark: SparkSession,
    model_directory: Path,
    classifier: RiskClassifier,
    sentences: tuple[str, ...],
) -> None:
    rows = [(number, text) for number, text in enumerate((*sentences, " "))]
    posts = spark.createDataFrame(rows, "id int, text string").repartition(4)
    predict = predict_udf(model_directory)
    found = posts.select("id", predict("text").alias("p")).orderBy("id").collect()
    for row, (_, text) in zip(found, rows, strict=True):
        expected = classifier.predict(text).to_dict()
        given: dict[str, Any] = row["p"].asDict(recursive=True)
        assert given.pop("problem") is None
        for name in ("scores", "risk"):  # sums in another order differ in the last digits
            assert given.pop(name) == pytest.approx(expected.pop(name), abs=1e-5)
        assert given == expected
    assert found[-1]["p"]["reason_codes"] == ["blank"]


def test_what_is_no_text_becomes_null_with_its_reason(
    spark: SparkSession, model_directory: Path
) -> None:
    predict = predict_udf(model_directory)
    values = ("'雨'", "null", "X'FF41'")
    query = " union all ".join(f"select cast({value} as string) as text" for value in values)
    good, *bad = (row.p for row in spark.sql(query).select(predict("text").alias("p")).collect())
    assert good.problem is None and good.decision in ("flag", "review", "clear")
    assert [found.problem for found in bad] == ["it is missing", "it is not UTF-8"]
    for found in bad:
        assert {name for name, value in found.asDict().items() if value is not None} == {"problem"}
    (row,) = spark.sql("select 1 as text").select(predict("text").alias("p")).collect()
    assert row.p.problem == "it is not text"


@pytest.mark.parametrize("of_type", [b"\xe9\x9b\xa8", 1.5, ["雨"], {"text": "雨"}])
def test_a_column_of_another_type_holds_no_text(model_directory: Path, of_type: object) -> None:
    function: Any = predict_udf(model_directory)
    (found,) = function.func(iter([pa.array([of_type, None])]))
    assert found.field("problem").to_pylist() == ["it is not text", "it is missing"]
    assert found.field("label").null_count == 2


def test_a_worker_loads_the_model_once_and_computes_on_one_thread(
    spark: SparkSession, model_directory: Path
) -> None:
    from pyspark.sql.functions import arrow_udf  # type: ignore[attr-defined]

    classifier = worker_classifier(model_directory)

    def probe(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        import torch

        from riskclf import pickling

        threads: list[int] = []
        bert = classifier._artifact.engine.model.base_model  # type: ignore[attr-defined]
        hook = bert.register_forward_pre_hook(lambda *_: threads.append(torch.get_num_threads()))
        for numbers in batches:
            classifier.predict_many(["雨が降る"] * len(numbers))
            loads = pickling._loaded.cache_info().misses
            found = {"worker": os.getpid(), "loads": loads, "threads": threads[-1]}
            yield pa.array([found] * len(numbers), pa.struct(dict.fromkeys(found, pa.int64())))
        hook.remove()

    asked = arrow_udf(probe, "worker long, loads long, threads long")("id")
    for _ in range(2):
        rows = spark.range(0, 16, 1, 8).select(asked.alias("p")).select("p.*").collect()
        assert len(rows) == 16
        assert {(row.loads, row.threads) for row in rows} == {(1, 1)}
        assert len({row.worker for row in rows}) <= 2


def test_a_post_is_computed_once_whatever_is_asked_of_it(
    spark: SparkSession, model_directory: Path
) -> None:
    posts = spark.range(4).selectExpr("cast(id as string) as text")
    found = posts.withColumn("p", predict_udf(model_directory)("text"))
    asked: Any = found.where("p.decision = 'flag' and p.risk > 0.5").select(
        "p.label", "p.scores.benign"
    )
    plan = asked._jdf.queryExecution().executedPlan()
    assert plan.toString().count("predict(") == 1


def test_the_command_writes_what_predict_writes(
    spark: SparkSession,
    model_directory: Path,
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ("--text-column", "a.post", "--model", str(model_directory))
    there, here = tmp_path / "there", tmp_path / "here.parquet"
    assert main([str(table), str(there), *options], app) == 1
    said = capsys.readouterr().err
    assert "2 rows have no prediction: see the column riskclf_problem" in said
    assert main(["predict", "--input", str(table), "--output", str(here), *options]) == 1

    rows = pq.read_table(there).sort_by("id")
    # As bytes, for one of them is not UTF-8.
    column = rows["a.post"].combine_chunks().view(pa.binary())
    assert column == pq.read_table(table)["a.post"].combine_chunks().view(pa.binary())
    local = pq.read_table(here)
    predicted = {name.removeprefix("riskclf_"): name for name in rows.column_names[3:]}
    assert [*predicted] == [
        *(name.removeprefix("riskclf_") for name in local.column_names[3:]),
        "problem",
    ]
    good = len(local)
    for name, free in predicted.items():
        values = rows[free].to_pylist()
        if name == "problem":
            assert values == [None] * good + ["it is missing", "it is not UTF-8"]
        else:
            expected = local[name if name in local.column_names else free].to_pylist()
            if name == "risk" or name.startswith("score_"):
                expected = pytest.approx(expected, abs=1e-5)
            assert values[:good] == expected
            assert values[good:] == [None, None]

    # What is there is not replaced.
    assert main([str(table), str(there), *options], app) == 2
    assert "already exists" in capsys.readouterr().err
    assert main([str(table), str(tmp_path / "other")], app) == 2
    assert "no column 'text'" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_no_worker_asks_a_hub(spark: SparkSession) -> None:
    with pytest.raises(InputError, match=r"download name/model: save .* under the same path"):
        predict_udf("name/model")
