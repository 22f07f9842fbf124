"""`riskclf predict`: what a user sees, which files appear, and what the exit status says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import riskclf
from riskclf.labels import Prediction
from tests.cli.helpers import (
    ADDED,
    LABELS,
    Fake,
    command,
    only_line,
    records,
    run,
    stdin,
    with_model,
)


def test_errors_of_the_input_are_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: Fake
) -> None:
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "body.csv").write_text("id,body\n1,hello\n")
    before = sorted(tmp_path.iterdir())
    for name, message in (("binary.csv", "is not UTF-8"), ("body.csv", "'id', 'body'")):
        assert run("predict", "--input", tmp_path / name, "--output", tmp_path / "o.csv") == 2
        assert message in only_line(capsys.readouterr().err)
    assert sorted(tmp_path.iterdir()) == before
    assert fake.posts == []


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("posts.csv", "would overwrite the input"),
        ("o.docx", "suffix '.docx'"),
        ("no/o.csv", "does not exist; make it first"),
        ("dir.csv", "is a directory"),
    ],
)
def test_an_impossible_output_is_refused_before_the_work(
    tmp_path: Path,
    table: Path,
    fake: Fake,
    capsys: pytest.CaptureFixture[str],
    output: str,
    message: str,
) -> None:
    (tmp_path / "dir.csv").mkdir()
    before = table.read_bytes()
    assert run("predict", "--input", table, "--output", tmp_path / output) == 2
    assert message in only_line(capsys.readouterr().err)
    assert fake.posts == []
    assert table.read_bytes() == before


def test_neither_output_nor_rejects_can_destroy_a_file_of_the_run(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.csv"
    assert run("predict", "--input", table, "--output", out, "--rejects", table) == 2
    assert run("predict", "--input", table, "--output", out, "--rejects", out) == 2
    partial = table.rename(tmp_path / "o.csv.partial")
    assert run("predict", "--input", partial, "--format", "csv", "--output", out) == 2
    assert capsys.readouterr().err.count("would overwrite") == 3


# Posts on the command line and tables on the screen ---------------------------------------------


def test_posts_on_the_command_line_are_shown_as_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert run("predict", "今日はいい天気", "パンを焼いた" * 14, "[bold]ok\x1b[2J\n\ud83d") == 0
    out, err = capsys.readouterr()
    first, second, third = (
        line for line in out.splitlines() if line.startswith("│") and "0." in line
    )
    assert "今日はいい天気" in first and "benign" in first and "clear" in first
    assert "minor_solicitation" in second and "flag" in second and "0.840" in second
    # Neither markup nor what controls a terminal takes effect.
    assert "[bold]ok" in third
    assert "\x1b" not in out
    assert err == ""


def test_a_table_without_output_shows_the_highest_risks(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", "--input", table) == 1
    out, err = capsys.readouterr()
    shown = [line for line in out.splitlines() if "散歩" in line and "0.9" in line]
    assert len(shown) == 50
    assert shown[0].split()[1] == "20"  # the first row of 94 characters, header included
    assert out.rstrip().endswith("… and 2,448 more with a lower risk: use --output")
    assert "2 rows were rejected\n" in err
    assert "row 702: it has 1 fields and the header has 2" in err
    assert "散歩" not in err


def test_the_summary_counts_labels_and_decisions(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.jsonl"
    assert run("predict", "--input", table, "--output", out) == 1
    err = capsys.readouterr().err
    rows = records(out)
    for label in LABELS:
        line = next(line for line in err.splitlines() if f" {label} " in line)
        counts = [
            sum(row["label"] == label and row["decision"] == decision for row in rows)
            for decision in ("flag", "review", "clear")
        ]
        numbers = [int(x.replace(",", "")) for x in line.replace("│", " ").split()[1:]]
        assert numbers == [*counts, sum(counts)]
    assert "2,498 posts, " in err
    assert "posts/s" in err


# Tables to tables -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "xlsx", "csv.gz", "jsonl.gz"])
def test_output_keeps_the_columns_and_adds_the_prediction(
    tmp_path: Path, table: Path, suffix: str, fake: Fake
) -> None:
    out = tmp_path / f"o.{suffix}"
    assert run("predict", "--input", table, "--output", out) == 1
    rows = records(out)
    assert list(rows[0]) == ["id", "text", *ADDED]
    assert [int(row["id"]) for row in rows] == [n for n in range(2500) if n not in (700, 1800)]
    assert [row["text"] for row in rows] == fake.posts
    expected = fake.one(rows[5]["text"], 1024 / 1e5)
    assert (rows[5]["label"], rows[5]["decision"]) == (expected.label, expected.decision)
    assert float(rows[5]["risk"]) == pytest.approx(expected.risk, rel=1e-5)
    for label, score in expected.scores.items():
        assert float(rows[5][f"score_{label}"]) == pytest.approx(score, rel=1e-5)
    assert rows[5]["truncated"] in (False, "false")
    assert records(tmp_path / f"o.{suffix}.rejects.csv") == [
        {"row": "702", "column": "", "reason": "it has 1 fields and the header has 2"},
        {"row": "1802", "column": "", "reason": "it has 3 fields and the header has 2"},
    ]
    assert {path.name for path in tmp_path.iterdir()} == {
        "posts.csv",
        out.name,
        f"{out.name}.rejects.csv",
    }


def test_all_good_is_status_0_and_an_old_list_of_rejects_goes(tmp_path: Path) -> None:
    source, out = tmp_path / "a.jsonl", tmp_path / "o.csv"
    source.write_text('{"post":"hello"}\n{"post":""}\n')
    (tmp_path / "o.csv.rejects.csv").write_text("row,column,reason\n7,,from an earlier run\n")
    assert run("predict", "--input", source, "--text-column", "post", "--output", out) == 0
    assert [row["decision"] for row in records(out)] == ["clear", "review"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "o.csv"]


def test_rejects_go_where_the_user_says(tmp_path: Path, table: Path) -> None:
    out, listed = tmp_path / "o.csv", tmp_path / "bad.csv"
    assert run("predict", "--input", table, "--output", out, "--rejects", listed) == 1
    assert [row["row"] for row in records(listed)] == ["702", "1802"]
    assert not (tmp_path / "o.csv.rejects.csv").exists()


def test_columns_of_the_input_are_never_overwritten(tmp_path: Path) -> None:
    source, out, again = tmp_path / "a.csv", tmp_path / "o.csv", tmp_path / "again.csv"
    source.write_text("text,label,n\nhello,mine,1\n")
    assert run("predict", "--input", source, "--output", out) == 0
    row = records(out)[0]
    assert list(row) == ["text", "label", "n", *(f"riskclf_{name}" for name in ADDED)]
    assert (row["label"], row["riskclf_label"]) == ("mine", "benign")
    assert run("predict", "--input", out, "--output", again) == 0
    assert list(records(again)[0].values())[: len(row)] == list(row.values())


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    source, out = tmp_path / "a.parquet", tmp_path / "o.parquet"
    before = pa.table({"id": pa.array([1, 2], pa.int16()), "text": ["hello", None]})
    pq.write_table(before, source)
    assert run("predict", "--input", source, "--output", out) == 1
    after = pq.read_table(out)
    assert after.select(["id", "text"]).equals(before.slice(0, 1))
    assert records(tmp_path / "o.parquet.rejects.csv")[0]["column"] == "text"


def test_standard_output_holds_the_table_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(monkeypatch, '{"id":1,"text":"天気"}\n{"id":2}\n')
    assert run("predict", "--input", "-", "--output", "-") == 1
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [list(row) for row in rows] == [["id", "text", *ADDED]]
    assert "row 2, column text: it is missing" in err
    stdin(monkeypatch, "a walk\n\na book\n")
    assert run("predict", "--input", "-", "--format", "lines", "--output", "-") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == ["a walk", "", "a book"]
    stdin(monkeypatch, "text,n\na walk,1\n")
    assert run("predict", "--input", "-", "--format", "csv", "--output", "-") == 0
    assert capsys.readouterr().out.startswith("text,n,label,")


def test_few_posts_are_in_memory_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Counting(Fake):
        def predict_many(self, posts: Iterable[str]) -> list[Prediction]:
            posts = list(posts)
            sizes.append(sum(map(len, posts)))
            return super().predict_many(posts)

    monkeypatch.setattr("riskclf.cli.options.load_classifier", lambda *_: Counting())
    source = tmp_path / "a.csv"
    source.write_text("text\n" + "\n".join("x" * 1_000_000 + str(n) for n in range(10)))
    assert run("predict", "--input", source, "--output", tmp_path / "o.jsonl") == 0
    assert sum(sizes) == 10_000_010
    assert max(sizes) <= 5_000_010


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), {}),
        (("--prevalence", "0.001"), {"prevalence": 0.001}),
        (("--operating-point", "sensitive"), {"operating_point": "sensitive"}),
        (("--flag", "0.9", "--review", "0.2"), {"thresholds": {"flag": 0.9, "review": 0.2}}),
        (("--cascade",), {"cascade": True}),
    ],
    ids=["nothing", "prevalence", "operating point", "thresholds", "cascade"],
)
def test_what_decides_reaches_the_model(
    monkeypatch: pytest.MonkeyPatch, given: Sequence[str], expected: dict[str, Any]
) -> None:
    asked: list[dict[str, Any]] = []

    def load(model: str | None, device: str, batch_size: int, decisions: Any, *_: str) -> Fake:
        asked.append({name: value for name, value in decisions.items() if value is not None})
        return Fake()

    monkeypatch.setattr("riskclf.cli.options.load_classifier", load)
    assert run("predict", "a post", *given) == 0
    assert asked == [expected]


def test_an_explanation_of_what_n_grams_cleared_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("predict", "a post", "--cascade", "--explain") == 2
    assert "--cascade" in capsys.readouterr().err


def test_one_threshold_alone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", "a post", "--flag", "0.9") == 2
    assert "--review" in capsys.readouterr().err


# The packaged model -----------------------------------------------------------------------------


@with_model
def test_the_packaged_model_labels_posts() -> None:
    done = command("predict", "今日は友達と公園を散歩した", "I baked bread this morning")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("benign ") >= 2
    assert done.stdout.count(" clear ") == 2


@with_model
def test_the_packaged_model_through_files_agrees_with_the_library(tmp_path: Path) -> None:
    posts = ["今日は友達と公園を散歩した", "", "夕飯はカレー" * 400]
    source, out = tmp_path / "a.parquet", tmp_path / "o.jsonl"
    pq.write_table(pa.table({"text": posts}), source)
    done = command("predict", "--input", source, "--output", out, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    predictions = riskclf.RiskClassifier.load(device="cpu").predict_many(posts)
    for row, prediction in zip(records(out), predictions, strict=True):
        assert (row["label"], row["decision"]) == (prediction.label, prediction.decision)
        assert row["truncated"] == prediction.truncated
        assert row["risk"] == pytest.approx(prediction.risk, rel=1e-4, abs=1e-6)


def test_a_file_in_the_place_of_a_post_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: Fake
) -> None:
    file = tmp_path / "posts.csv"
    file.write_text("text\n雨\n", encoding="utf-8")
    assert run("predict", file) == 2
    assert f"use --input {file}" in only_line(capsys.readouterr().err)
    assert fake.posts == []


def test_an_output_that_is_a_link_to_itself_is_one_line(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.csv"
    out.symlink_to(out)
    assert run("predict", "--input", table, "--output", out) == 2
    assert "leads to itself" in only_line(capsys.readouterr().err)


def test_a_file_without_a_header_is_named_without_its_only_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "h.csv"
    file.write_text("SECRETWORD\nrain\n", encoding="utf-8")
    assert run("predict", "--input", file) == 2
    line = only_line(capsys.readouterr().err)
    assert "SECRETWORD" not in line and "first line must name the columns" in line
