"""What the tests share: models that read their scores out of the text, and rows for them."""

from __future__ import annotations

import csv
import json
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskclf import Evaluation, evaluate
from riskclf.labels import Decision, Prediction

LABELS = ("minor_solicitation", "adult_solicitation", "benign")


MINOR, ADULT, BENIGN = LABELS


class Fake:
    """Reads its scores out of the text: three numbers."""

    labels = LABELS
    risk_labels: tuple[str, ...] = (MINOR, ADULT)

    def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
        for post in posts:
            scores = dict(zip(LABELS, map(float, post.split()), strict=True))
            risk = scores[MINOR] + scores[ADULT]
            decision: Decision = "flag" if risk >= 0.7 else "review" if risk >= 0.4 else "clear"
            yield Prediction(max(scores, key=scores.__getitem__), scores, risk, decision, False)

    def info(self) -> dict[str, Any]:
        return {"fingerprint": "0123", "saved_as": {"risk_labels": [MINOR, ADULT]}}


def rows_of(count: int, seed: int = 0, **shares: float) -> list[dict[str, Any]]:
    """Labelled posts, each of which tells `Fake` its scores; mostly rightly."""
    rng = np.random.default_rng(seed)
    share = [shares.get(label, 1 / 3) for label in LABELS]
    rows = []
    for number, gold in enumerate(rng.choice(3, size=count, p=share)):
        noise = rng.normal(size=3)
        noise[gold] += 2
        scores = np.exp(noise) / np.exp(noise).sum()
        text = " ".join(f"{score:.6f}" for score in (*scores[:2], 1 - scores[:2].round(6).sum()))
        rows.append({"id": f"p{number}", "text": text, "label": LABELS[gold]})
    return rows


def measure(data: Any, **options: Any) -> Evaluation:
    return evaluate(data, model=Fake(), **options)


def arrays(rows: list[dict[str, Any]]) -> tuple[list[str], list[str], Any]:
    predictions = list(Fake().stream(row["text"] for row in rows))
    scores = np.array([[x.scores[label] for label in LABELS] for x in predictions])
    return [row["label"] for row in rows], [x.label for x in predictions], scores


def assert_close(one: Any, other: Any) -> None:
    """Equal but for bootstrap intervals, whose draws depend on how many rows there are."""
    if isinstance(one, Mapping) and "hits" not in one and {"low", "high"} <= one.keys():
        assert one["value"] == other["value"]
    elif isinstance(one, Mapping):
        assert one.keys() == other.keys()
        for name in one:
            assert_close(one[name], other[name])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            assert_close(mine, theirs)
    else:
        assert one == pytest.approx(other)


def written(rows: list[dict[str, Any]], path: Path) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=separator)
            writer.writeheader()
            writer.writerows(rows)
    return path


def scored(rows: list[dict[str, Any]], prefix: str = "riskclf_") -> list[dict[str, Any]]:
    """As `riskclf predict --output` writes them beside a label column."""
    result = []
    for row, found in zip(rows, Fake().stream(row["text"] for row in rows), strict=True):
        values = {"label": found.label, "decision": found.decision, "risk": found.risk}
        values |= {f"score_{label}": score for label, score in found.scores.items()}
        values |= {"truncated": False, "risk_labels": f"{MINOR}|{ADULT}"}
        result.append(row | {prefix + name: value for name, value in values.items()})
    return result


def peak_memory() -> int:
    """Of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: on Linux its peak is handed on from the process that started this one.
        return int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Worse(Fake):
    """Takes every second post for benign."""

    def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
        dull = "0.1 0.1 0.8"
        return super().stream(dull if n % 2 else post for n, post in enumerate(posts))


class Unused(Fake):
    """Must not be asked."""

    def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
        raise AssertionError


class Worded(Fake):
    """Flags what begins with 'sample', whatever else it says."""

    def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
        return super().stream(
            "0.9 0.05 0.05" if post.startswith("sample") else "0.1 0.1 0.8" for post in posts
        )


def only(result: Evaluation) -> dict[str, Any]:
    (found,) = result.figures.to_dict()["comparisons"]
    assert isinstance(found, dict)
    return found


def posts(*texts_and_labels: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"text": text, "label": label} for text, label in texts_and_labels]


def training_file(place: Path, rows: list[dict[str, Any]]) -> str:
    file = place / "training.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"tfidf={file}"
