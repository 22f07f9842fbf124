"""What checks have found: the history of a case, from its events.

Events are never purged, so neither is the history. A check is of one post of a case, or of all of
them. A case counts as deleted only when all of its posts are gone; a post that was not checked yet
is unknown. So a case is what the least finished of its posts is, in this order: still there,
unknown, edited, account gone, deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from riskclf.casework.states import Action, Outcome

if TYPE_CHECKING:
    from riskclf.casework.schema import Event

__all__ = ["Check", "checks_of", "counted", "history"]

_LEAST_FINISHED = (
    Outcome.STILL_THERE,
    Outcome.UNKNOWN,
    Outcome.EDITED,
    Outcome.ACCOUNT_GONE,
    Outcome.DELETED,
)


@dataclass(frozen=True)
class Check:
    """A look at a post that was answered."""

    at: datetime
    """When it was looked at."""
    outcome: Outcome
    post: int | None = None
    """Id of the post; None for all posts of the case."""


def counted(events: Iterable[Event]) -> list[Event]:
    """The events that were not undone, without the undoing, the first first."""
    found = list(events)
    undone = {event.undoes for event in found}
    return [x for x in found if x.id not in undone and x.action != "undo"]


def checks_of(events: Iterable[Event]) -> list[Check]:
    """The checks of a case that were not undone, in the order of their times.

    An older version recorded only whether a post was gone: that counts as deleted.

    Args:
        events: of the case.
    """
    checks = []
    for event in counted(events):
        if event.action != Action.CHECK:
            continue
        told = event.detail
        outcome = told.get("outcome") or (
            Outcome.DELETED if told.get("gone") else Outcome.STILL_THERE
        )
        at = event.at if "checked_at" not in told else datetime.fromisoformat(told["checked_at"])
        checks.append(Check(at, Outcome(outcome), told.get("post")))
    return sorted(checks, key=lambda check: check.at)


def history(checks: Sequence[Check], size: int) -> list[tuple[datetime, Outcome]]:
    """What the case was after each check.

    Args:
        checks: in the order of their times.
        size: how many posts the case was opened with.
    """
    found = []
    posts: dict[int, Outcome] = {}
    rest: Outcome = Outcome.UNKNOWN
    for check in checks:
        if check.post is None:
            posts, rest = {}, check.outcome
        else:
            posts[check.post] = check.outcome
        parts = [*posts.values(), *([rest] if len(posts) < size else [])]
        found.append((check.at, min(parts, key=_LEAST_FINISHED.index)))
    return found
