"""A file of outcomes: good rows are recorded once, bad ones are told, nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from riskclf.casework import Store
from riskclf.casework.intake import DeskPost
from riskclf.casework.outcomes import Imported, import_outcomes
from riskclf.casework.purge import purge
from riskclf.casework.triage import Because, NewCase
from riskclf.errors import ColumnNotFound, InputError
from riskclf.inputs import zone_of
from riskclf.language import speaking
from tests.casework.desk import DETAILS, RETENTION, Clock, Desk, case_of, opened, prediction

A, B = "officer-a", "officer-b"
TOKYO = ZoneInfo("Asia/Tokyo")
DAY = "2026-04-03"


def warned(desk: Desk, count: int) -> None:
    for _ in range(count):
        case = desk.next_case(A)
        assert case is not None
        desk.act(case.id, A, "decide", decision="minor_solicitation")
        desk.act(case.id, A, "warn")


@pytest.fixture
def desk(place: str) -> Desk:
    """Two cases that were warned on 1 April, and one that was not."""
    cases = [case_of(f"r{n}", f"雨が降る {n}", risk=0.9 - n / 10) for n in (1, 2, 3)]
    desk = opened(place, cases)
    warned(desk, 2)
    desk.clock.move(days=9)
    return desk


def row(reference: str, outcome: str = "deleted", checked_at: Any = DAY) -> dict[str, Any]:
    return {"reference": reference, "outcome": outcome, "checked_at": checked_at}


def read(desk: Store, *rows: dict[str, Any], officer: str = A) -> Imported:
    return import_outcomes(desk, rows, officer, zone=TOKYO)


def reasons(found: Imported) -> list[tuple[int, str | None, str]]:
    return [(x.number, x.column, x.reason) for x in found.rejects]


def test_what_was_found_is_a_check_of_the_case(desk: Desk) -> None:
    found = read(desk, row("r1"), row("r2", "still_there", "2026/4/2 18:00"))
    assert (found.added, found.known, found.rejects) == (2, 0, [])
    assert [(x.state, x.outcome, x.gone) for x in map(desk.case, (1, 2))] == [
        ("checked", "deleted", True),
        ("checked", "still_there", False),
    ]
    assert desk.events(2)[-1].detail == {
        "outcome": "still_there",
        "checked_at": "2026-04-02T09:00:00+00:00",
    }
    desk.verify()


def test_the_same_file_again_adds_nothing_and_a_later_check_adds_to_the_history(
    desk: Desk,
) -> None:
    rows = [row("r1", "still_there"), row("r2", checked_at="2026-04-03T10:00:00+09:00")]
    read(desk, *rows)
    before = desk.verify()
    again = read(desk, *rows, rows[0])
    assert (again.added, again.known, desk.verify()) == (0, 3, before)
    assert read(desk, row("r1", "deleted", "2026-04-05")).added == 1
    actions = [x.action for x in desk.events(1)]
    assert actions[-2:] == ["check", "check"] and desk.case(1).outcome == "deleted"


def test_an_earlier_check_that_is_read_later_does_not_replace_a_later_one(desk: Desk) -> None:
    read(desk, row("r1", "deleted", "2026-04-05"))
    read(desk, row("r1", "still_there", "2026-04-02"))
    assert desk.case(1).outcome == "deleted"


@pytest.mark.parametrize(
    "bad, column, reason",
    [
        (row("r9"), "reference", "it is not in the case store: it never was, or its case was"),
        (row(""), "reference", "it is missing"),
        (row("r3"), "reference", "its case was not warned"),
        (row("r1", "vanished"), "outcome", "it is none of deleted, edited, still_there"),
        (row("r1", checked_at="2026-03-31"), "checked_at", "it is before the warning"),
        (row("r1", checked_at="2026-04-30"), "checked_at", "it is in the future"),
        (row("r1", checked_at="9999-12-31"), "checked_at", "it is in the future"),
        (row("r1", checked_at="2026-04-10T19:00:00+09:00"), "checked_at", "it is in the future"),
        (row("r1", checked_at="yesterday"), "checked_at", "it is no date"),
        (row("r1", checked_at=None), "checked_at", "it is no date"),
    ],
)
def test_a_bad_row_is_told_and_the_others_are_recorded(
    desk: Desk, bad: dict[str, Any], column: str, reason: str
) -> None:
    found = read(desk, bad, row("r2"))
    assert found.added == 1 and desk.case(2).outcome == "deleted"
    ((number, blamed, said),) = reasons(found)
    assert (number, blamed) == (1, column) and said.startswith(reason)
    assert "r1" not in said and "r9" not in said
    with speaking("ja"):
        assert found.rejects[0].reason.translated() != said


def test_two_outcomes_at_one_time_are_both_rejected_and_two_times_are_a_history(
    desk: Desk,
) -> None:
    found = read(desk, row("r1"), row("r1", "edited"), row("r2", "edited"), row("r2"))
    assert [x.number for x in found.rejects] == [1, 2, 3, 4] and found.added == 0
    assert desk.case(1).outcome is None
    assert read(desk, row("r1", "still_there", "2026-04-02"), row("r1")).added == 2


def test_a_day_is_its_end_and_today_is_now(desk: Desk) -> None:
    read(desk, row("r1", checked_at="2026-04-01"), row("r2", checked_at="2026-04-10"))
    ends = [desk.events(n)[-1].detail["checked_at"] for n in (1, 2)]
    assert ends == ["2026-04-01T14:59:59.999999+00:00", desk.clock().isoformat()]
    desk.clock.move(days=1)
    assert read(desk, row("r2", checked_at="2026-04-10")).known == 1


def test_references_of_a_purged_case_are_not_known_and_its_count_stays(desk: Desk) -> None:
    read(desk, row("r1"))
    desk.clock.move(days=60)
    purge(desk, A, B)
    ((_, _, said),) = reasons(read(desk, row("r1", checked_at="2026-06-01")))
    assert "its case was purged" in said
    assert desk.case(1).outcome == "deleted"


def test_a_case_in_another_officers_hands_is_left_alone(desk: Desk) -> None:
    desk.take(1, B)
    ((_, _, said),) = reasons(read(desk, row("r1")))
    assert "record this row again later" in said and desk.case(1).state == "warned"


def test_a_withdrawn_warning_is_told(desk: Desk) -> None:
    desk.act(1, A, "withdraw")
    assert reasons(read(desk, row("r1"))) == [(1, "reference", "the warning was withdrawn")]


def test_undoing_a_recorded_check_brings_the_one_before_back(desk: Desk) -> None:
    read(desk, row("r1", "still_there", "2026-04-02"), row("r1", "account_gone"))
    assert desk.case(1).gone is True
    assert desk.undo(1, A).outcome == "still_there"
    assert desk.undo(1, A).outcome is None
    assert desk.case(1).state == "warned"


def test_a_check_without_result_is_due_again_and_an_edited_post_is_not(desk: Desk) -> None:
    read(desk, row("r1", "unknown"), row("r2", "edited"))
    desk.clock.move(days=2)
    assert [x.id for x in desk.checks_due()] == [1]


def test_a_case_is_gone_when_all_of_its_posts_are(place: str) -> None:
    posts = [DeskPost(n, "雨が降る", f"r{n}") for n in (1, 2)]
    desk = opened(place, [NewCase(posts, prediction(), Because.RISK, 2.9)])
    warned(desk, 1)
    desk.clock.move(days=9)
    read(desk, row("r1"))
    assert desk.case(1).outcome == "unknown"  # nobody has looked at the other
    read(desk, row("r2", "still_there"))
    assert desk.case(1).outcome == "still_there"
    read(desk, row("r2", "deleted", "2026-04-05"))
    assert desk.case(1).outcome == "deleted"
    assert read(desk, row("r1"), row("r2", "still_there")).added == 0


def test_a_check_by_hand_says_gone_or_what_exactly(desk: Desk) -> None:
    desk.act(1, A, "check", gone=False)
    desk.act(1, A, "check", outcome="account_gone")
    assert [x.detail["outcome"] for x in desk.events(1)[-2:]] == ["still_there", "account_gone"]
    with pytest.raises(InputError, match="whether the post is gone"):
        desk.act(1, A, "check", outcome="deleted", gone=True)
    with pytest.raises(InputError, match="is no outcome"):
        desk.act(1, A, "check", outcome="vanished")
    with pytest.raises(InputError, match="has no post 99"):
        desk.act(1, A, "check", outcome="deleted", post=99)


def test_the_audit_log_has_every_check_and_no_reference(tmp_path: Path) -> None:
    clock = Clock()
    log = tmp_path / "audit.jsonl"
    desk = Desk.create(
        str(tmp_path / "cases.db"), **DETAILS, retention=RETENTION, audit_log=str(log), clock=clock
    )
    desk.clock = clock
    desk.add([case_of("https://example.org/42")], model="m1", officer=A)
    warned(desk, 1)
    clock.move(days=4)
    read(desk, row("https://example.org/42"))
    written = log.read_text(encoding="utf-8")
    assert '"outcome":"deleted"' in written and "example.org" not in written
    assert len(written.splitlines()) - 1 == desk.verify()[0]


def test_a_table_that_is_none_of_outcomes_is_refused(desk: Desk) -> None:
    with pytest.raises(ColumnNotFound, match="checked_at"):
        read(desk, {"reference": "r1", "outcome": "deleted"})
    with pytest.raises(InputError, match="no rows"):
        read(desk)


def test_a_zone_that_is_none_is_refused() -> None:
    assert zone_of("Asia/Tokyo").key == "Asia/Tokyo"
    for name in ("Tokyo", "../etc/passwd", ""):
        with pytest.raises(InputError, match="is no time zone"):
            zone_of(name)
