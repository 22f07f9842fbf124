"""`riskclf evaluate`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import (
    LABELS,
    Fake,
    only_line,
    records,
    run,
)


@pytest.fixture
def labelled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Posts with right labels, scored by `predict`; one row has a label that nobody knows."""
    source, out = tmp_path / "labelled.csv", tmp_path / "scored.csv"
    rows = [f"{n},{'散歩した。' * (n % 20)},{LABELS[n % 3]},sport" for n in range(90)]
    rows[4] = "4,散歩した。,grooming,sport"
    source.write_text("id,text,label,topic\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert run("predict", "--input", source, "--output", out) == 0
    capsys.readouterr()
    return out


def test_what_predict_has_written_is_evaluated_without_scoring_again(
    labelled: Path, tmp_path: Path, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.posts.clear()
    report = tmp_path / "report"
    arguments = ["--slice-column", "topic", "--prevalence", "0.001", "--min-recall", "0.5"]
    assert run("evaluate", labelled, "--output", report, *arguments) == 1
    out, err = capsys.readouterr()
    assert out.startswith("Measured on 89 labelled posts: 59 risky, 30 benign, 0 unclear.\n")
    assert "1 row was rejected: see " in err
    assert f"report written to {report / 'report.html'}" in err.replace("\n", "")
    assert "散歩" not in out + err
    assert fake.posts == []
    figures = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert list(figures["slices"]) == ["sport"]
    assert figures["thresholds"][0]["constraint"] == "recall"
    assert [row["row"] for row in records(report / "rejects.csv")] == ["6"]


def test_summary_and_report_are_in_the_language_that_is_asked_for(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report"
    assert run("evaluate", labelled, "--output", report, "--lang", "ja") == 1
    out, _ = capsys.readouterr()
    assert out.startswith("正しいラベルの付いた投稿 89 件で測定しました")
    assert '<html lang="ja">' in (report / "report.html").read_text(encoding="utf-8")
    figures = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert next(iter(figures["data"]["reasons"])).startswith("モデルのラベル")
    assert records(report / "rejects.csv")[0]["reason"].startswith("モデルのラベル")


def test_labels_of_the_user_are_mapped(labelled: Path, tmp_path: Path) -> None:
    mapped = ["--label-map", "grooming=adult_solicitation"]
    assert run("evaluate", labelled, "--output", tmp_path / "report", *mapped) == 0
    assert not (tmp_path / "report" / "rejects.csv").exists()


def test_text_gets_into_the_differences_only_if_it_is_asked_for(
    labelled: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("散歩", encoding="utf-8")
    against = ["--against", f"keywords={tmp_path / 'words.txt'}"]
    for options, expected in (((), False), (("--include-text",), True)):
        assert run("evaluate", labelled, "--output", tmp_path / "r", *against, *options) == 1
        differences = (tmp_path / "r" / "differences-1.csv").read_text(encoding="utf-8")
        assert ("散歩した" in differences) is expected


def test_posts_without_scores_are_scored_by_the_named_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from riskclf.classifier import RiskClassifier

    seen: list[object] = []

    class Streaming(Fake):
        def stream(self, posts: Iterable[str]) -> Any:
            return (self.one(post, 0) for post in posts)

        def info(self) -> dict[str, Any]:
            return {"fingerprint": "0123", "saved_as": {"risk_labels": LABELS[:2]}}

    def load(model: object, **options: object) -> Streaming:
        seen.extend([model, *options.values()])
        return Streaming()

    monkeypatch.setattr(RiskClassifier, "load", load)
    source = tmp_path / "a.jsonl"
    source.write_text('{"text":"sample one","label":"benign"}\n')
    options = ["--model", "dir", "--device", "cpu", "--batch-size", "8"]
    assert run("evaluate", source, "--output", tmp_path / "report", *options) == 0
    assert seen[:3] == ["dir", "cpu", 8]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.csv", "--output", "report"], "gone.csv does not exist"),
        (["scored.csv"], "--output"),
        (["scored.csv", "--output", "labelled.csv"], "is a file; name a directory"),
        (["scored.csv", "--output", "no/report"], "does not exist; make it first"),
        (["scored.csv", "--output", "."], "lies in the output directory"),
        (["scored.csv", "--output", "report", "--label-map", "x"], "is not YOURS=OURS"),
        (["scored.csv", "--output", "report", "--label-map", "x=y"], "the model does not know"),
        (["scored.csv", "--output", "report", "--volume", "many"], "is not a rate"),
        (["scored.csv", "--output", "report", "--capacity", "2/hour"], "needs the volume"),
        (["scored.csv", "--output", "report", "--prevalence", "2"], "must lie between 0 and 1"),
        (["scored.csv", "--output", "report", "--label-column", "x"], "no column 'x'"),
        (["scored.csv", "--output", "report", "--family-column", "x"], "no column 'x'"),
    ],
)
def test_an_evaluation_that_cannot_be_made_is_one_line_and_leaves_nothing(
    labelled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert run("evaluate", *arguments) == 2
    out, err = capsys.readouterr()
    assert message in only_line(err)
    assert out == ""
    assert sorted(tmp_path.iterdir()) == before
