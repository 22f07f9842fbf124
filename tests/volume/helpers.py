"""Scored rows as `riskclf predict` writes them, with scores that are drawn: no model is needed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

LABELS = ("minor_solicitation", "adult_solicitation", "benign")
FLAG = 0.6

Row = dict[str, Any]


def scored(risk: float, side: float = 0.75, prefix: str = "") -> Row:
    """The columns of a prediction with this risk; `side` of it is the first label's."""
    scores = (risk * side, risk * (1 - side), 1 - risk)
    row: Row = {
        "label": LABELS[0] if risk > 0.5 else LABELS[2],
        "decision": "flag" if risk > FLAG else "review" if risk > 0.3 else "clear",
        "risk": risk,
        **{f"score_{label}": score for label, score in zip(LABELS, scores, strict=True)},
        "truncated": False,
        "reasons": "",
        "risk_labels": "|".join(LABELS[:2]),
    }
    return {f"{prefix}{name}": value for name, value in row.items()}


def risk_of(draw: random.Random, risky: bool, missed: float = 0.3, alarms: float = 0.02) -> float:
    """The risk of a post. Of risky ones `missed` look ordinary, of others `alarms` look risky."""
    looks_risky = draw.random() < (1 - missed if risky else alarms)
    return draw.betavariate(9, 2) if looks_risky else draw.betavariate(1, 30)


def labelled(
    risky: int, benign: int, seed: int = 0, *, families: bool = False, **rates: float
) -> list[Row]:
    """Labelled posts with their scores."""
    draw = random.Random(seed)
    rows = []
    for number in range(risky + benign):
        is_risky = number < risky
        gold = LABELS[number % 4 == 3] if is_risky else LABELS[2]
        side = 0.15 if gold == LABELS[1] else 0.85
        row = {"label": gold, **scored(risk_of(draw, is_risky, **rates), side, "riskclf_")}
        rows.append(row | ({"family": f"f{number % 40}"} if families else {}))
    return rows


def stream(months: dict[str, tuple[int, int]], seed: int = 1, **rates: float) -> Iterator[Row]:
    """Posts by month: (risky, benign) each."""
    draw = random.Random(seed)
    for month, (risky, benign) in months.items():
        for number in range(risky + benign):
            side = 0.15 if number < risky and number % 4 == 3 else 0.85
            when = f"{month}-{number % 28 + 1:02d}T{number % 24:02d}:00:00"
            yield {"posted_at": when, **scored(risk_of(draw, number < risky, **rates), side)}
