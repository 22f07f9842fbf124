"""Posts as two models scored them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from riskclf.evaluation.scored import Coded, ScoredRows
from riskclf.finetuning.figures import Part
from riskclf.finetuning.gate import paired

__all__ = ["CLEAR", "FLAG", "LABELS", "REVIEW", "SECRET", "change", "scored"]

LABELS = ("minor_solicitation", "adult_solicitation", "benign")
CLEAR, REVIEW, FLAG = 0, 1, 2
SECRET = "the library is closed on rainy days"


def scored(
    gold: Sequence[int],
    decision: Sequence[int],
    *,
    family: Sequence[int] | None = None,
    weight: Sequence[float] | None = None,
    text_key: Sequence[int] | None = None,
    predicted: Sequence[int] | None = None,
    labels: tuple[str, ...] = LABELS,
    risks: int = 2,
) -> ScoredRows:
    """Rows as a model scored them: what it raises gets the right risk label, or the first one."""
    count, benign = len(gold), len(labels) - 1
    right, raised = np.array(gold, dtype=np.int64), np.array(decision, dtype=np.int64)
    given = np.where(raised > CLEAR, np.where(right == benign, 0, right), benign)
    if predicted is not None:
        given = np.array(predicted, dtype=np.int64)
    scores = np.eye(len(labels))[given]
    return ScoredRows(
        labels=labels,
        risk_labels=labels[:risks],
        number=np.arange(count),
        gold=right,
        kind=Coded(("unclear",), np.where(right < 0, 0, -1)),
        predicted=given,
        decision=raised,
        risk=scores[:, :risks].sum(axis=1),
        scores=scores,
        text_key=np.array(range(count) if text_key is None else text_key, dtype=np.int64),
        weight=None if weight is None else np.array(weight, dtype=float),
        family=None
        if family is None
        else Coded(
            tuple(f"f{number}" for number in range(max(family) + 1)),
            np.array(family, dtype=np.int64),
        ),
        text=np.array([SECRET] * count, dtype=object),
    )


def change(
    *, risky: int = 0, benign: int = 0, lost: int = 0, won: int = 0, to: int = REVIEW, **more: Any
) -> Part:
    """Figures of `risky` or else `benign` posts of which some became wrong, and some right.

    Ten posts of the other kind, and all labels, are right with both models. What is raised of the
    `risky` or `benign` ones is raised to `to`.
    """
    other = 2 if risky else 0
    own, others = (risky, 10) if risky else (benign, 10)
    gold = [0 if risky else 2] * own + [other] * others
    bad, good = (CLEAR, to) if risky else (to, CLEAR)
    before = [good] * lost + [bad] * won + [good] * (own - lost - won)
    after = [bad] * lost + [good] * won + [good] * (own - lost - won)
    rest = [CLEAR if risky else FLAG] * others
    more["predicted"] = gold
    return paired(scored(gold, before + rest, **more), scored(gold, after + rest, **more))
