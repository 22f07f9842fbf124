"""Figures equal scikit-learn's, every row is accounted for, and no text of a post gets out."""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn import metrics

from riskclf import Evaluation, RiskClassifier, evaluate
from riskclf.errors import ColumnNotFound, EvaluationError, FormatError, InputError
from riskclf.evaluation.evaluation import Columns
from riskclf.evaluation.intervals import wilson
from riskclf.evaluation.metrics import TOO_WIDE, label_figures
from riskclf.evaluation.thresholds import Rate, halves
from riskclf.labels import DECISIONS, Decision, Prediction
from training.posts.data import POSTS, load_posts

LABELS = ("minor_solicitation", "adult_solicitation", "benign")
MINOR, ADULT, BENIGN = LABELS
ROOT = Path(__file__).parents[2]


class Fake:
    """Reads its scores out of the text: three numbers."""

    labels = LABELS

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


# Figures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_figures_equal_scikit_learns(weighted: bool) -> None:
    rows = rows_of(400)
    weight = None
    if weighted:
        weight = np.random.default_rng(5).uniform(0.2, 3, len(rows))
        rows = [row | {"weight": x} for row, x in zip(rows, weight, strict=True)]
    gold, predicted, scores = arrays(rows)
    found = measure(rows).figures.to_dict()

    columns = metrics.precision_recall_fscore_support(
        gold, predicted, labels=LABELS, sample_weight=weight
    )
    for index, label in enumerate(LABELS):
        own = found["labels"][label]
        assert own["precision"]["value"] == pytest.approx(columns[0][index])
        assert own["recall"]["value"] == pytest.approx(columns[1][index])
        assert own["f1"]["value"] == pytest.approx(columns[2][index])
        assert own["support"] == gold.count(label)
    for name, function in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        expected = function(gold, predicted, average="macro", sample_weight=weight)
        assert found["macro"][name]["value"] == pytest.approx(expected)
        assert found["macro"][name]["low"] < expected < found["macro"][name]["high"]
    expected = metrics.accuracy_score(gold, predicted, sample_weight=weight)
    assert found["accuracy"]["value"] == pytest.approx(expected)
    confusion = metrics.confusion_matrix(gold, predicted, labels=LABELS)
    assert found["confusion"] == {"labels": list(LABELS), "counts": confusion.tolist()}

    risky = [label != BENIGN for label in gold]
    risk = scores[:, :2].sum(axis=1)
    for name, true, score in (
        ("risk", risky, risk),
        (ADULT, np.array(gold) == ADULT, scores[:, 1]),
    ):
        pr = metrics.average_precision_score(true, score, sample_weight=weight)
        roc = metrics.roc_auc_score(true, score, sample_weight=weight)
        assert found["areas"][name] == {"pr": pytest.approx(pr), "roc": pytest.approx(roc)}
    for name, least in (("flag", 0.7), ("flag_or_review", 0.4)):
        point, alarm = found["operating_points"][name], risk >= least
        expected = metrics.precision_score(risky, alarm, sample_weight=weight)
        assert point["precision"]["value"] == pytest.approx(expected)
        expected = metrics.recall_score(risky, alarm, sample_weight=weight)
        assert point["recall"]["value"] == pytest.approx(expected)
        raised = 1 - metrics.recall_score(risky, alarm, pos_label=False, sample_weight=weight)
        assert point["false_positive_rate"]["value"] == pytest.approx(raised)
        assert point["workload"]["value"] == pytest.approx(np.average(alarm, weights=weight))
    brier = metrics.brier_score_loss(risky, risk, sample_weight=weight)
    assert found["calibration"]["brier"] == pytest.approx(brier)


def test_every_proportion_has_hits_total_and_a_wilson_interval() -> None:
    proportions: list[dict[str, Any]] = []

    def collect(value: Any) -> None:
        if isinstance(value, Mapping):
            if "hits" in value:
                proportions.append(dict(value))
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    rows = [row | {"slice": f"s{number % 3}"} for number, row in enumerate(rows_of(120))]
    collect(measure(rows).figures.to_dict())
    assert {x["of"] for x in proportions} >= {40, 120}  # slices and all rows are among them
    for found in proportions:
        if found["of"]:
            assert found["value"] == pytest.approx(found["hits"] / found["of"])
        expected = wilson(found["hits"], found["of"])
        assert (found["low"], found["high"]) == pytest.approx(expected)


