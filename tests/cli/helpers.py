"""A classifier that needs no model, and what the tests of the command line share."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import python_calamine

from riskclf import cli
from riskclf.labels import Aspect, Decision, Explanation, Prediction, ReasonCode, Scenario, Span

LABELS = ("minor_solicitation", "adult_solicitation", "benign")
ADDED = [
    "label",
    "decision",
    "risk",
    *(f"score_{label}" for label in LABELS),
    "truncated",
    "reasons",
    "risk_labels",
]
ROOT = Path(__file__).parents[2]


class Fake:
    """Risk by the length of the post; it counts what it is given."""

    labels = LABELS
    risk_labels: tuple[str, ...] = LABELS[:2]
    fingerprint = "0123"

    def __init__(self) -> None:
        self.posts: list[str] = []
        self.stop_after: int | None = None

    def predict_many(self, posts: Iterable[str]) -> list[Prediction]:
        posts = list(posts)
        if self.stop_after is not None and len(self.posts) >= self.stop_after:
            raise KeyboardInterrupt
        self.posts += posts
        # As with a real model, the last digits depend on what is computed together.
        return [self.one(post, len(posts) / 1e5) for post in posts]

    def one(self, post: str, shift: float) -> Prediction:
        risk = min(len(post), 99) / 100 + shift
        decision: Decision = "flag" if risk > 0.8 else "review" if risk > 0.5 else "clear"
        scores = dict(zip(LABELS, (risk * 0.75, risk * 0.25, 1 - risk), strict=True))
        label = max(scores, key=scores.__getitem__)
        codes: tuple[ReasonCode, ...] = () if post.strip() else ("blank",)
        if codes and decision == "clear":
            decision = "review"
        return Prediction(label, scores, risk, decision, len(post) > 200, reason_codes=codes)

    def explain_many(self, posts: Iterable[str]) -> list[Explanation]:
        """The first two characters speak for the risk, the third against it."""
        posts = list(posts)
        aspects = (Aspect("age", ("under_18",), {"under_18": 0.9, "adult": 0.1}),)
        spans = (Span(0, 2, 3.0, "strong", "age"), Span(2, 3, -0.5, "weak"))
        return [
            Explanation(
                prediction,
                aspects if prediction.decision != "clear" else (),
                spans if len(post) >= 3 else (),
                (0, len(post)),
                prediction.truncated,
            )
            for post, prediction in zip(posts, self.predict_many(posts), strict=True)
        ]

    def nearest(self, post: str) -> tuple[Scenario, ...]:
        return (Scenario("games", "benign", 0.5),) if len(post) >= 3 else ()

    def info(self) -> dict[str, Any]:
        return {
            "model": "somewhere",
            "versions": {"dictionary": "unidic_lite 1"},
            "saved_as": {"risk_labels": list(LABELS[:2])},
            "thresholds": {"flag": 0.8, "review": 0.5},
        }


def run(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def records(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    if path.suffix == ".xlsx":
        sheet = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        names, *cells = sheet.iter_rows()
        return [dict(zip(map(str, names), row, strict=True)) for row in cells]
    if path.suffix == ".gz":
        unpacked = path.with_suffix("")
        unpacked.write_bytes(gzip.decompress(path.read_bytes()))
        found = records(unpacked)
        unpacked.unlink()
        return found
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def stdin(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))


def only_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text


PROGRAM = """
    import signal, sys, time
    # A test run in the background ignores interrupts, and hands that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[:0] = [{root!r}]
    from riskclf import cli
    from riskclf.cli import options
    from tests.cli.helpers import Fake
    class Slow(Fake):
        def predict_many(self, posts):
            time.sleep({delay})
            return super().predict_many(posts)
    options.load_classifier = lambda *_: Slow()
    sys.exit(cli.main(sys.argv[1:]))
"""


def program(delay: float | None, *arguments: str | Path) -> list[str]:
    """A command line of a process of its own, where each batch takes `delay` seconds."""
    code = textwrap.dedent(PROGRAM).format(root=str(ROOT), delay=delay)
    return [sys.executable, "-c", code, *map(str, arguments)]


def start(delay: float, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    """Start such a process."""
    command = program(delay, *arguments)
    return subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8", **options)


def wait_for_batches(path: Path, count: int) -> None:
    for _ in range(600):
        if path.exists() and path.read_bytes().count(b"\n") >= 1 + count:
            return
        time.sleep(0.05)
    raise AssertionError("no batch was recorded in 30 s")


MODEL = ROOT / "riskclf" / "default_model" / "config.json"
with_model = pytest.mark.skipif(not MODEL.exists(), reason="the packaged model is not built yet")


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from riskclf.cli.app import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
