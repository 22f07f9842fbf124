"""Files as analysts have them: from Excel and back to it, compressed, in other encodings."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import xlsxwriter

import riskclf
from tests.cli.helpers import ADDED, ROOT, Fake, only_line, records, run

EXAMPLE = Path(riskclf.__file__).with_name("example_posts.csv")


@pytest.fixture
def posts() -> list[str]:
    """Those of the example file that cp932 can hold, and a blank one."""
    with EXAMPLE.open(encoding="utf-8", newline="") as file:
        found = [row["text"] for row in csv.DictReader(file)]
    return [*(x for x in found if x == x.encode("cp932", "replace").decode("cp932")), " "]


def test_a_csv_as_excel_writes_it_comes_back_as_excel_opens_it(
    posts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: Fake
) -> None:
    source, out = tmp_path / "a.csv", tmp_path / "o.csv"
    with source.open("w", encoding="cp932", newline="") as file:
        writer = csv.writer(file)  # with the line ends of Excel
        writer.writerow(["番号", "text", "備考", "備考"])
        writer.writerows([f"00{n}", post, "=1+1", "-"] for n, post in enumerate(posts))
    assert run("predict", "--input", source, "--output", out, "--excel") == 0
    assert fake.posts == posts
    err = capsys.readouterr().err
    assert "warning: " in err and "a.csv is not UTF-8; it is read as cp932" in err
    assert "1 post could not be read and must be looked at: 1 blank" in err
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    found = records(out)
    assert list(found[0]) == ["番号", "text", "備考", "備考 (2)", *ADDED]
    assert [row["番号"] for row in found] == [f"00{n}" for n in range(len(posts))]
    assert {(row["備考"], row["備考 (2)"]) for row in found} == {("'=1+1", "'-")}
    assert found[-1]["reasons"] == "blank" and found[-1]["decision"] == "review"
    assert run("predict", "--input", source, "--output", out, "--encoding", "cp932") == 0
    assert "warning" not in capsys.readouterr().err


def test_a_workbook_comes_back_as_a_workbook(posts: list[str], tmp_path: Path, fake: Fake) -> None:
    source, out = tmp_path / "a.xlsx", tmp_path / "o.xlsx"
    with xlsxwriter.Workbook(source) as book:
        sheet = book.add_worksheet("投稿")
        sheet.write_row(0, 0, ["番号", "text", "likes"])
        for number, post in enumerate(posts):
            sheet.write_string(number + 1, 0, f"00{number}")
            sheet.write_string(number + 1, 1, post)
            sheet.write_number(number + 1, 2, number)
    assert run("predict", "--input", source, "--output", out) == 0
    assert fake.posts == posts
    found = records(out)
    assert list(found[0]) == ["番号", "text", "likes", *ADDED]
    assert [(row["番号"], row["likes"]) for row in found] == [
        (f"00{number}", float(number)) for number in range(len(posts))
    ]
    assert found[0]["risk"] == pytest.approx(fake.one(posts[0], len(posts) / 1e5).risk, rel=1e-5)


@pytest.mark.parametrize("suffix", ["xlsx", "csv.gz"])
def test_a_stopped_run_is_continued_with_the_same_bytes(
    tmp_path: Path, table: Path, suffix: str, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    out, whole = tmp_path / f"o.{suffix}", tmp_path / f"whole.{suffix}"
    assert run("predict", "--input", table, "--output", whole) == 1
    fake.posts.clear()
    fake.stop_after = 1024
    assert run("predict", "--input", table, "--output", out) == 130
    assert not out.exists()
    fake.posts.clear()
    fake.stop_after = None
    assert run("predict", "--input", table, "--output", out) == 1
    assert len(fake.posts) == 2498 - 1024
    assert "continuing the run that was stopped" in capsys.readouterr().err
    assert out.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.resume")) + list(tmp_path.glob("*.partial"))


def test_a_separator_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "a.csv", tmp_path / "o.csv"
    source.write_text("id;text\n1;雨\n", encoding="utf-8")
    assert run("predict", "--input", source, "--output", out) == 2
    error = only_line(capsys.readouterr().err)
    assert "only one column 'id;text': is ';' the separator? Then use --delimiter ';'" in error
    assert run("predict", "--input", source, "--output", out, "--delimiter", ";") == 0
    assert out.read_text(encoding="utf-8").startswith("id;text;label;decision;")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "o.xlsx", "--excel"], "--excel is for an output in CSV or TSV"),
        (["--excel"], "--excel needs --output"),
        (["--output", "o.csv", "--encoding", "latin-1"], "encoding 'latin-1' is not known"),
        (["--output", "o.csv", "--delimiter", "ab"], "--delimiter must be one character"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    table: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(table.parent)
    assert run("predict", "--input", table, *arguments) == 2
    assert message in only_line(capsys.readouterr().err)


def test_other_commands_read_the_same_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored, labelled = tmp_path / "scored.csv", tmp_path / "labelled.csv"
    rows = [
        f"{n};{'散歩した。' * (n % 20)};{('benign', 'adult_solicitation')[n % 2]}"
        for n in range(60)
    ]
    labelled.write_text("id;text;gold\n" + "\n".join(rows) + "\n", encoding="cp932")
    options = ["--delimiter", ";", "--encoding", "cp932"]
    assert run("predict", "--input", labelled, "--output", scored, *options) == 0
    scored.write_bytes(scored.read_text(encoding="utf-8-sig").encode("euc_jp"))
    report = tmp_path / "report"
    options = ["--delimiter", ";", "--label-column", "gold"]
    assert run("evaluate", scored, "--output", report, *options) == 0
    out, err = capsys.readouterr()
    assert "Measured on 60 labelled posts" in out
    assert "read as euc-jp" in err


def complete(*words: str) -> list[str]:
    """What the shell offers after these words."""
    code = "import sys; from riskclf.cli.app import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "_RISKCLF_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("riskclf", *words)),
            "COMP_CWORD": str(len(words)),
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout.split()


def test_the_shell_completes_commands_and_options() -> None:
    assert complete("su") == ["suggest"]
    assert "--encoding" in complete("predict", "--enc")
