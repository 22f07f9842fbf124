"""The handover sheet and the export: what they say, and what they must not."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from riskclf.casework.export import export
from riskclf.casework.handover import handover
from riskclf.errors import CaseError, InputError
from riskclf.language import speaking
from tests.casework.desk import Desk, case_of, opened
from tests.cli.helpers import records

A, B = "officer-a", "officer-b"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = opened(
        str(tmp_path / "cases.db"),
        [
            case_of("r1", "雨が降る", risk=0.9),
            case_of("r2", "猫が寝ている", risk=0.8),
            case_of("r3", "傘を買った", risk=0.7),
            case_of("r4", "海へ行く", risk=0.6),
            case_of("r5", "山へ行く", support=True),
        ],
    )
    for decision in ("minor_solicitation", "adult_solicitation", "cannot_tell"):
        case = desk.next_case(A)
        assert case is not None
        desk.act(case.id, A, "decide", decision=decision)
    desk.act(1, A, "warn")
    desk.hold(3, A)
    return desk


def test_the_sheet_tells_the_next_shift_what_to_do(desk: Desk) -> None:
    desk.clock.move(days=2)
    assert desk.next_case(B) is not None
    sheet = handover(desk)
    for line in (
        "Support list, not read yet: 1. Read it first.",
        "Checks due: 1",
        "Decided, and a further step is needed: 2",
        "On hold: 3",
        "- warned: 1",
        "- being read: 1",
    ):
        assert line in sheet.splitlines()
    assert f"- Case 4: {B}, until" in sheet
    assert "no original evidence" in sheet


def test_the_sheet_names_drawn_cases_that_wait_for_a_second_officer(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), [case_of("r1"), case_of("r2")], double_share=1)
    desk.take(2, A)
    desk.act(2, A, "decide", decision="minor_solicitation")
    line = "Decided by one officer; a second must, blind: "
    assert f"{line}2" in handover(desk).splitlines()
    desk.take(2, B)
    desk.act(2, B, "decide", decision="minor_solicitation")
    assert f"{line}none" in handover(desk).splitlines()


def test_the_sheet_holds_no_text_no_reference_and_no_side(desk: Desk) -> None:
    for language in ("en", "ja"):
        with speaking(language):
            sheet = handover(desk)
        assert not any(x in sheet for x in ("r1", "雨", "猫", "傘", "minor", "adult"))
    assert "証拠" in sheet


def test_the_export_holds_text_and_label_of_decided_posts_only(desk: Desk, tmp_path: Path) -> None:
    place = tmp_path / "posts.jsonl"
    assert export(desk, place, A, B) == 2
    assert records(place) == [
        {"text": "雨が降る", "label": "minor_solicitation"},
        {"text": "猫が寝ている", "label": "adult_solicitation"},
    ]
    with desk.reading() as session:
        last = text("SELECT action, officer, second FROM events ORDER BY id DESC LIMIT 1")
        assert session.execute(last).one() == ("export", A, B)


@pytest.mark.parametrize("second", ["", A])
def test_an_export_needs_a_second_person(desk: Desk, tmp_path: Path, second: str) -> None:
    with pytest.raises((CaseError, InputError)):
        export(desk, tmp_path / "posts.csv", A, second)
    assert not (tmp_path / "posts.csv").exists()
