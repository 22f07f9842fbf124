"""A clock that a test moves, harmless cases, and a store with some of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from riskclf.casework import Store
from riskclf.casework.intake import DeskPost
from riskclf.casework.purge import OUTCOMES
from riskclf.casework.triage import Because, NewCase
from riskclf.labels import Prediction

__all__ = ["Clock", "Desk", "case_of", "opened", "prediction"]

RETENTION = dict.fromkeys(OUTCOMES, 30)
DETAILS: dict[str, Any] = {
    "purpose": "child protection",
    "legal_basis": "a statute",
    "source": "public posts",
}


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 4, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def move(self, **how: float) -> None:
        self.time += timedelta(**how)


class Desk(Store):
    """A store whose clock a test can move."""

    clock: Clock


def prediction(risk: float = 0.9) -> Prediction:
    scores = {"minor_solicitation": risk, "adult_solicitation": 0.0, "benign": 1 - risk}
    return Prediction("minor_solicitation", scores, risk, "flag", False, "minor_solicitation")


def case_of(
    reference: str,
    text: str = "部活おわった〜 おなかすいた",
    *,
    risk: float = 0.9,
    support: bool = False,
) -> NewCase:
    because = Because.SUPPORT if support else Because.RISK
    post = DeskPost(1, text, reference)
    return NewCase([post], prediction(risk), because, 2 + risk, support)


def opened(name: str, cases: Sequence[NewCase] = (), *, double_share: float = 0.0) -> Desk:
    """A new store with these cases."""
    clock = Clock()
    desk = Desk.create(name, **DETAILS, retention=RETENTION, double_share=double_share, clock=clock)
    desk.clock = clock
    if cases:
        desk.add(cases, model="m1", officer="chief")
    return desk
