"""With `--lang ja` an officer reads Japanese: on the screen, in warnings, in lists of rejects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from riskclf import cli
from tests.cli.helpers import LABELS, Fake, only_line, records, run
from tests.suggestion.helpers import made_up, with_others, write_csv

# Names, codes and options, which are the same in every language.
NAMES = {
    *(part for name in LABELS for part in (name, *name.split("_"))),
    *("flag", "review", "clear", "reasons", "UTF", "cp", "output", "encoding", "FILE", "rejects"),
}


def english(shown: str, place: Path) -> set[str]:
    """Words of more than one Latin letter that are no names, and not part of a file's name."""
    flat = re.sub(r"\w+(\.\w+)+", " ", shown.replace(str(place), " "))
    return set(re.findall(r"(?<![0-9A-Za-z_])[A-Za-z_]{2,}", flat)) - NAMES


@pytest.fixture
def bad_cp932(tmp_path: Path) -> Path:
    path = tmp_path / "posts.csv"
    rows = "id,text\n1,散歩した。\n2,\n3\n4,今日はパンを焼いた。\n"
    path.write_bytes(rows.encode("cp932"))
    return path


def test_predict(bad_cp932: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.csv"
    assert run("predict", "--input", bad_cp932, "--output", out, "--lang", "ja") == 1
    shown, err = capsys.readouterr()
    assert shown == ""
    assert english(err, tmp_path) == set()
    for line in (
        "警告：",
        "1 行を読み込めませんでした",
        "空白 1 件",
        f"{out} に保存しました",
    ):
        assert line in err
    listed = tmp_path / "out.csv.rejects.csv"
    assert "項目が 1 個" in records(listed)[0]["reason"]
    assert listed.read_bytes().startswith(b"\xef\xbb\xbf")  # else Excel shows it garbled
    # The columns are for programs too.
    assert records(out)[0]["decision"] == "clear"


def test_predict_on_the_screen(
    bad_cp932: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", "--input", bad_cp932, "--lang", "ja") == 1
    out, err = capsys.readouterr()
    assert english(out + err, tmp_path) == set()
    assert "リスクの高い順" in out and "review (空白)" in out
    assert "4 行目：項目が 1 個" in err


def test_stopping_and_continuing(
    table: Path, tmp_path: Path, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    command = ["predict", "--input", str(table), "--output", str(out), "--lang", "ja"]
    fake.stop_after = 1024
    assert run(*command) == 130
    assert "続きから始まります" in capsys.readouterr().err
    fake.stop_after = None
    assert run(*command) == 1
    err = capsys.readouterr().err
    assert err.startswith("中止した処理の続きから始めます\n")
    assert "中止前に処理済み" in err


def test_suggest_with_emerging_terms(
    model_directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.undo()  # a real model
    posts = write_csv(tmp_path / "posts.csv", [*made_up(100), *with_others("水色の風船を見た", 12)])
    with posts.open("a", encoding="utf-8") as file:
        file.write("bad\n")
    older = write_csv(tmp_path / "older.csv", made_up(100, seed=7))
    options = ["--terms", "--reference", older, "--model", model_directory, "--n", 200]
    command = ["suggest", posts, "--output", tmp_path / "out.csv", *options, "--lang", "ja"]
    assert cli.main([str(x) for x in command]) == 1
    out, err = capsys.readouterr()
    assert english(out + err, tmp_path) == set()
    assert "12 件" in out and "無作為に抽出：" in err
    reasons = {row["suggested_because"] for row in records(tmp_path / "out.key.csv")}
    assert "無作為に抽出" in reasons


@pytest.mark.parametrize("command", ["predict", "suggest", "evaluate", "finetune"])
def test_an_unknown_language_is_refused_in_plain_words(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, "a.csv", "--output", "b", "--lang", "xx") == 2
    error = only_line(capsys.readouterr().err)
    assert "'--lang': the language 'xx' is not available; choose one of en, ja" in error
