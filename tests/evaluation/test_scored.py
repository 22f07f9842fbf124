"""Every row is accounted for, whatever it comes from, and no text of a post gets out."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest

from riskclf import evaluate
from riskclf.errors import ColumnNotFound, EvaluationError, FormatError, InputError
from riskclf.evaluation.scored import read_labelled
from riskclf.labels import Prediction
from riskclf.tables import Columns
from tests.evaluation.helpers import (
    ADULT,
    BENIGN,
    LABELS,
    MINOR,
    Fake,
    measure,
    rows_of,
    scored,
    written,
)
from training.posts.post import POSTS, load_posts

ROOT = Path(__file__).parents[2]


def test_labels_are_mapped_and_a_sure_soft_target_is_a_label() -> None:
    rows = [
        {"text": "0.1 0.8 0.1", "label": "grooming"},
        {"text": "0.1 0.8 0.1", "label": 3},
        {"text": "0.1 0.8 0.1", "label": {"grooming": 1.0, BENIGN: None}},
        {"text": "0.1 0.8 0.1", "label": "odd"},
    ]
    mapped = {"grooming": ADULT, "3": BENIGN, "odd": "unclear"}
    found = measure(rows, label_map=mapped).figures.to_dict()
    assert found["confusion"]["counts"] == [[0, 0, 0], [0, 2, 0], [0, 1, 0]]
    assert found["counts"]["unclear"] == 1
    with pytest.raises(InputError, match="'nonsense', which the model does not know"):
        measure(rows, label_map={"3": "nonsense"})


SECRET = "nobody may read this"


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ({"label": SECRET}, "label", "it is not a label of the model"),
        ({"label": None}, "label", "it is missing"),
        ({"label": ""}, "label", "it is missing"),
        ({"label": "{" + SECRET}, "label", "is not a JSON object"),
        ({"label": {SECRET: 1.0}}, "label", "must give labels of the model"),
        ({"label": {MINOR: 0.5, BENIGN: 0.4}}, "label", "does not add up to 1"),
        ({"label": {MINOR: 1.5, BENIGN: -0.5}}, "label", "shares of 0 or more"),
        ({"text": None}, "text", "it is missing"),
        ({"text": 17}, "text", "it is a number, not text"),
        ({"weight": 0}, "weight", "not a number above 0"),
        ({"weight": "heavy"}, "weight", "not a number above 0"),
        ({"weight": None}, "weight", "not a number above 0"),
        ({"weight": float("nan")}, "weight", "not a number above 0"),
    ],
)
def test_a_bad_row_is_listed_with_its_reason_and_the_rest_is_measured(
    row: dict[str, Any], column: str, reason: str
) -> None:
    rows = [x | {"weight": 1.0} for x in rows_of(20)]
    rows[7] |= row
    found = measure(rows)
    (reject,) = found.rejects
    assert (reject.number, reject.column) == (8, column)
    assert reason in reject.reason
    assert found.figures.to_dict()["counts"]["rows"] == 19
    assert found.figures.to_dict()["data"] == {
        "name": None,
        "rejected": 1,
        "reasons": {reject.reason: 1},
    }


def test_a_label_column_that_holds_posts_does_not_get_into_the_report(tmp_path: Path) -> None:
    rows = rows_of(20)
    rows[7]["label"] = SECRET
    rows[8]["label"] = {SECRET: 1.0}
    measure(rows).save(tmp_path)
    with (tmp_path / "rejects.csv").open(encoding="utf-8", newline="") as file:
        assert [(x["row"], x["column"]) for x in csv.DictReader(file)] == [
            ("8", "label"),
            ("9", "label"),
        ]
    for written_file in tmp_path.iterdir():
        assert SECRET.encode() not in written_file.read_bytes(), written_file.name


def test_a_table_of_which_nothing_can_be_used_is_refused_without_its_text() -> None:
    rows = [row | {"label": SECRET} for row in rows_of(3)]
    with pytest.raises(
        EvaluationError, match="none of the 3 rows can be used; row 1, column label"
    ):
        measure(rows)
    with pytest.raises(EvaluationError) as caught:
        measure(rows)
    assert SECRET not in str(caught.value)
    with pytest.raises(EvaluationError, match="no rows"):
        measure([])


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_all_formats_give_the_same_figures(tmp_path: Path, suffix: str) -> None:
    rows = [row | {"weight": 1.0 + number % 2} for number, row in enumerate(rows_of(60))]
    found = measure(written(rows, tmp_path / f"posts.{suffix}")).figures.to_dict()
    assert found.pop("data")["name"] == f"posts.{suffix}"
    expected = measure(rows).figures.to_dict()
    expected.pop("data")
    assert found == expected


def test_soft_targets_come_in_every_format(tmp_path: Path) -> None:
    soft = {MINOR: 0.5, BENIGN: 0.5}
    rows = [{"text": "0.5 0.3 0.2", "label": {MINOR: 1.0}}, {"text": "0.1 0.1 0.8", "label": soft}]
    texts = [row | {"label": json.dumps(row["label"])} for row in rows]
    for path, content in (("a.jsonl", rows), ("a.parquet", rows), ("a.csv", texts)):
        found = measure(written(content, tmp_path / path)).figures.to_dict()
        assert list(found["unclear"]["kinds"]) == ["minor_solicitation+benign"]
        assert found["labels"][MINOR]["recall"]["hits"] == 1


def test_a_data_set_with_class_labels_is_read_by_their_names() -> None:
    rows = rows_of(40)
    names = ["benign", "minor_solicitation", "adult_solicitation"]
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)}
    )
    data = datasets.Dataset.from_list(
        [{"text": row["text"], "label": names.index(row["label"])} for row in rows],
        features=features,
    )
    assert (
        measure(data).figures.to_dict()["confusion"] == measure(rows).figures.to_dict()["confusion"]
    )
    with pytest.raises(InputError, match="DatasetDict, not rows: choose one of 'test'"):
        measure(datasets.DatasetDict(test=data))


def test_a_generator_is_read_once() -> None:
    rows = rows_of(30)
    assert measure(iter(rows)).figures.to_dict() == measure(rows).figures.to_dict()


def test_our_own_posts_are_read_as_they_are(tmp_path: Path) -> None:
    ours = {post.id: post for post in load_posts() if post.fold == "1"}
    lines = [
        line
        for file in sorted(POSTS.glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if json.loads(line)["id"] in ours
    ]
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")

    class Quiet(Fake):
        def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
            return super().stream("0.1 0.1 0.8" for _ in posts)

    result = evaluate(path, model=Quiet(), columns=Columns(language="lang"))
    counts = result.figures.to_dict()["counts"]
    assert (counts["rows"], len(result.rejects)) == (len(ours), 0)
    assert counts["unclear"] == sum(len(post.target) > 1 for post in ours.values())
    assert counts["risky"] == sum(post.risky for post in ours.values())
    assert set(result.figures.to_dict()["languages"]) == {post.lang for post in ours.values()}
    assert set(result.figures.to_dict()["slices"]) == {post.slice for post in ours.values()}


@pytest.mark.parametrize("is_scored", [False, True])
def test_progress_is_that_of_the_predictions_and_reaches_the_end(
    is_scored: bool, tmp_path: Path
) -> None:
    class ReadingAhead(Fake):
        def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
            yield from super().stream(list(posts))

    rows = rows_of(1200)
    path = written(scored(rows) if is_scored else rows, tmp_path / "posts.jsonl")
    told: list[tuple[int, int | None]] = []
    model = None if is_scored else ReadingAhead()
    evaluate(path, model=model, progress=lambda _, done, total: told.append((done, total)))
    size = path.stat().st_size
    assert told[0][0] < size / 10
    assert told == sorted(told) and len({done for done, _ in told}) > 3
    assert told[-1] == (size, size)
    told.clear()
    evaluate(rows, model=Fake(), progress=lambda _, done, total: told.append((done, total)))
    assert told[0] == (1, 1200) and told[-1] == (1200, 1200)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (Columns(label="gold"), "no column 'gold'; its columns are 'id', 'text', 'label'"),
        (Columns(text="body"), "no column 'body'"),
        (Columns(language="lang"), "no column 'lang'"),
        (Columns(weight="w"), "no column 'w'"),
    ],
)
def test_a_column_that_is_not_there_is_named(
    columns: Columns, message: str, tmp_path: Path
) -> None:
    rows = rows_of(5)
    for data in (rows, written(rows, tmp_path / "a.csv")):
        with pytest.raises(ColumnNotFound, match=message):
            measure(data, columns=columns)


def test_a_file_that_is_no_text_is_refused_and_single_bad_lines_are_listed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sjis.csv"
    path.write_bytes(bytes(range(256)) * 9)
    with pytest.raises(FormatError, match="is not UTF-8"):
        measure(path)
    lines = [f"{row['text']},{row['label']},晴れ".encode() for row in rows_of(20)]
    path.write_bytes(
        b"\n".join([b"text,label,note", *lines, "晴れ,benign,".encode("shift_jis"), b"a"])
    )
    assert [(x.number, x.column) for x in measure(path).rejects] == [(22, "text"), (23, None)]


def test_rows_that_are_no_mappings_are_refused() -> None:
    with pytest.raises(InputError, match="data holds str"):
        measure(["a", "b"])


def test_scored_rows_need_neither_model_nor_text() -> None:
    rows = rows_of(80)
    recorded = scored(rows)
    for row in recorded:
        del row["text"]
    found, expected = evaluate(recorded).figures.to_dict(), measure(rows).figures.to_dict()
    assert found.pop("model") is None
    expected.pop("model")
    assert found == expected


def test_the_last_of_two_predictions_counts_and_a_named_model_scores_anew() -> None:
    rows = rows_of(50)
    turned = [{**row, "text": " ".join(reversed(row["text"].split()))} for row in rows]
    twice = [
        old | new for old, new in zip(scored(turned), scored(rows, "riskclf_riskclf_"), strict=True)
    ]
    expected = measure(rows).figures.to_dict()["confusion"]
    assert evaluate(twice).figures.to_dict()["confusion"] == expected
    assert measure(scored(turned)).figures.to_dict()["confusion"] != expected
    assert evaluate(scored(turned)).figures.to_dict() == evaluate(scored(turned)).figures.to_dict()


def test_the_prediction_is_never_taken_for_the_right_label() -> None:
    rows = scored([{"text": row["text"], "gold": row["label"]} for row in rows_of(20)], prefix="")
    with pytest.raises(InputError, match="the column 'label' is the model's prediction"):
        evaluate(rows)
    found = evaluate(rows, columns=Columns(label="gold"))
    assert found.figures.to_dict()["counts"]["rows"] == 20


@pytest.mark.parametrize(
    ("column", "value"),
    [("riskclf_label", "x"), ("riskclf_decision", "x"), ("riskclf_risk", "x"),
     ("riskclf_risk", 1.5), ("riskclf_score_benign", None), ("riskclf_risk_labels", MINOR)],
)  # fmt: skip
def test_a_damaged_score_costs_its_row(column: str, value: Any) -> None:
    rows = scored(rows_of(20))
    rows[4][column] = value
    found = evaluate(rows)
    assert [(x.number, x.column) for x in found.rejects] == [(5, column)]
    assert found.figures.to_dict()["counts"]["rows"] == 19


def test_a_risk_label_that_is_never_given_is_still_a_risk() -> None:
    rows = [{"text": f"{0.1 * n} 0.0 {1 - 0.1 * n}", "label": ADULT} for n in range(10)]
    assert evaluate(scored(rows)).figures.to_dict()["counts"]["risky"] == 10


def test_scored_rows_must_say_which_labels_are_risks() -> None:
    rows = scored(rows_of(20))
    for row in rows:
        del row["riskclf_risk_labels"]
    with pytest.raises(InputError, match=r"no column 'riskclf_risk_labels'.*score the posts again"):
        evaluate(rows)


def test_a_risk_that_is_no_sum_of_scores_is_refused() -> None:
    rows = [row | {"riskclf_risk": 0.123} for row in scored(rows_of(20))]
    with pytest.raises(EvaluationError, match="not the sum of the scores"):
        evaluate(rows)


def test_memory_and_time_grow_in_proportion_and_fit_a_million_rows(tmp_path: Path) -> None:
    """In a process of its own, whose peak is measured: 2 GB must hold a million rows."""
    code = (
        "import sys, time\n"
        "from tests.evaluation.helpers import peak_memory\n"
        "from riskclf import evaluate\n"
        "evaluate(sys.argv[1])\n"  # so that nothing is imported on the clock
        "base = peak_memory()\n"
        "start = time.process_time()\n"
        "evaluate(sys.argv[2], prevalence=0.001)\n"
        "seconds = time.process_time() - start\n"
        "print(base, peak_memory(), seconds)"
    )
    small, large = 20_000, 80_000
    measured = {}
    for count in (small, large):
        files = []
        for name, size in (("first", 1000), ("rows", count)):
            path = tmp_path / f"{name}{count}.csv"
            block = scored([x | {"family": "a", "slice": "b"} for x in rows_of(1000)])
            path = written(block, path)
            header, _, body = path.read_text(encoding="utf-8").partition("\n")
            path.write_text(header + "\n" + body * (size // 1000), encoding="utf-8")
            files.append(str(path))
        done = subprocess.run(
            [sys.executable, "-c", code, *files], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr
        measured[count] = [float(x) for x in done.stdout.split()]
    base, peak, seconds = measured[large]
    assert base + (peak - base) / large * 1_000_000 < 2 * 2**30
    assert seconds / measured[small][2] < 1.5 * large / small


@pytest.mark.parametrize("kind", ["id", "slice", "language"])
def test_the_text_column_cannot_be_one_whose_values_are_shown(kind: str) -> None:
    with pytest.raises(InputError, match=f"holds the posts and cannot be the {kind} column"):
        measure(rows_of(5), columns=Columns(**{kind: "text"}))


def test_labels_are_read_without_a_model() -> None:
    rows = [row | {"family": "a"} for row in rows_of(10)]
    rows[2]["label"], rows[3]["label"] = "unclear", SECRET
    found, rejects = read_labelled(rows, LABELS, columns=Columns(), label_map={})
    assert [x.number for x in rejects] == [4]
    assert len(found) == 9 and found.gold[2] == -1
    assert found.text is not None and found.text.tolist() == [
        row["text"] for row in rows if row["label"] != SECRET
    ]
    assert found.only(found.clearly).family is not None
    with pytest.raises(EvaluationError, match="none of the 1 rows can be used"):
        read_labelled(rows[3:4], LABELS, columns=Columns(), label_map={})


def test_progress_names_the_stage() -> None:
    rows = rows_of(10)
    stages: set[str] = set()
    measure(rows, against=[Fake()], progress=lambda stage, done, total: stages.add(stage))
    evaluate(scored(rows), progress=lambda stage, done, total: stages.add(stage))
    assert stages == {"scoring posts", "scoring posts with another model", "reading scores"}
