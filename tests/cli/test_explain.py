"""`riskclf explain` and `riskclf predict --explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.helpers import Fake, only_line, records, run

LONG = "今日は図書館で本を三冊借りました。" * 4  # the fake's risk is its length
MINE = "散歩した。"


def test_answers_phrases_and_directions_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", LONG, MINE) == 0
    out = capsys.readouterr().out
    first, second = out.split("\n\n")
    assert "reads as under 18" in first
    assert "age: reads as under 18 0.90" in first
    assert "  今日  for the risk, strong, age" in first
    assert "  は  against the risk, weak" in first
    assert "3.00" not in out
    assert second.startswith("clear")
    assert "under 18" not in second


def test_numbers_and_japanese_are_given_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", LONG, "--numbers", "--lang", "ja") == 0
    out = capsys.readouterr().out
    assert "  今日  リスクを上げる、強い (+3.00)、年齢" in out
    assert "18歳未満と読める" in out


def test_json_has_offsets_and_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", LONG, "--json") == 0
    out = capsys.readouterr().out
    (found,) = json.loads(out)
    assert found["sentence"] == "reads as under 18"
    assert found["spans"][0] == {
        "start": 0,
        "end": 2,
        "for_risk": True,
        "strength": "strong",
        "question": "age",
    }
    assert "図書館" not in out


def test_the_nearest_scenarios_are_named_if_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", LONG, "本", "--nearest", "--lang", "ja") == 0
    first, second = capsys.readouterr().out.split("\n\n")
    assert "ゲーム（benign、類似度 0.50）" in first
    assert "似た既知の場面はありません" in second
    assert run("explain", LONG, "--nearest", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["nearest"] == [{"name": "games", "label": "benign", "similarity": 0.5}]
    assert run("explain", LONG) == 0
    assert "games" not in capsys.readouterr().out


def test_a_post_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "[red]\x1b[2J\u202e今日") == 0
    out = capsys.readouterr().out
    assert "[red]" in out
    assert not set("\x1b\u202e") & set(out)


def test_a_file_is_not_explained_as_a_post(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: Fake
) -> None:
    file = tmp_path / "posts.csv"
    file.write_text("text\n散歩\n", encoding="utf-8")
    assert run("explain", file) == 2
    assert "--input" in only_line(capsys.readouterr().err)
    assert fake.posts == []


def test_predict_explains_posts_and_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", "--explain", LONG, MINE) == 0
    assert "for the risk, strong, age" in capsys.readouterr().out
    file, output = tmp_path / "posts.csv", tmp_path / "out.jsonl"
    file.write_text(f"text,explanation\n{LONG},mine\n{MINE},\n", encoding="utf-8")
    assert run("predict", "--explain", "--lang", "ja", "--input", file, "--output", output) == 0
    rows = records(output)
    assert [row["explanation"] for row in rows] == ["mine", ""]
    told = json.loads(rows[0]["riskclf_explanation"])
    assert told["sentence"] == "18歳未満と読める"
    assert [x["strength"] for x in told["spans"]] == ["strong", "weak"]
    assert "prediction" not in told
    assert json.loads(rows[1]["riskclf_explanation"])["aspects"] == []
    assert "flag" in capsys.readouterr().err  # the summary


def test_a_file_is_explained_into_an_output_only(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", "--explain", "--input", table) == 2
    assert "--output" in only_line(capsys.readouterr().err)


def test_posts_that_read_alike_but_are_written_otherwise_have_offsets_of_their_own(
    tmp_path: Path, fake: Fake
) -> None:
    file, output = tmp_path / "posts.jsonl", tmp_path / "out.jsonl"
    posts = [LONG, f"  {LONG}", LONG]
    rows = "".join(json.dumps({"text": post}) + "\n" for post in posts)
    file.write_text(rows, encoding="utf-8")
    assert run("predict", "--explain", "--input", file, "--output", output) == 0
    windows = [json.loads(row["explanation"])["window"] for row in records(output)]
    assert windows == [[0, len(post)] for post in posts]
    assert fake.posts == posts[:2]
