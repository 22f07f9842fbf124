"""`riskclf triage` and `riskclf casework`, as an agency types them."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import riskclf.casework
from riskclf.casework import Store
from riskclf.errors import MissingExtra
from tests.casework.model import fake
from tests.cli.helpers import ROOT, only_line, records, run

INIT = ["--purpose", "protection", "--legal-basis", "statute", "--source", "public posts"]
POSTS = "reference,text,author\nr1,海 %90,somebody\nr2,山 %85,somebody\nr3,助けて,somebody\n"


@pytest.fixture(autouse=True)
def classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    found = fake(tmp_path, support=True)
    monkeypatch.setattr("riskclf.cli.options.load_classifier", lambda *_: found)
    return found


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.csv"
    path.write_text(POSTS, encoding="utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    place = tmp_path / "cases.db"
    assert run("casework", "init", place, *INIT, "--retention", "90", "--double-share", "0") == 0
    return place


def test_triage_writes_as_many_cases_as_the_hours_hold(posts: Path, tmp_path: Path) -> None:
    place = tmp_path / "list.csv"
    assert run("triage", posts, "--capacity", "20/hour", "--hours", "0.1", "--output", place) == 0
    assert [x["reference"] for x in records(place)] == ["r1", "r2"]
    assert "somebody" not in place.read_text(encoding="utf-8")


def test_triage_says_what_to_expect_in_japanese(
    posts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--capacity", "20/hour", "--hours", "1", "--prevalence", "0.5", "--lang", "ja"]
    assert run("triage", posts, *options, "--output", tmp_path / "list.xlsx") == 0
    said = capsys.readouterr().err
    assert "見込み" in said and "3 件の案件" in said and "海" not in said


def test_a_day_at_the_desk(
    posts: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work: list[str | Path] = ["triage", posts, "--capacity", "20/hour", "--hours", "1"]
    assert run(*work, "--store", store, "--officer", "a") == 0
    assert "Cases opened: 3, of them on the support list: 1." in capsys.readouterr().err
    assert run(*work, "--store", store, "--officer", "a") == 0
    assert "Cases opened: 0" in capsys.readouterr().err  # the store holds all of them
    desk = Store.open(str(store))
    case = desk.next_case("a")
    assert case is not None and case.model == "f" * 64
    desk.act(case.id, "a", "decide", decision="benign")
    assert run("casework", "handover", store, "--lang", "ja") == 0
    assert "引き継ぎ書" in capsys.readouterr().out
    place = tmp_path / "learn.csv"
    both = ["--officer", "a", "--second", "b"]
    assert run("casework", "export", store, "--output", place, *both) == 0
    assert records(place) == [{"text": "海 %90", "label": "benign"}]
    assert run("casework", "purge", store, *both, "--before", "2999-01-01") == 0
    assert "3 cases, 3 posts purged" in capsys.readouterr().err
    assert run("casework", "upgrade", store) == 0
    assert run("casework", "verify", store) == 0
    count, digest = capsys.readouterr().out.split()
    assert (int(count), len(digest)) == (desk.verify()[0], 64)


def test_an_agency_starts_from_the_samples_and_is_told_what_to_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "drafts.toml"
    assert run("casework", "drafts", place, "--new") == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[:2] == ["sample", "agency.ja.agency"]
    assert "8 texts (ja, en), 19 keys to be set" in told.err
    ours = place.read_text(encoding="utf-8").replace("sample = true", "sample = false")
    place.write_text(re.sub(r'= ""(?!")', '= "x"', ours), encoding="utf-8")
    assert run("casework", "drafts", place) == 0
    assert capsys.readouterr().out == ""
    assert run("casework", "drafts", place, "--new") == 2
    assert "exists already" in only_line(capsys.readouterr().err)


def test_the_page_on_the_desk_runs_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "riskclf" / "example_posts.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "casework.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- ci: casework -->\n```(\w+)\n(.*?)```", page, re.DOTALL)
    assert {kind for kind, _ in blocks} == {"bash", "python"}
    for kind, block in blocks:
        if kind == "python":
            exec(block, {})
            continue
        for line in block.replace("\\\n", " ").splitlines():
            program, *arguments = shlex.split(line)
            assert program == "riskclf"
            assert run(*arguments) == 0, capsys.readouterr().err
    labels = [x["label"] for x in records(tmp_path / "decided.csv")]
    assert labels == ["adult_solicitation", "minor_solicitation"]
    for log in ("audit.jsonl", "kansa.jsonl"):
        actions = [x["action"] for x in records(tmp_path / log)[1:]]
        assert [x for x in actions if x in ("decide", "warn")][:2] == ["decide", "warn"]
    assert len(records(tmp_path / "list.xlsx")) == 12


@pytest.mark.parametrize(
    "options, message",
    [
        ([], "either --output or --store"),
        (["--output", "x.csv", "--store", "s.db"], "either --output or --store"),
        (["--store", "s.db"], "both --store and --officer"),
        (["--output", "x.pdf"], "x.pdf"),
        (["--output", "x.csv", "--capacity", "many"], "20/hour"),
        (["--output", "x.csv", "--hours", "0"], "capacity is 0"),
    ],
)
def test_triage_says_what_is_wrong_before_it_scores(
    posts: Path,
    classifier: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(posts.parent)
    assert run("triage", posts, "--capacity", "20/hour", "--hours", "1", *options) == 2
    assert message in only_line(capsys.readouterr().err)
    assert classifier.scored == []


@pytest.mark.parametrize("retention", [["soon"], ["90", "forever=1"], ["warned=90"]])
def test_a_retention_that_cannot_be_read_makes_no_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], retention: list[str]
) -> None:
    options = [x for value in retention for x in ("--retention", value)]
    assert run("casework", "init", tmp_path / "x.db", *INIT, *options) == 2
    assert "retention" in only_line(capsys.readouterr().err)
    assert not (tmp_path / "x.db").exists()


def test_one_outcome_can_be_kept_longer_in_any_order(tmp_path: Path) -> None:
    place = tmp_path / "x.db"
    options = ["--retention", "warned=365", "--retention", "90"]
    assert run("casework", "init", place, *INIT, *options) == 0
    with Store.open(str(place)).writing() as (_, record, _now):
        assert (record.retention["warned"], record.retention["unread"]) == (365, 90)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [x for x in sys.modules if x.startswith("riskclf.casework.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(MissingExtra, match=r"pip install 'riskclf\[casework\]'"):
        _ = riskclf.casework.Store
    assert importlib.import_module("riskclf.casework.triage").triage
