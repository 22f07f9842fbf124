"""The history of a case, from the events that every version wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from riskclf.casework.checks import Check, checks_of, history
from riskclf.casework.schema import Event
from riskclf.casework.states import Outcome

START = datetime(2026, 4, 1, tzinfo=UTC)


def event(number: int, action: str = "check", undoes: int | None = None, **detail: Any) -> Event:
    at = START + timedelta(days=number)
    return Event(id=number, at=at, action=action, detail=detail, undoes=undoes)


def test_checks_are_read_from_events_of_every_version() -> None:
    events = [
        event(1, gone=False),
        event(2, gone=True),
        event(3, outcome="account_gone", checked_at="2026-04-01T12:00:00+00:00", post=7),
        event(4, outcome="edited"),
        event(5, "undo", undoes=4),
        event(6, "refer", recipient="platform"),
    ]
    assert checks_of(events) == [
        Check(START + timedelta(hours=12), Outcome.ACCOUNT_GONE, 7),
        Check(START + timedelta(days=1), Outcome.STILL_THERE),
        Check(START + timedelta(days=2), Outcome.DELETED),
    ]


@pytest.mark.parametrize(
    "found, outcome",
    [
        ({1: "deleted", 2: "account_gone"}, "account_gone"),
        ({1: "deleted", 2: "edited"}, "edited"),
        ({1: "deleted", 2: "unknown"}, "unknown"),
        ({1: "unknown", 2: "still_there"}, "still_there"),
        ({1: "deleted"}, "unknown"),
        ({None: "deleted"}, "deleted"),
        ({None: "still_there", 1: "deleted"}, "still_there"),
    ],
)
def test_a_case_is_what_the_least_finished_of_its_posts_is(
    found: dict[int | None, str], outcome: str
) -> None:
    checks = [Check(START, Outcome(word), post) for post, word in found.items()]
    assert history(checks, 2)[-1][1] == outcome
