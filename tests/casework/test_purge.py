"""A purge removes every word, from every file, and leaves what can be counted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from riskclf.casework import Store
from riskclf.casework.purge import checked_retention, purge
from riskclf.errors import CaseError, InputError
from tests.casework.desk import DETAILS, RETENTION, Desk, case_of, opened

A, B = "officer-a", "officer-b"
SAID, NOTE, LINK = "猫がキーボードの上で寝ている", "電話で話した", "https://example.org/42"


def stored(directory: Path) -> bytes:
    """All that the files of the store hold."""
    return b"".join(file.read_bytes() for file in directory.glob("cases.db*"))


def decided(desk: Desk, decision: str = "benign") -> int:
    case = desk.next_case(A)
    assert case is not None
    desk.act(case.id, A, "decide", decision=decision, note=NOTE)
    return case.id


def test_no_byte_of_a_purged_case_is_left_in_any_file_of_the_store(tmp_path: Path) -> None:
    place = tmp_path / "cases.db"
    desk = opened(str(place), [case_of(LINK, SAID)])
    with desk.reading():  # keeps the write-ahead log from being removed
        pass
    decided(desk)
    words = [SAID.encode(), NOTE.encode(), LINK.encode()]
    assert all(word in stored(tmp_path) for word in words)
    desk.clock.move(days=31)
    done = purge(desk, A, B)
    assert (dict(done.cases), done.posts) == ({"not_risky": 1}, 1)
    assert not any(word in stored(tmp_path) for word in words)


def test_with_another_program_reading_the_purge_says_that_text_may_be_left(tmp_path: Path) -> None:
    place = str(tmp_path / "cases.db")
    desk = opened(place, [case_of(LINK, SAID)])
    decided(desk)
    desk.clock.move(days=31)
    reader = desk.engine.raw_connection()
    try:
        reader.cursor().execute("BEGIN").execute("SELECT * FROM posts").fetchall()
        with pytest.raises(CaseError, match="end that program and purge again"):
            purge(desk, A, B)
        reader.rollback()
    finally:
        reader.close()
    purge(desk, A, B)
    assert SAID.encode() not in stored(tmp_path)


def test_the_case_stays_and_its_log_holds(place: str) -> None:
    desk = opened(place, [case_of(LINK, SAID)])
    number = decided(desk)
    desk.clock.move(days=31)
    purge(desk, A, B)
    case = Store.open(place).case(number)
    assert (case.state, case.decision, case.posts) == ("decided", "benign", [])
    assert case.suggested["risk"] == 0.9
    assert [x.action for x in desk.events(number)] == ["assign", "decide", "purge_case"]
    with desk.reading() as session:
        assert session.execute(text("SELECT note FROM rulings")).scalars().all() == [None]
        last = session.execute(
            text("SELECT action, officer, second FROM events ORDER BY id DESC LIMIT 1")
        ).one()
    assert last == ("purge", A, B)
    desk.verify()
    assert purge(desk, A, B).posts == 0
    with pytest.raises(CaseError, match="was purged"):
        desk.undo(number, A)
    with pytest.raises(CaseError, match="was purged"):
        desk.take(number, A)
    assert desk.next_case(B) is None


def test_each_outcome_has_its_own_retention(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), [case_of(f"r{n}", f"雨が降る {n}") for n in range(3)])
    with desk.writing() as (_, record, _now):
        record.retention = {**RETENTION, "warned": 100, "unread": 5}
    decided(desk)
    warned = decided(desk, "minor_solicitation")
    desk.act(warned, A, "warn")
    desk.act(warned, A, "check", gone=True)
    desk.clock.move(days=6)
    assert purge(desk, A, B).cases == {"unread": 1}
    desk.clock.move(days=25)
    assert purge(desk, A, B).cases == {"not_risky": 1}
    desk.clock.move(days=70)
    assert purge(desk, A, B).cases == {"warned": 1}


def test_unfinished_and_held_cases_and_those_in_hand_are_kept(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), [case_of(f"r{n}", f"雨が降る {n}") for n in range(3)])
    desk.act(decided(desk, "minor_solicitation"), A, "warn")  # not checked yet
    desk.hold(decided(desk), A)
    assert desk.next_case(B) is not None
    kept = purge(desk, A, B, before=desk.clock() + timedelta(minutes=1))
    assert (kept.posts, kept.unfinished, kept.held) == (0, 2, 1)
    desk.clock.move(days=1)  # the lease has ended: nobody has read the third
    assert purge(desk, A, B, before=desk.clock()).cases == {"unread": 1}


def test_a_case_that_waits_for_a_second_officer_is_kept(place: str) -> None:
    desk = opened(place, [case_of("r1", SAID)], double_share=1)
    desk.take(1, A)
    desk.act(1, A, "decide", decision="minor_solicitation")
    desk.clock.move(days=40)
    kept = purge(desk, A, B)
    assert (kept.posts, kept.unfinished) == (0, 1)
    desk.undo(1, A)
    desk.clock.move(days=40)
    assert purge(desk, A, B).cases == {"unread": 1}


@pytest.mark.parametrize("second", ["", A])
def test_a_purge_needs_a_second_person(tmp_path: Path, second: str) -> None:
    desk = opened(str(tmp_path / "cases.db"))
    with pytest.raises((CaseError, InputError)):
        purge(desk, A, second)


@pytest.mark.parametrize(
    "days", [{}, {"warned": 3}, RETENTION | {"eternal": 1}, RETENTION | {"warned": -1}]
)
def test_every_outcome_needs_its_days(tmp_path: Path, days: dict[str, int]) -> None:
    with pytest.raises(InputError, match="retention"):
        checked_retention(days)
    with pytest.raises(InputError, match="retention"):
        Store.create(str(tmp_path / "x.db"), **DETAILS, retention=days)