def test_f1_is_as_sure_as_the_rows_allow_even_where_all_is_right() -> None:
    rows = [{"text": "0.9 0.05 0.05", "label": MINOR}] * 4
    rows += [{"text": "0.05 0.05 0.9", "label": BENIGN}] * 6
    found = measure(rows).figures.to_dict()
    low = wilson(4, 4)[0]
    assert found["labels"][MINOR]["f1"] == {
        "value": 1,
        "low": pytest.approx(2 * low / (1 + low)),
        "high": 1,
    }
    assert found["labels"][ADULT]["f1"] == {"value": None, "low": 0, "high": 1}
    assert found["macro"]["f1"]["value"] == 1
    assert found["macro"]["f1"]["low"] < 0.8


def test_the_interval_of_f1_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([[0.12, 0.03], [0.05, 0.8]])  # by gold and given label
    truth = 2 * 0.12 / (2 * 0.12 + 0.03 + 0.05)
    held = 0
    for _ in range(250):
        cell = rng.choice(4, size=150, p=shares.ravel())
        found = label_figures(("a", "b"), cell // 2, cell % 2).labels["a"].f1.to_dict()
        held += found["low"] <= truth <= found["high"]
    assert 0.91 <= held / 250 <= 0.99  # 95 %, give or take three standard errors


def test_calibration_bins_hold_all_rows_and_tell_risk_from_truth() -> None:
    rows = [
        {"text": "0.15 0.0 0.85", "label": MINOR},
        {"text": "0.17 0.0 0.83", "label": BENIGN},
        {"text": "1.0 0.0 0.0", "label": ADULT},
        {"text": "0.0 0.0 1.0", "label": "unclear"},
    ]
    found = measure(rows).figures.to_dict()["calibration"]
    assert [(x["from"], x["hits"], x["of"]) for x in found["bins"]] == [(0.1, 1, 2), (0.9, 1, 1)]
    assert found["bins"][0]["risk"] == pytest.approx(0.16)
    assert found["ece"] == pytest.approx((2 * (0.5 - 0.16) + 0) / 3)


def calibrated(rng: np.random.Generator, bend: float) -> list[dict[str, Any]]:
    """Posts whose truth is drawn from their risk, bent away from it by a power."""
    rows = []
    for risk in rng.uniform(0.02, 0.98, 300):
        label = MINOR if rng.random() < risk**bend else BENIGN
        rows.append({"text": f"{risk:.4f} 0.0 {1 - risk:.4f}", "label": label})
    return rows


def test_calibrated_risks_are_seldom_called_wrong_and_bent_ones_mostly() -> None:
    rng = np.random.default_rng(0)
    values = {
        bend: [
            measure(calibrated(rng, bend)).figures.to_dict()["calibration"]["ece_p_value"]
            for _ in range(60)
        ]
        for bend in (1.0, 2.0)
    }
    assert np.mean(np.array(values[1.0]) < 0.05) <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5
    assert 0.35 < np.mean(values[1.0]) < 0.65
    assert np.mean(np.array(values[2.0]) < 0.05) > 0.9


def test_families_widen_the_intervals_and_few_are_said_to_be_few() -> None:
    rows = rows_of(400)
    alone = measure(rows).figures.accuracy
    many = measure([row | {"family": number // 8} for number, row in enumerate(rows)]).figures
    assert many.counts.families == 50
    assert many.accuracy.families == 50
    assert any("Intervals allow for families" in note for note in many.notes)
    few = measure([row | {"family": number % 9} for number, row in enumerate(rows)]).figures
    assert any("There are only 9 families" in note for note in few.notes)
    for found in (many.accuracy, few.accuracy):
        assert found.value == alone.value and found.effective <= alone.effective
        assert found.low <= alone.low < alone.high <= found.high
    assert few.accuracy.effective < 200


def test_a_row_without_a_family_counts_as_one_of_its_own() -> None:
    rows = [
        row | {"family": "a" if number < 50 else None} for number, row in enumerate(rows_of(100))
    ]
    found = measure(rows).figures.to_dict()
    assert found["counts"]["families"] == 51
    assert any("50 rows name no family" in note for note in found["notes"])


def test_slices_and_languages_are_figures_of_their_rows_and_small_ones_are_marked() -> None:
    rows = rows_of(300)
    for number, row in enumerate(rows):
        row |= {"slice": "rare" if number < 6 else "学校", "language": "ja" if number % 2 else ""}
    found = measure(rows).figures.to_dict()
    assert set(found["slices"]) == {"rare", "学校"}
    assert set(found["languages"]) == {"ja", "(none)"}
    alone = measure([row for row in rows if row["slice"] == "学校"]).figures.to_dict()
    expected = alone["operating_points"]["flag_or_review"]["recall"]
    assert found["slices"]["学校"]["recall"] == expected
    assert found["slices"]["学校"]["too_small"] == []
    assert "recall" in found["slices"]["rare"]["too_small"]
    low, high = (found["slices"]["rare"]["recall"][x] for x in ("low", "high"))
    assert high - low > TOO_WIDE
    assert sum(x["counts"]["rows"] for x in found["languages"].values()) == 300


def test_of_very_many_slices_the_rarest_are_put_together_and_none_is_lost() -> None:
    rows = [row | {"slice": f"s{max(0, number - 49)}"} for number, row in enumerate(rows_of(350))]
    found = measure(rows).figures.to_dict()["slices"]
    assert found["s0"]["counts"]["rows"] == 50
    assert found["(all others)"]["counts"]["rows"] == 101
    assert len(found) == 201
    assert sum(x["counts"]["rows"] for x in found.values()) == 350


# Gold labels ------------------------------------------------------------------------------------


def test_unclear_posts_count_for_the_workload_and_apart_only() -> None:
    rows = rows_of(100)
    unclear = [
        {"text": "0.5 0.3 0.2", "label": "unclear"},
        {"text": "0.3 0.2 0.5", "label": {MINOR: 0.5, BENIGN: 0.5}},
        {"text": "0.1 0.1 0.8", "label": json.dumps({ADULT: 0.5, BENIGN: 0.5})},
    ]
    found, without = measure([*rows, *unclear]).figures.to_dict(), measure(rows).figures.to_dict()
    for name in ("labels", "macro", "accuracy", "confusion", "areas", "calibration", "curve"):
        assert_close(found[name], without[name])
    assert found["counts"]["unclear"] == 3
    assert found["operating_points"]["flag"]["workload"]["of"] == 103
    assert found["operating_points"]["flag"]["unclear_alarms"] == 1
    for name in ("precision", "recall", "false_positive_rate"):
        assert_close(*(x["operating_points"]["flag"][name] for x in (found, without)))
    shares = found["unclear"]
    assert (shares["all"]["flag"]["hits"], shares["all"]["flag_or_review"]["hits"]) == (1, 2)
    assert set(shares["kinds"]) == {
        "unclear",
        "minor_solicitation+benign",
        "adult_solicitation+benign",
    }


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
        ({"label": {SECRET: 1.0}}, "label", "not made of labels of the model"),
        ({"label": {MINOR: 0.5, BENIGN: 0.4}}, "label", "does not add up to 1"),
        ({"label": {MINOR: 1.5, BENIGN: -0.5}}, "label", "with shares from 0 on"),
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


def test_one_class_only_is_measured_as_far_as_it_goes(tmp_path: Path) -> None:
    rows = rows_of(60, minor_solicitation=0.0, adult_solicitation=0.0, benign=1.0)
    result = measure(rows, prevalence=0.001)
    found = result.figures.to_dict()
    assert found["operating_points"]["flag"]["false_positive_rate"]["of"] == 60
    assert found["operating_points"]["flag"]["recall"]["value"] is None
    assert found["areas"]["risk"] == {"pr": None, "roc": None}
    assert any("no risky posts" in note for note in found["notes"])
    assert any(f"No post has the label {MINOR}" in note for note in found["notes"])
    result.save(tmp_path)
    assert "no posts" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_only_unclear_posts_are_measured_as_far_as_they_go(tmp_path: Path) -> None:
    result = measure([row | {"label": "unclear"} for row in rows_of(30)], prevalence=0.01)
    assert result.figures.to_dict()["unclear"]["all"]["flag"]["of"] == 30
    assert result.figures.to_dict()["accuracy"]["value"] is None
    result.save(tmp_path)
    assert (tmp_path / "report.html").exists()


def test_ids_that_occur_twice_are_counted_in_a_note() -> None:
    rows = rows_of(20)
    rows[3]["id"] = rows[4]["id"] = rows[5]["id"]
    found = measure(rows).figures.to_dict()
    assert found["counts"]["rows"] == 20
    assert any(note.startswith("2 rows repeat the id") for note in found["notes"])


# Where rows come from ---------------------------------------------------------------------------


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
    with pytest.raises(InputError, match="DatasetDict, not rows: choose one of test"):
        measure(datasets.DatasetDict(test=data))


def test_a_generator_is_read_once() -> None:
    rows = rows_of(30)
    assert measure(iter(rows)).figures.to_dict() == measure(rows).figures.to_dict()


def test_our_own_posts_are_read_as_they_are(tmp_path: Path) -> None:
    dev = {post.id: post for post in load_posts() if post.split == "dev"}
    lines = [
        line
        for file in sorted(POSTS.glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if json.loads(line)["id"] in dev
    ]
    path = tmp_path / "dev.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")

    class Quiet(Fake):
        def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
            return super().stream("0.1 0.1 0.8" for _ in posts)

    result = evaluate(path, model=Quiet(), columns=Columns(language="lang"))
    counts = result.figures.to_dict()["counts"]
    assert (counts["rows"], len(result.rejects)) == (len(dev), 0)
    assert counts["unclear"] == sum(len(post.target) > 1 for post in dev.values())
    assert counts["risky"] == sum(post.risky for post in dev.values())
    assert set(result.figures.to_dict()["languages"]) == {post.lang for post in dev.values()}
    assert set(result.figures.to_dict()["slices"]) == {post.slice for post in dev.values()}


def test_a_real_model_is_scored_through_its_stream(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    rows = [{"text": text, "label": BENIGN} for text in sentences]
    found = evaluate(rows, model=classifier)
    expected = classifier.predict_many(sentences)
    assert found.rows.risk.tolist() == [x.risk for x in expected]
    assert [DECISIONS[x] for x in found.rows.decision] == [x.decision for x in expected]
    assert [LABELS[x] for x in found.rows.predicted] == [x.label for x in expected]
    assert found.figures.to_dict()["model"]["fingerprint"] == classifier.fingerprint
    by_path = evaluate(rows, model=classifier.info()["model"], device="cpu", batch_size=8)
    assert by_path.figures.to_dict() == found.figures.to_dict()


@pytest.mark.parametrize("is_scored", [False, True])
def test_progress_is_that_of_the_predictions_and_reaches_the_end(
    is_scored: bool, tmp_path: Path
) -> None:
    class ReadingAhead(Fake):
        def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
            yield from super().stream(list(posts))

    rows = rows_of(600)
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
    assert told[0] == (1, 600) and told[-1] == (600, 600)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (Columns(label="gold"), "no column 'gold'; its columns are id, text, label"),
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


def test_a_file_in_another_encoding_is_refused_and_single_bad_lines_are_listed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sjis.csv"
    path.write_bytes(("text,label\n" + "今日は晴れ,benign\n" * 3).encode("shift_jis"))
    with pytest.raises(FormatError, match="is not UTF-8"):
        measure(path)
    lines = [f"{row['text']},{row['label']}".encode() for row in rows_of(20)]
    path.write_bytes(b"\n".join([b"text,label", *lines, "晴れ,benign".encode("shift_jis"), b"a"]))
    assert [(x.number, x.column) for x in measure(path).rejects] == [(22, "text"), (23, None)]


def test_rows_that_are_no_mappings_are_refused() -> None:
    with pytest.raises(InputError, match="data holds str"):
        measure(["a", "b"])


# Scored rows ------------------------------------------------------------------------------------


def scored(rows: list[dict[str, Any]], prefix: str = "riskclf_") -> list[dict[str, Any]]:
    """As `riskclf predict --output` writes them beside a label column."""
    result = []
    for row, found in zip(rows, Fake().stream(row["text"] for row in rows), strict=True):
        values = {"label": found.label, "decision": found.decision, "risk": found.risk}
        values |= {f"score_{label}": score for label, score in found.scores.items()}
        values |= {"truncated": False, "risk_labels": f"{MINOR}|{ADULT}"}
        result.append(row | {prefix + name: value for name, value in values.items()})
    return result


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


# The user's stream ------------------------------------------------------------------------------


def test_precision_at_a_base_rate_is_lower_than_in_rich_rows() -> None:
    found = measure(rows_of(400), prevalence=0.001).figures.to_dict()["operating_points"]["flag"]
    recall, raised = (found[x]["value"] for x in ("recall", "false_positive_rate"))
    expected = 0.001 * recall / (0.001 * recall + 0.999 * raised)
    assert found["precision_at_prevalence"]["value"] == pytest.approx(expected)
    assert found["precision_at_prevalence"]["high"] < found["precision"]["low"]


def test_the_first_posts_of_a_stream_hold_what_a_drawn_stream_holds() -> None:
    rows = rows_of(6000, minor_solicitation=0.1, adult_solicitation=0.1, benign=0.8)
    (found,) = measure(rows, prevalence=0.01, volume="2000/hour").figures.to_dict()["first"]
    assert (found["first"], found["of"], found["resolved"]) == (20, 2000, True)
    gold, _, scores = arrays(rows)
    risky, risk = np.array(gold) != BENIGN, scores[:, :2].sum(axis=1)
    rng = np.random.default_rng(0)
    held = []
    for _ in range(300):
        ours, others = rng.choice(risk[risky], 20), rng.choice(risk[~risky], 1980)
        least = np.sort(np.concatenate([ours, others]))[-20]
        held.append((ours >= least).sum())
    assert found["risky"]["low"] < np.mean(held) < found["risky"]["high"]
    assert found["risky"]["value"] == pytest.approx(np.mean(held), rel=0.15)


def test_what_the_benign_rows_cannot_tell_is_said_to_be_unresolved() -> None:
    found = measure(rows_of(200), prevalence=0.001).figures.to_dict()["first"]
    assert [x["of"] for x in found] == [1_000, 10_000, 100_000]
    assert found[-1]["resolved"] is False
    assert found[0]["risky"]["high"] <= 1  # a thousand posts hold no more of them


@pytest.mark.parametrize(
    ("text", "per_hour"),
    [("20/hour", 20), ("480 / day", 20), ("1,000/hours", 1000), ("0.5/minute", 30)],
)
def test_rates_are_read(text: str, per_hour: float) -> None:
    assert Rate.parse(text).per("hour") == pytest.approx(per_hour)


@pytest.mark.parametrize("text", ["20", "hour", "20/fortnight", "-5/hour", "0/hour", "x/hour", "/"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a rate"):
        measure(rows_of(30), volume=text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prevalence": 0}, "the prevalence 0 must lie between 0 and 1"),
        ({"prevalence": 1.5}, "must lie between"),
        ({"min_recall": 90}, "the recall 90 must lie between"),
        ({"min_precision": 1}, "the precision 1 must lie between"),
        ({"capacity": "20/hour"}, "a capacity needs the volume"),
    ],
)
def test_options_without_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        measure(rows_of(50), **options)


# Thresholds -------------------------------------------------------------------------------------


def by_constraint(result: Evaluation) -> dict[str, Any]:
    return {x["constraint"]: x for x in result.figures.to_dict()["thresholds"]}


def test_thresholds_do_what_was_asked_on_the_rows_they_were_chosen_on() -> None:
    rows = rows_of(2000, minor_solicitation=0.1, adult_solicitation=0.1, benign=0.8)
    gold, _, scores = arrays(rows)
    risky, risk = np.array(gold) != BENIGN, scores[:, :2].sum(axis=1)
    found = by_constraint(
        measure(
            rows,
            capacity="100/hour",
            volume="2000/hour",
            min_recall=0.9,
            min_precision=0.8,
            same_rows=True,
        )
    )
    levels = np.unique(risk)
    full = found["capacity"]["threshold"]
    assert (risk >= full).mean() <= 0.05 < (risk >= levels[levels < full][-1]).mean()
    recall = found["recall"]["threshold"]
    assert (risk[risky] >= recall).mean() >= 0.9
    assert (risk[risky] >= levels[levels > recall][0]).mean() < 0.9
    precise = found["precision"]["threshold"]
    assert risky[risk >= precise].mean() >= 0.8
    lower = [risky[risk >= level].mean() for level in levels[levels < precise]]
    assert max(lower) < 0.8
    assert all(x["same_rows"] for x in found.values())


def test_thresholds_are_measured_on_families_that_they_were_not_chosen_on() -> None:
    rows = [row | {"family": f"f{number // 5}"} for number, row in enumerate(rows_of(500))]
    result = measure(rows, min_recall=0.9, volume="1000/day", prevalence=0.01)
    found = by_constraint(result)["recall"]
    one, other = halves(result.rows)
    assert result.rows.family is not None and one.family is not None and other.family is not None
    assert not set(one.family.codes) & set(other.family.codes)
    assert len(one) + len(other) == 500
    assert abs(int(one.risky.sum()) - int(other.risky.sum())) < 60
    measured = found["measured"]["recall"]
    assert measured["of"] == other.risky.sum()
    assert measured["hits"] == (other.risk[other.risky] >= found["threshold"]).sum()
    for name, opposite in (("value", "value"), ("low", "high"), ("high", "low")):
        assert found["missed"][name] == pytest.approx(10 * (1 - measured[opposite]))
        assert found["found"][name] == pytest.approx(10 * measured[name])
    assert found["alarms"]["low"] < found["alarms"]["value"] < found["alarms"]["high"]
    assert found["unit"] == "day"


def test_without_families_equal_texts_stay_on_one_side() -> None:
    rows = [row for row in rows_of(100) for _ in range(2)]
    one, other = halves(measure(rows).rows)
    assert not set(one.text_key) & set(other.text_key)


def test_choosing_and_measuring_on_the_same_rows_must_be_asked_for_by_name() -> None:
    rows = [row | {"family": "only one"} for row in rows_of(60)]
    with pytest.raises(EvaluationError, match=r"too few risky or benign posts .* --same-rows"):
        measure(rows, min_recall=0.9)
    (found,) = measure(rows, min_recall=0.9, same_rows=True).figures.to_dict()["thresholds"]
    assert found["chosen_on"] == found["measured_on"]


def test_a_wish_out_of_reach_says_so(tmp_path: Path) -> None:
    rows = [row | {"text": "0.4 0.2 0.4"} for row in rows_of(60)]
    result = measure(rows, min_precision=0.99, same_rows=True)
    assert by_constraint(result)["precision"]["threshold"] is None
    result.save(tmp_path)
    assert "No threshold meets" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_rows_in_another_encoding_cast_doubt_on_the_rest(tmp_path: Path) -> None:
    rows = "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in rows_of(12))
    path = tmp_path / "a.csv"
    path.write_bytes(rows.encode("ascii") + "今日は雨,benign\n".encode("shift_jis"))
    found = measure(path).figures.to_dict()
    assert found["data"]["rejected"] == 1
    assert any("Shift_JIS" in note for note in found["notes"])
    path.write_text(rows, encoding="utf-8")
    assert not any("Shift_JIS" in note for note in measure(path).figures.to_dict()["notes"])


def test_empty_posts_are_counted_and_said() -> None:
    rows = list(scored(rows_of(24)))
    rows[0]["text"], rows[1]["text"] = "", "  "
    result = evaluate(rows)
    assert result.figures.to_dict()["counts"]["rows"] == 24
    assert any(note.startswith("2 posts are empty") for note in result.figures.to_dict()["notes"])


# Size -------------------------------------------------------------------------------------------


def peak_memory() -> int:
    """Of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: on Linux its peak is handed on from the process that started this one.
        return int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def test_memory_and_time_grow_in_proportion_and_fit_a_million_rows(tmp_path: Path) -> None:
    """In a process of its own, whose peak is measured: 2 GB must hold a million rows."""
    code = (
        "import sys, time\n"
        "from tests.evaluation.test_evaluation import peak_memory\n"
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
