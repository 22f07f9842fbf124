"""A log that was changed is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from riskclf.errors import CaseError
from tests.casework.desk import Desk, case_of, opened


@pytest.fixture
def desk(place: str) -> Desk:
    desk = opened(place, [case_of("r1")])
    case = desk.next_case("a")
    assert case is not None
    desk.act(case.id, "a", "decide", decision="minor_solicitation")
    desk.act(case.id, "a", "warn")
    return desk


def change(desk: Desk, *statements: str) -> None:
    """As somebody would who can write to the database."""
    with desk.writing() as (session, _, _now):
        if desk.engine.dialect.name == "sqlite":
            for what in ("UPDATE", "DELETE"):
                session.execute(text(f"DROP TRIGGER events_no_{what}"))
        else:
            session.execute(text("DROP TRIGGER events_never_change ON events"))
        for statement in statements:
            session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    ["UPDATE events SET officer = 'b' WHERE id = 2", "DELETE FROM events WHERE id = 4"],
)
def test_the_database_refuses_to_change_the_log(desk: Desk, statement: str) -> None:
    with pytest.raises(CaseError), desk.writing() as (session, _, _now):
        session.execute(text(statement))
    assert desk.verify()[0] == 4


@pytest.mark.parametrize(
    "statement, what",
    [
        ("UPDATE events SET officer = 'b' WHERE id = 2", "event 2 is not as it was written"),
        ("UPDATE events SET after = 'benign' WHERE id = 3", "event 3 is not as it was written"),
        ("DELETE FROM events WHERE id = 4", "ends with event 3, and the store says 4"),
        ("UPDATE stores SET head = 'x'", "the log was changed"),
    ],
)
def test_a_changed_or_missing_event_is_found(desk: Desk, statement: str, what: str) -> None:
    change(desk, statement)
    with pytest.raises(CaseError, match=what):
        desk.verify()


def test_an_event_that_is_missing_in_the_middle_is_found(desk: Desk) -> None:
    change(desk, "DELETE FROM rulings", "DELETE FROM events WHERE id = 3")
    with pytest.raises(CaseError, match="event 3 is missing"):
        desk.verify()


def test_who_keeps_the_head_sees_that_a_log_was_cut_and_closed_again(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), [case_of("r1")])
    desk.hold(1, "a")
    kept = desk.verify()
    change(
        desk,
        "DELETE FROM events WHERE id = 2",
        "UPDATE stores SET events = 1, head = (SELECT digest FROM events WHERE id = 1)",
    )
    assert desk.verify() != kept
