"""From which score on the model's side is sure enough to preselect a warning draft.

`sides.json` holds what was measured out of fold on our posts, for one model (`python -m
training.cards.sides` writes it). For any other model nothing is known, and nothing is preselected.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["HIGHEST_ERROR", "side_score", "sure_side"]

HIGHEST_ERROR = 0.05
"""The upper end of the error's 95 % interval lies below this where a draft is preselected."""

_SIDES = ("minor_solicitation", "adult_solicitation")


def side_score(scores: Mapping[str, float], side: str) -> float:
    """The probability of a side, if the post is risky: its share of the risk."""
    risk = sum(scores.get(name, 0.0) for name in _SIDES)
    return scores.get(side, 0.0) / risk if risk > 0 else 0.0


def sure_side(suggested: Mapping[str, Any], model: str) -> str:
    """The side of a post, where it is sure enough to preselect a draft; otherwise empty.

    Args:
        suggested: what the model said, `Prediction.to_dict`.
        model: its fingerprint.
    """
    found, side = measured(), suggested.get("side", "")
    if suggested.get("decision") != "flag" or suggested.get("reason_codes"):
        return ""
    figures = found["sides"].get(side) if found["model"] == model else None
    if figures is None or figures["high"] >= HIGHEST_ERROR:
        return ""
    return side if side_score(suggested["scores"], side) >= figures["score"] else ""


@cache
def measured() -> dict[str, Any]:
    """What was measured: `model`, and by side the `score` with the error from there on.

    A side that is never sure enough is None.
    """
    text = files("riskclf.casework").joinpath("sides.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
