"""`riskclf casework outcomes`, `counts`, `agreement`, and the year that the documents describe."""

from __future__ import annotations

import random
import re
import shlex
import shutil
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete

from riskclf.casework import Store
from riskclf.casework.schema import Case, Lease
from riskclf.casework.survival import curve_of
from riskclf.cli import options
from riskclf.errors import MissingExtra
from tests.casework.desk import DETAILS, RETENTION, Desk, case_of
from tests.cli.helpers import ROOT, only_line, records, run

A = ["--officer", "officer-a"]
PACKAGED = options.load_classifier
RISKY = {"1": "minor_solicitation", "2": "minor_solicitation", "3": "adult_solicitation"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a case that was just warned, and one that was not read."""
    place = tmp_path / "cases.db"
    desk = Desk.create(str(place), **DETAILS, retention=RETENTION)
    desk.add(
        [case_of("r1", "雨が降る", risk=0.95), case_of("r2", "猫が寝ている")],
        model="m",
        officer="x",
    )
    desk.take(1, "officer-a")
    desk.act(1, "officer-a", "decide", decision="minor_solicitation")
    desk.act(1, "officer-a", "warn")
    return place


def today() -> str:
    return f"{datetime.now(ZoneInfo('Asia/Tokyo')):%Y-%m-%d}"


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_good_rows_are_recorded_and_bad_ones_listed_with_their_reason(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    file = tmp_path / f"found.{suffix}"
    rows = [("r1", "deleted"), ("r2", "deleted"), ("r3", "deleted")]
    if suffix == "csv":
        lines = ["reference,outcome,checked_at", *(f"{x},{y},{today()}" for x, y in rows)]
    else:
        form = '{{"reference": "{}", "outcome": "{}", "checked_at": "{}"}}'
        lines = [form.format(x, y, today()) for x, y in rows]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert run("casework", "outcomes", store, file, *A) == 1
    told = capsys.readouterr().err
    assert "Checks recorded: 1; recorded before: 0." in told and "2 rows were rejected" in told
    rejects = records(tmp_path / f"found.{suffix}.rejects.csv")
    assert [x["column"] for x in rejects] == ["reference", "reference"]
    assert rejects[0]["reason"] == "its case was not warned"
    assert "purged" in rejects[1]["reason"]
    assert run("casework", "outcomes", store, file, *A, "--lang", "ja") == 1
    assert "記録した確認：0 件。すでに記録済み：1 件" in capsys.readouterr().err
    assert "警告していません" in records(tmp_path / f"found.{suffix}.rejects.csv")[0]["reason"]


def test_counts_are_printed_and_written(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("casework", "act", store, "1", "check", *A, "--outcome", "deleted") == 0
    table, plot = tmp_path / "m.xlsx", tmp_path / "p.png"
    assert run("casework", "counts", store, "--output", table, "--plot", plot) == 0
    told = capsys.readouterr().out
    assert "# Counts, Asia/Tokyo" in told and "100 % (20.7–100), 1 of 1" in told
    assert plot.read_bytes().startswith(b"\x89PNG") and table.stat().st_size > 0
    assert run("casework", "counts", store, "--by", "side", "--lang", "ja") == 0
    told = capsys.readouterr().out
    assert "# 集計（Asia/Tokyo）" in told and "子どもの側" in told and "雨" not in told


@pytest.mark.parametrize(
    "wrong, message",
    [
        (["--by", "place"], "choose one of side, template, month"),
        (["--time-zone", "Tokyo"], "is no time zone"),
        (["--output", "m.csv"], "ends with .xlsx"),
        (["--plot", "p.pdf"], "ends with .png"),
    ],
)
def test_what_cannot_be_counted_is_told_in_one_line(
    store: Path, capsys: pytest.CaptureFixture[str], wrong: list[str], message: str
) -> None:
    assert run("casework", "counts", store, *wrong) == 2
    assert message in only_line(capsys.readouterr().err)


def test_the_model_of_a_drawn_case_is_not_printed(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(str(store)).writing() as (session, _, _now):
        session.get_one(Case, 2).double = True
    assert run("casework", "show", store, "2", *A, "--drafts", "none.toml") == 2  # no such file
    told = capsys.readouterr().out
    assert "the model is hidden" in told and "猫が寝ている" in told
    assert "flag" not in told and "0.9" not in told and "minor" not in told


def test_without_statsmodels_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [x for x in sys.modules if x.startswith("statsmodels")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    with pytest.raises(MissingExtra, match=r"pip install 'riskclf\[casework\]'"):
        curve_of([])


def test_the_year_runs_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "riskclf" / "example_posts.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("riskclf.cli.options.load_classifier", PACKAGED)
    monkeypatch.setattr("riskclf.casework.drawing._CHANCE", random.Random(4))
    page = (ROOT / "docs" / "outcomes.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- ci: (outcomes[.\w]*) -->\n```\w+\n(.*?)```", page, re.DOTALL)
    for number, (name, block) in enumerate(blocks):
        if name == "outcomes.csv":
            text = re.sub(r"2026-12-03T.*|2026-12-03", today(), block)
            Path(name).write_text(text, encoding="utf-8")
            continue
        for line in block.replace("\\\n", " ").splitlines():
            program, *arguments = shlex.split(line)
            assert program == "riskclf"
            assert run(*arguments) == 0, capsys.readouterr().err
        if number == 0:
            officers_work(Store.open("year.db"))
    said = capsys.readouterr().out
    assert "Cohen's kappa: 1.00" in said and "コーエンのカッパ係数：1.00" in said
    assert "1 of 2 cases were found gone" in said
    decided, drawn = records(tmp_path / "decided.csv"), records(tmp_path / "drawn.csv")
    assert {x["text"] for x in decided}.isdisjoint(x["text"] for x in drawn)
    assert len(decided) + len(drawn) == 9
    assert {float(x["weight"]) for x in drawn} == {2.0, 5.0}
    for name in ("deletion.png", "sakujo.png", "months.xlsx", "tsuki.xlsx"):
        assert (tmp_path / name).stat().st_size > 1000


def officers_work(desk: Store) -> None:
    """Two officers decide all listed cases as the labelling guide says, and warn."""
    for officer in ("officer-7", "officer-8"):
        while case := desk.next_case(officer):
            decision = RISKY.get(case.posts[0].reference, "benign")
            case = desk.act(case.id, officer, "decide", decision=decision)
            if case.decision == "adult_solicitation":
                desk.act(case.id, officer, "secure_evidence")
            if case.decision in ("adult_solicitation", "minor_solicitation"):
                desk.act(case.id, officer, "warn")
    assert desk.unfinished() == []
    with desk.writing() as (session, _, _now):
        session.execute(delete(Lease))  # half an hour later
