"""Whoever labels sees the post and nothing else; the key has the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from riskclf.classifier import RiskClassifier
from riskclf.evaluation.evaluation import evaluate
from riskclf.suggestion import suggest
from riskclf.tables import Columns
from tests.conftest import LABELS
from tests.suggestion.helpers import made_up, read_csv

POSTS: list[dict[str, Any]] = [
    {"tweet": f"0{number}", "body": text, "site": "a"} for number, text in enumerate(made_up(30))
]


def test_the_file_to_label_is_blind_and_the_key_brings_the_slices_back(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    columns = Columns(text="body", id="tweet")
    result = suggest(POSTS, model=classifier, n=20, columns=columns)
    for row in result.rows:
        assert isinstance(row, dict)
        row["label"] = LABELS[len(row["body"]) % 3]
    result.save(tmp_path / "to_label.csv")
    posts, key = read_csv(tmp_path / "to_label.csv"), read_csv(tmp_path / "to_label.key.csv")
    assert list(posts[0]) == ["id", "text", "label"]
    assert {row["id"] for row in posts} <= {row["tweet"] for row in POSTS}
    assert list(key[0])[:4] == ["id", "site", "riskclf_label", "riskclf_decision"]
    assert not {"text", "body", "label", "tweet"} & set(key[0])
    measured = evaluate(
        tmp_path / "to_label.csv",
        key=tmp_path / "to_label.key.csv",
        columns=Columns(slice="suggested_because"),
    )
    assert measured.figures.counts.rows == 20
    assert not measured.rejects
    assert "drawn at random" in measured.figures.slices
    assert measured.figures.model is None  # nothing was scored again


@pytest.mark.parametrize("ids", [["7"] * 30, ["1", "", *map(str, range(5, 33))]])
def test_without_an_id_for_each_post_row_numbers_are_the_ids(
    classifier: RiskClassifier, tmp_path: Path, ids: list[str]
) -> None:
    posts = [
        {"id": identity, "text": post["body"]} for identity, post in zip(ids, POSTS, strict=True)
    ]
    suggest(posts, model=classifier, n=30).save(tmp_path / "o.csv")
    found, key = read_csv(tmp_path / "o.csv"), read_csv(tmp_path / "o.key.csv")
    assert sorted(int(row["id"]) for row in found) == list(range(1, 31))
    for row, more in zip(found, key, strict=True):
        assert row["id"] == more["id"]
        assert more["original_id"] == ids[int(row["id"]) - 1]
