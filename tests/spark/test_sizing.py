"""The size of a cluster in docs/spark.md is what was measured."""

from __future__ import annotations

import json

from tests.benchmarks.spark_sizing import PAGE, RESULTS, page, section


def test_the_page_holds_what_was_measured() -> None:
    text = PAGE.read_text(encoding="utf-8")
    measured = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else None
    assert page(text, measured) == text


def test_a_cluster_is_sized_by_cores_that_compute_side_by_side() -> None:
    results = {
        "posts": 8000,
        "tokens": 26,
        "seconds": {"one core": 40.0, "two cores": 25.0, "skewed": 35.0, "dealt": 25.5},
        "worker megabytes": 900.0,
        "spark": "4.3.0",
    }
    text = section(results)
    assert "| 160 (80 % of one alone) |" in text  # 8,000 posts in 25 s on two cores
    assert "**8 cores**, or 2 executors" in text  # 1,157 posts/s
    assert "1.40 times that of equal ones" in text
    assert "takes 1.7 hours" in text
    assert "3.6 GB for its Python workers" in text
