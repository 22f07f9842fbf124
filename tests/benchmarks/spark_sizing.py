"""How large a Spark cluster must be: measured on one core and on two, and extrapolated.

``python -m tests.benchmarks.spark_sizing`` takes some minutes on an idle machine of two cores or
more. It stores the figures and writes them into docs/spark.md; a test compares both.
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from riskclf import RiskClassifier, artifact
from riskclf.files import write_text
from riskclf.spark import predict_udf
from training.posts.post import load_posts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "spark.md"
RESULTS = Path(__file__).with_suffix(".json")

_PARTITIONS = 16
_SKEW = 0.75
_A_DAY = 100_000_000
_PER_SECOND = _A_DAY / 86_400
_WORKERS = 4


def section(results: Mapping[str, Any] | None) -> str:
    """What docs/spark.md says of these results; None: not measured yet."""
    command = "`python -m tests.benchmarks.spark_sizing`"
    if results is None:
        return f"Not measured yet: run {command} on an idle machine.\n"
    count, seconds = results["posts"], results["seconds"]
    one, both = (count / seconds[name] for name in ("one core", "two cores"))
    core = both / 2
    skewed, dealt = (seconds[name] / seconds["two cores"] for name in ("skewed", "dealt"))
    # As many cores as there are, the task with most of the posts takes what it takes on one.
    follows = _SKEW * seconds["one core"] / (seconds["one core"] / 2)
    memory = results["worker megabytes"]
    cores = math.ceil(_PER_SECOND / core)
    executors = math.ceil(cores / _WORKERS)
    hours = _A_DAY / 100 / core / 3600
    return f"""\
Measured by {command}: {count:,} short posts of {results["tokens"]:.0f} tokens on average, the
packaged model, Spark {results["spark"]}, executors with one core each.

| what | measured |
| --- | --- |
| posts/s on one core | {one:,.0f} |
| posts/s of each core where two compute | {core:,.0f} ({100 * core / one:.0f} % of one alone) |
| time on two cores, {100 * _SKEW:.0f} % of the posts in one of {_PARTITIONS} partitions | \
{skewed:.2f} times that of equal ones ({follows:.2f} by the rate of one core) |
| the same, dealt to equal partitions first | {dealt:.2f} times |
| memory of a Python worker at its peak | {memory:,.0f} MB |

100 million posts a day are {_PER_SECOND:,.0f} a second. At {core:,.0f} posts/s of each core these
are **{cores:,} cores**, or {executors:,} executors of {_WORKERS} cores, if their cores are like
those measured and the posts are dealt evenly. More cores do not help a partition that is too
large: one with 1 % of these posts takes {hours:,.1f} hours. An executor of {_WORKERS} cores needs
{_WORKERS * memory / 1000:,.1f} GB for its Python workers (`spark.executor.memoryOverhead`) beside
the memory of its JVM (`spark.executor.memory`; here 1 GB).
"""


def page(text: str, results: Mapping[str, Any] | None) -> str:
    """docs/spark.md, its own text given, with these results."""
    before, _, _, _, after = re.split("(<!-- /?sizing -->\n)", text)
    return f"{before}<!-- sizing -->\n{section(results)}<!-- /sizing -->\n{after}"


def _session(cores: int) -> SparkSession:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(f"local-cluster[{cores},1,1024]")
    settings: dict[str, str | bool | int | float | None] = {
        "spark.ui.enabled": "false",
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.sql.adaptive.enabled": "false",  # it would join small partitions
    }
    return builder.config(map=settings).getOrCreate()


def _seconds(posts: DataFrame, predict: Any) -> float:
    before = time.perf_counter()
    posts.select(predict("text").alias("p")).write.format("noop").mode("overwrite").save()
    return time.perf_counter() - before


def _megabytes(session: SparkSession) -> float:
    """The largest resident set of a worker so far."""
    from pyspark.sql import functions as F

    arrow_udf: Any = F.arrow_udf  # type: ignore[attr-defined]  # not in the stubs

    @arrow_udf("long")  # type: ignore[untyped-decorator]
    def peak(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        for numbers in batches:
            found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            yield pa.array([found] * len(numbers), pa.int64())

    rows = session.range(0, 64, 1, 8).select(peak("id").alias("peak"))
    return float(rows.agg(F.max("peak")).collect()[0][0]) / 1024


def measure(texts: list[str]) -> dict[str, Any]:
    """Score the texts on one core and on two, in equal partitions and in unequal ones."""
    import pyspark
    from pyspark.sql import functions as F

    tokenizer = artifact.load(None, device="cpu", batch_size=64).tokenizer
    tokens = [len(x.head.ids) for x in tokenizer.encode_batch(texts)]
    seconds: dict[str, float] = {}
    megabytes = 0.0
    with tempfile.TemporaryDirectory() as directory:
        for name, large in (("even", 1 / _PARTITIONS), ("skewed", _SKEW)):
            (Path(directory) / name).mkdir()
            _write(texts, Path(directory) / name, large)
        for cores, kind in ((1, "one core"), (2, "two cores")):
            session = _session(cores)
            session.conf.set("spark.sql.files.openCostInBytes", "1g")  # a partition for each file
            even, skewed = (
                session.read.parquet(f"{directory}/{name}") for name in ("even", "skewed")
            )
            predict = predict_udf()
            _seconds(even.where(F.length("text") < 12), predict)  # every worker loads the model
            seconds[kind] = _seconds(even, predict)
            if cores == 2:
                seconds["skewed"] = _seconds(skewed, predict)
                seconds["dealt"] = _seconds(skewed.repartition(_PARTITIONS), predict)
            megabytes = max(megabytes, _megabytes(session))
            session.stop()
    return {
        "posts": len(texts),
        "tokens": sum(tokens) / len(tokens),
        "seconds": seconds,
        "worker megabytes": megabytes,
        "spark": pyspark.__version__,
        "fingerprint": RiskClassifier.load(device="cpu").fingerprint,
    }


def _write(texts: list[str], directory: Path, large: float) -> None:
    """A file for each partition; the first has a share of `large`, the others are equal."""
    first = round(len(texts) * large)
    parts = [texts[:first], *(texts[first + i :: _PARTITIONS - 1] for i in range(_PARTITIONS - 1))]
    for number, part in enumerate(parts):
        pq.write_table(pa.table({"text": part}), directory / f"{number:02}.parquet")


def main() -> None:
    """Measure, store and write the page."""
    results = measure(list({post.text: None for post in load_posts()}))
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    write_text(PAGE, page(PAGE.read_text(encoding="utf-8"), results))


if __name__ == "__main__":
    main()
