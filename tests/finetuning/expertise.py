"""A small model with every expert and head, which knows harmless sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from riskclf.aspects import Question
from riskclf.stacker import EXPERTS, Stacker
from tests.models import save_with_experts

__all__ = ["ASPECTS", "SUPPORT", "with_experts"]

ASPECTS = (Question("place", ("indoors", "outdoors")), Question("has", ("food", "animal"), True))
SUPPORT = (Question("support", ("yes",), True),)


def with_experts(directory: Path, texts: Sequence[str], target: Path) -> Path:
    """The model of `directory` with experts that know `texts`, and with random heads."""
    save_with_experts(
        directory,
        target,
        [(text, number % 3, f"family {number % 7}") for number, text in enumerate(texts)],
        stacker=Stacker(EXPERTS, (0.4, 0.5, 0.1), (0.4, 0.5, 0.1), 0.0),
        aspects=ASPECTS,
        support=SUPPORT,
        threshold=0.7,
    )
    return target
