"""Puts the cases that `triage` chose into a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from riskclf.casework import log
from riskclf.casework.drawing import chance_priority, is_drawn
from riskclf.casework.schema import Case, Post, StoreRecord
from riskclf.casework.sites import site_of
from riskclf.casework.states import State
from riskclf.casework.triage import NewCase
from riskclf.tables import text_key

__all__ = ["open_cases"]


def open_cases(
    session: Session,
    record: StoreRecord,
    now: datetime,
    cases: Sequence[NewCase],
    model: str,
    officer: str,
    thresholds: Mapping[str, float] | None = None,
    rest: Mapping[str, int] | None = None,
) -> list[int]:
    """Open cases, see `Store.add`; in a transaction that holds the lock of `record`."""
    share = record.double_share
    opened: list[int] = []
    listed: Counter[str] = Counter()
    drawn = 0
    for new in _in_some_order(cases, share):
        case = _case_of(session, new)
        if case is None:
            continue
        case.opened_at = case.changed_at = now
        _draw(case, new, share)
        drawn += new.drawn is not None
        if not new.support and new.drawn is None:
            listed[new.prediction.decision] += case.size
        case.model = model
        if thresholds is not None:
            case.suggested["thresholds"] = dict(thresholds)
        session.add(case)
        session.flush()
        opened.append(case.id)
    # Open cases keep the scores that they were opened with.
    detail: dict[str, Any] = {"cases": len(opened), "model": model}
    if share:  # what the drawn cases stand for
        detail |= {"share": share, "listed": dict(listed), "rest": dict(rest or {}), "drawn": drawn}
    if record.model not in (None, model):
        detail["model_before"] = record.model
    record.model = model
    log.add_event(session, record, now, "open_cases", officer, detail=detail)
    return opened


def _in_some_order(cases: Sequence[NewCase], share: float) -> list[NewCase]:
    """The cases as they come, or by a hash of their references where some are drawn.

    There, the number of a case would give its rank away.
    """
    if not share:
        return list(cases)
    return sorted(cases, key=lambda case: text_key(str(case.posts[0].reference)))


def _draw(case: Case, new: NewCase, share: float) -> None:
    if new.drawn is not None:
        case.drawn = new.drawn
    elif not new.support and is_drawn(share):
        case.drawn = share
    case.double = case.drawn is not None
    if case.double:
        case.priority = chance_priority(case.priority)


def _case_of(session: Session, new: NewCase) -> Case | None:
    """The case with its posts; None where the store holds all of them."""
    posts = [
        Post(
            reference=post.reference,
            posted_at=post.posted_at,
            text=post.text,
            context=post.context,
            text_key=text_key(post.text),
        )
        for post in new.posts
        if not session.scalar(select(exists().where(Post.reference == post.reference)))
    ]
    if not posts:
        return None
    same = select(Post.case_id).where(Post.text_key == posts[0].text_key)
    return Case(
        state=State.NEW,
        priority=new.priority,
        because=str(new.because),
        support=new.support,
        held=False,
        earlier_id=session.scalar(same.order_by(Post.id.desc()).limit(1)),
        suggested=_suggested(new),
        size=len(posts),
        site=site_of(posts[0].reference),
        posts=posts,
    )


def _suggested(new: NewCase) -> dict[str, Any]:
    """What the model said: the prediction, and why. Scenarios would sway an officer's decision."""
    found = new.prediction.to_dict()
    if new.explanation is not None:
        why = new.explanation.to_dict()
        found |= {name: why[name] for name in ("aspects", "spans", "window", "partial")}
    return found
