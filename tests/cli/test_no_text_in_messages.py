"""No message holds the text of a post, wherever a post is put by mistake.

Harmless sentences stand in for posts. They are put where a header, a column name, a label, an id, a
number or an option is expected; every command fails or finishes, and none repeats one of them.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.helpers import LABELS, run

POSTS = [
    "今日は図書館に行った",
    "明日は雨でしょうか？",
    "駅前のパン屋さんのカレーパンが売り切れだった",
    "We baked bread today",
    "도서관에서 책을 빌렸어요",
    "weather: fine",
]
SCORES = [f"score_{label}" for label in LABELS]
FILES = {
    "headerless.csv": "a CSV without a header",
    "headerless.tsv": "a TSV without a header",
    "keys.jsonl": "JSON Lines with posts as keys",
    "broken.jsonl": "JSON Lines that are plain lines",
    "keys.parquet": "Parquet with posts as column names",
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "\n".join(POSTS) + "\n"
    Path("headerless.csv").write_text(text, encoding="utf-8")
    Path("headerless.tsv").write_text("\t".join(POSTS) + "\n" + text, encoding="utf-8")
    Path("broken.jsonl").write_text(text, encoding="utf-8")
    keys = [json.dumps({post: post for post in POSTS}, ensure_ascii=False)] * 3
    Path("keys.jsonl").write_text("\n".join(keys) + "\n", encoding="utf-8")
    pq.write_table(pa.table({post: [post] for post in POSTS}), "keys.parquet")
    with Path("scored.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        columns = ["text", "gold", "label", "decision", "risk", *SCORES, "truncated", "risk_labels"]
        writer.writerow(columns)
        for number, post in enumerate(POSTS * 4):
            gold = LABELS[number % 3]
            risks = "|".join(LABELS[:2])
            writer.writerow([post, gold, "benign", "clear", 0.2, 0.1, 0.1, 0.8, "false", risks])
    with Path("labelled.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "family"])
        writer.writerows([post, LABELS[n % 3], n] for n, post in enumerate(POSTS * 4))


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command; its output, in which no post may be."""
    status = run(*arguments)
    out, err = capsys.readouterr()
    assert status in (0, 1, 2)
    shown = "".join((out + err).split())
    for post in POSTS:
        # Neither a post nor a part of one, however the line is broken.
        assert "".join(post.split())[:8] not in shown, arguments
    if status == 2:
        assert err.startswith("error: ")
        assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("name", list(FILES))
@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "--input", "FILE", "--output", "o.csv"],
        ["evaluate", "FILE", "--output", "report"],
        ["evaluate", "scored.csv", "--label-column", "gold", "--output", "r", "--against", "FILE"],
        ["finetune", "FILE", "--output", "model"],
        ["finetune", "labelled.csv", "--natural", "FILE", "--output", "model"],
        ["suggest", "FILE", "--output", "o.csv"],
        ["suggest", "labelled.csv", "--labelled", "FILE", "--output", "o.csv"],
        ["suggest", "labelled.csv", "--terms", "--reference", "FILE", "--output", "o.csv"],
        ["triage", "FILE", "--capacity", "20/hour", "--hours", "1", "--output", "o.csv"],
    ],
    ids=lambda arguments: " ".join(arguments[:3]),
)
def test_a_file_without_the_columns(
    capsys: pytest.CaptureFixture[str], arguments: list[str], name: str
) -> None:
    given = [
        x.replace("FILE", f"tfidf={name}" if "--against" in arguments else name) for x in arguments
    ]
    assert check(capsys, *given)


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "labelled.csv", "--label-column", "text", "--output", "report"],
        ["evaluate", "scored.csv", "--label-column", "text", "--output", "report"],
        ["finetune", "labelled.csv", "--label-column", "text", "--output", "model"],
        [
            "finetune",
            "labelled.csv",
            "--label-column",
            "text",
            "--risk-labels",
            "benign",
            "--output",
            "model",
        ],
        [
            "finetune",
            "labelled.csv",
            "--label-column",
            "text",
            "--risk-labels",
            "none",
            "--output",
            "model",
        ],
        *(
            [
                "evaluate",
                "scored.csv",
                "--label-column",
                "gold",
                f"--{kind}-column",
                "text",
                "--output",
                "report",
            ]
            for kind in ("id", "slice", "language", "family", "weight")
        ),
    ],
    ids=lambda arguments: " ".join(arguments[:6]),
)
def test_the_text_column_in_another_place(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    check(capsys, *arguments)


@pytest.mark.parametrize("post", POSTS)
@pytest.mark.parametrize(
    "arguments",
    [
        ["POST"],
        ["info", "POST"],
        ["info", "--model", "POST"],
        ["evaluate", "POST", "POST"],
        ["evaluate", "POST", "--output", "report"],
        ["predict", "--input", "POST"],
        ["predict", "weather", "--flag", "POST"],
        ["predict", "weather", "--flag=POST"],
        ["predict", "weather", "--batch-size", "POST"],
        ["predict", "weather", "--device", "POST", "--model", "POST"],
        ["predict", "--input", "labelled.csv", "--format", "POST"],
        ["predict", "--input", "labelled.csv", "--text-column", "POST"],
        ["predict", "--input", "labelled.csv", "--output", "POST"],
        ["evaluate", "scored.csv", "--output", "r", "--volume", "POST"],
        ["evaluate", "scored.csv", "--output", "r", "--against", "POST"],
        ["evaluate", "scored.csv", "--output", "r", "--label-column", "POST"],
        ["evaluate", "scored.csv", "--output", "r", "--label-map", "POST"],
        [
            "evaluate",
            "scored.csv",
            "--output",
            "r",
            "--label-column",
            "gold",
            "--label-map",
            "benign=POST",
        ],
        ["finetune", "labelled.csv", "--output", "model", "--risk-labels", "POST"],
        ["finetune", "labelled.csv", "--output", "model", "--base", "POST"],
        ["suggest", "POST", "--output", "o.csv"],
        ["suggest", "labelled.csv", "--output", "o.csv", "--n", "POST"],
        ["suggest", "labelled.csv", "--output", "o.csv", "--labelled", "POST"],
        ["triage", "POST", "--capacity", "20/hour", "--hours", "1", "--output", "o.csv"],
        ["triage", "labelled.csv", "--capacity", "POST", "--hours", "1", "--output", "o.csv"],
        ["casework", "POST"],
        ["casework", "verify", "POST"],
        ["casework", "purge", "POST", "--officer", "a", "--second", "b"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_a_post_as_an_argument(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    post: str,
) -> None:
    if "--model" in arguments:
        from riskclf.classifier import RiskClassifier

        monkeypatch.setattr(
            "riskclf.cli.options.load_classifier", lambda model, *_: RiskClassifier.load(model)
        )
    check(capsys, *[x.replace("POST", post) for x in arguments])


def test_paths_are_named_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("no_such.csv", "データ 2024.csv", "無い/出力.csv"):
        assert name in check(capsys, "predict", "--input", "labelled.csv", "--output", f"x/{name}")
        assert name in check(capsys, "suggest", name, "--output", "o.csv")
