"""Side by side with another model, a keyword rule and TF-IDF, on the same posts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from riskclf import Evaluation
from riskclf.errors import EvaluationError, InputError, RiskclfError
from riskclf.evaluation.evaluation import Columns, evaluate
from riskclf.evaluation.intervals import wilson
from riskclf.labels import Prediction
from tests.evaluation.test_evaluation import BENIGN, MINOR, Fake, measure, rows_of, scored


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


def test_another_model_is_scored_on_the_same_rows() -> None:
    rows = rows_of(400)
    result = measure(rows, against=[Worse()])
    found = only(result)
    ours, theirs = found["ours"], found["theirs"]
    assert ours["recall"]["value"] > theirs["recall"]["value"]
    alone = evaluate(rows, model=Worse()).figures.to_dict()
    assert theirs["recall"] == alone["operating_points"]["flag_or_review"]["recall"]
    difference = found["difference"]["recall"]
    expected = ours["recall"]["value"] - theirs["recall"]["value"]
    assert difference["value"] == pytest.approx(expected)
    assert 0 < difference["low"] < difference["value"] < difference["high"]
    assert found["macro_f1"]["theirs"]["value"] == pytest.approx(alone["macro"]["f1"]["value"])
    expected = found["macro_f1"]["ours"]["value"] - found["macro_f1"]["theirs"]["value"]
    assert found["difference"]["macro_f1"]["value"] == pytest.approx(expected)
    test = found["mcnemar"]["risky"]
    assert test["both"] + test["only_ours"] == ours["recall"]["hits"]
    assert test["both"] + test["only_theirs"] == theirs["recall"]["hits"]
    assert test["p_value"] < 0.001


def test_a_model_does_not_differ_from_itself() -> None:
    result = measure(rows_of(100), against=[Fake()])
    found = only(result)
    assert found["differ"] == 0 and len(result.differing[0]) == 0
    for difference in found["difference"].values():
        assert (difference["value"], difference["low"], difference["high"]) == (0, 0, 0)
    assert [x["p_value"] for x in found["mcnemar"].values()] == [1, 1, 1]


def test_the_posts_on_which_they_differ_are_listed_by_id(tmp_path: Path) -> None:
    rows = rows_of(100)
    result = measure(rows, against=[Worse()])
    result.save(tmp_path)
    with (tmp_path / "differences-1.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    found, other = (
        list(Fake().stream(x["text"] for x in rows)),
        list(Worse().stream(x["text"] for x in rows)),
    )
    expected = [
        (f"p{n}", str(x.decision == "clear").lower())
        for n, (x, y) in enumerate(zip(found, other, strict=True))
        if (x.decision == "clear") != (y.decision == "clear")
    ]
    assert [(x["id"], x["other_alarm"]) for x in listed] == expected
    assert "text" not in listed[0]
    result.save(tmp_path, include_text=True)
    with (tmp_path / "differences-1.csv").open(encoding="utf-8", newline="") as file:
        assert {x["id"]: x["text"] for x in csv.DictReader(file)} == {
            x["id"]: x["text"] for x in rows if x["id"] in dict(expected)
        }


def posts(*texts_and_labels: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"text": text, "label": label} for text, label in texts_and_labels]


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


def training_file(place: Path, rows: list[dict[str, Any]]) -> str:
    file = place / "training.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"tfidf={file}"


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
    assert "trained on 2 posts, 1 that could not be read" in only(found)["how"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"\n \n", "holds no keywords"),
        ("晴れ".encode("shift_jis"), "is not UTF-8"),
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


def test_several_comparisons_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("0.9\n")
    rivals: list[Any] = [Worse(), f"keywords={tmp_path / 'words.txt'}"]
    result = measure(rows_of(100), against=rivals)
    result.save(tmp_path / "report")
    assert [x["name"] for x in result.figures.to_dict()["comparisons"]] == [
        "another model",
        "words.txt",
    ]
    for number in (1, 2):
        lines = (tmp_path / "report" / f"differences-{number}.csv").read_text().splitlines()
        assert len(lines) == 1 + result.figures.to_dict()["comparisons"][number - 1]["differ"]
