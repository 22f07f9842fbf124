"""Single steps at the desk without the page, and the audit log, as an agency types them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from riskclf.casework.drafts import Templates, sample
from tests.casework.desk import DETAILS, RETENTION, Desk, case_of
from tests.cli.helpers import only_line, run

A, B = ["--officer", "officer-a"], ["--officer", "officer-b"]
SAID, CALLS = "猫がキーボードの上で寝ている", "雨が降る"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    place = tmp_path / "cases.db"
    desk = Desk.create(
        str(place), **DETAILS, retention=RETENTION, audit_log=str(tmp_path / "audit.jsonl")
    )
    desk.add([case_of("r1", SAID), case_of("r2", CALLS, support=True)], model="m", officer="chief")
    return place


@pytest.fixture
def drafts(tmp_path: Path) -> Path:
    place = tmp_path / "drafts.toml"
    ours = re.sub(r'= ""(?!")', '= "x"', sample().replace("sample = true", "sample = false"))
    place.write_text(ours, encoding="utf-8")
    return place


def test_a_case_is_read_decided_and_warned_step_by_step(
    store: Path, drafts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("casework", "next", store, *A, "--lang", "ja") == 0
    said = capsys.readouterr()
    assert "案件 1：確認中" in said.out and "参照：r1" in said.out and SAID in said.out
    assert SAID not in said.err
    decide = ["--decision", "minor_solicitation"]
    assert run("casework", "act", store, "1", "decide", *A, *decide) == 0
    assert "Case 1: minor_solicitation; decided" in capsys.readouterr().err
    assert run("casework", "show", store, "1", *A, "--drafts", drafts, "--lang", "ja") == 0
    version = Templates.read(drafts).draft("minor", "any", "ja").version
    told = capsys.readouterr().out
    assert f"[minor.any] {version}" in told and "ばつではありません" in told
    assert "[adult.any]" not in told
    assert run("casework", "act", store, "1", "warn", *A, "--template", version) == 0
    assert run("casework", "act", store, "1", "undo", *A) == 0
    assert run("casework", "act", store, "1", "hold", *A) == 0
    refer = ["refer", *A, "--recipient", "child_guidance", "--second", "officer-b"]
    assert run("casework", "act", store, "1", *refer) == 0
    assert run("casework", "act", store, "1", "check", *A, "--gone") == 0
    assert "Case 1: minor_solicitation; checked" in capsys.readouterr().err
    assert run("casework", "next", store, *A) == 0
    assert "No case is left" in capsys.readouterr().err


def test_who_reads_a_case_has_it_in_hand(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("casework", "show", store, "1", *A) == 0
    capsys.readouterr()
    assert run("casework", "show", store, "1", *B) == 2
    told = capsys.readouterr()
    assert "another officer has case 1" in only_line(told.err)
    assert told.out == ""
    assert run("casework", "act", store, "1", "decide", *B, "--decision", "benign") == 2


def test_the_support_list_is_read_one_by_one_with_contacts_and_without_drafts(
    store: Path, drafts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("casework", "next", store, "--support", *A, "--drafts", drafts) == 0
    told = capsys.readouterr()
    assert CALLS in told.out and "any]" not in told.out
    assert "no warning is sent" in told.err and "Send no warning." in told.err
    assert run("casework", "next", store, "--support", *B) == 0
    assert CALLS not in capsys.readouterr().out


def test_a_draft_that_is_not_filled_is_not_printed(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "ours.toml"
    place.write_text(sample(), encoding="utf-8")
    assert run("casework", "show", store, "1", *A, "--drafts", place) == 0
    told = capsys.readouterr()
    assert "no punishment" not in told.out + told.err
    assert f"Set in {place}: sample, agency.en.agency" in told.err


@pytest.mark.parametrize(
    "action, message",
    [
        (["fly"], "'fly' is no action"),
        (["decide"], "give a decision"),
        (["check"], "say with check"),
        (["warn", "--template", "x"], "the version of a draft"),
    ],
)
def test_a_wrong_step_is_told_in_one_line(
    store: Path, capsys: pytest.CaptureFixture[str], action: list[str], message: str
) -> None:
    assert run("casework", "next", store, *A) == 0
    capsys.readouterr()
    assert run("casework", "act", store, "1", *action, *A) == 2
    assert message in only_line(capsys.readouterr().err)


def test_the_log_is_verified_kept_and_merged(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "audit.jsonl"
    assert run("audit", "head", log) == 0
    count, digest = capsys.readouterr().out.split()
    assert run("casework", "next", store, *A) == 0
    capsys.readouterr()
    kept = ["--count", count, "--digest", digest]
    assert run("audit", "verify", log, *kept, "--lang", "ja") == 0
    told = capsys.readouterr()
    assert told.out.split()[0] == "2" and "改変されていません" in told.err
    assert run("audit", "start", store, tmp_path / "second.jsonl", *A, "--second", "b") == 0
    both = tmp_path / "both.jsonl"
    assert run("audit", "merge", log, tmp_path / "second.jsonl", "--output", both) == 0
    capsys.readouterr()
    log.write_text(log.read_text().replace("officer-a", "officer-b"))
    assert run("audit", "verify", log) == 2
    assert "the line with n = 2 is not as it was written" in only_line(capsys.readouterr().err)
    assert run("audit", "verify", log, "--count", "1") == 2


def test_a_lost_log_is_told_and_begun_anew(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audit.jsonl").unlink()
    assert run("casework", "next", store, *A) == 2
    assert "riskclf audit start" in only_line(capsys.readouterr().err)
    place = tmp_path / "new.jsonl"
    assert run("audit", "start", store, place, *A, "--second", "chief") == 0
    assert run("casework", "next", store, *A) == 0
    assert run("audit", "verify", place) == 0
