"""Baselines: a keyword search and TF-IDF, on the same posts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from riskclf import evaluate
from riskclf.errors import EvaluationError, InputError, RiskclfError
from riskclf.evaluation.intervals import wilson
from riskclf.tables import Columns
from tests.evaluation.helpers import (
    BENIGN,
    MINOR,
    Fake,
    Unused,
    Worded,
    only,
    posts,
    rows_of,
    scored,
    training_file,
)


def test_keywords_hit_whatever_their_width_or_case(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("ＳＡＭＰＬＥ one\n\nカレー\n", encoding="utf-8")
    rows = posts(
        ("this is Sample One", MINOR),
        ("ｶﾚｰ を食べた", BENIGN),
        ("sample two", MINOR),
        ("a.b", BENIGN),
    )
    found = only(evaluate(rows, model=Worded(), against=[f"keywords={file}"]))
    assert (found["theirs"]["recall"]["hits"], found["theirs"]["recall"]["of"]) == (1, 2)
    raised = found["theirs"]["false_positive_rate"]
    assert (raised["hits"], raised["low"]) == (1, pytest.approx(wilson(1, 2)[0]))
    assert "2 keywords" in found["how"]
    assert "macro_f1" not in found and "label" not in found["mcnemar"]
    assert "カレー" not in json.dumps(found, ensure_ascii=False)


def test_a_keyword_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a.c\n")
    rows = posts(("abc", BENIGN), ("a.c", BENIGN), ("sample", MINOR))
    found = only(evaluate(rows, model=Worded(), against=[f"keywords={tmp_path / 'words.txt'}"]))
    assert found["theirs"]["false_positive_rate"]["hits"] == 1


def test_tfidf_learns_from_the_given_posts_and_raises_as_many_alarms(tmp_path: Path) -> None:
    learn = posts(*[(f"blue {n}", MINOR) for n in range(20)], *[(f"red {n}", BENIGN)
                                                                for n in range(20)])  # fmt: skip
    rows = posts(*[(f"sample blue x{n}", MINOR) for n in range(6)],
                 *[(f"sample red x{n}", BENIGN) for n in range(4)],
                 *[(f"red y{n}", BENIGN) for n in range(10)])  # fmt: skip
    found = only(evaluate(rows, model=Worded(), against=[training_file(tmp_path, learn)]))
    assert found["ours"]["workload"]["hits"] == found["theirs"]["workload"]["hits"] == 10
    assert found["theirs"]["recall"]["value"] == 1
    assert found["macro_f1"]["theirs"]["value"] == 1
    assert found["macro_f1"]["ours"]["value"] < 1
    assert "trained on 40 posts" in found["how"]


def test_what_is_evaluated_is_never_trained_on(tmp_path: Path) -> None:
    rows = posts(("sample blue", MINOR), ("red", BENIGN))
    for row in rows:
        row["family"] = "tested"
    learn = posts(
        ("Sample  BLUE", MINOR), ("blue one", MINOR), ("blue two", MINOR), ("red z", BENIGN)
    )
    for row, family in zip(learn, ("other", "other", "tested", "other"), strict=True):
        row["family"] = family
    found = only(evaluate(rows, model=Worded(), against=[training_file(tmp_path, learn)]))
    assert "trained on 2 posts, 2 left out" in found["how"]
    with pytest.raises(EvaluationError, match=r"posts of two labels .* 1 posts are left, 2 were"):
        evaluate(rows, model=Worded(), against=[training_file(tmp_path, learn[:3])])


def test_columns_and_labels_of_the_training_posts_are_those_of_the_data(tmp_path: Path) -> None:
    rows = [{"body": "sample blue", "gold": "yes", "lang": "en"},
            {"body": "red", "gold": "no", "lang": "en"}]  # fmt: skip
    learn = [{"body": "blue one", "gold": "yes"}, {"body": "red one", "gold": "no"}, {"gold": "no"}]
    found = evaluate(
        rows,
        model=Worded(),
        columns=Columns(text="body", label="gold", language="lang"),
        label_map={"yes": MINOR, "no": BENIGN},
        against=[training_file(tmp_path, learn)],
    )
    how = only(found)["how"]
    assert "trained on 2 posts" in how and "1 that could not be read" in how


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"\n \n", "holds no keywords"),
        (bytes(range(256)), "is not UTF-8"),
    ],
)
def test_a_keyword_file_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "words.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=rf"words\.txt {message}"):
        evaluate(rows_of(10), model=Unused(), against=[f"keywords={file}"])


def test_what_is_wrong_with_the_other_side_is_known_before_the_scoring(tmp_path: Path) -> None:
    (tmp_path / "body.csv").write_text("body,label\nsample one,benign\n")
    for against, message in (
        (f"tfidf={tmp_path / 'gone.csv'}", "does not exist"),
        (f"tfidf={tmp_path / 'body.csv'}", "no column 'text'"),
        (str(tmp_path / "gone"), "gone"),
    ):
        with pytest.raises(RiskclfError, match=message):
            evaluate(rows_of(10), model=Unused(), against=[against])
    with pytest.raises(InputError, match="recall 7"):
        evaluate(rows_of(10), model=Unused(), min_recall=7)


def test_scored_rows_without_text_cannot_be_compared() -> None:
    rows = scored(rows_of(10))
    for row in rows:
        del row["text"]
    with pytest.raises(InputError, match="no column 'text'"):
        evaluate(rows, against=[Fake()])
