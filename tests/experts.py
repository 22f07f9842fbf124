"""A small model with all experts, fitted on everyday sentences: rain is a risk, bread is none."""

from __future__ import annotations

from pathlib import Path

from riskclf.artifact import Artifact, load
from riskclf.aspects import Question
from riskclf.stacker import EXPERTS, Stacker
from tests.models import save_with_experts

__all__ = ["BREAD", "QUESTIONS", "RAIN", "SNOW", "with_experts"]

RAIN = tuple(f"今日は{place}で雨が降った" for place in ("山", "川", "海", "空", "田", "花"))
SNOW = tuple(f"明日は{place}に雪が降る" for place in ("山", "川", "海", "空", "田", "花"))
BREAD = tuple(f"{place}のパン屋でパンを買った" for place in ("山", "川", "海", "空", "田", "花"))

QUESTIONS = (
    Question("weather", ("rain", "snow", "none")),
    Question("thing", ("bread", "place"), several=True),
    Question("support", ("yes",), several=True),
)


def with_experts(directory: Path, output: Path) -> Artifact:
    """Save the model of `directory` with experts beside it, and load that."""
    groups = ((RAIN, 0, "rain"), (SNOW, 1, "snow"), (BREAD, 2, ""))
    save_with_experts(
        directory,
        output,
        [(text, label, family) for texts, label, family in groups for text in texts],
        stacker=Stacker(EXPERTS, (0.2, 1.0, 0.5), (0.1, 1.0, 0.5), -0.5),
        aspects=QUESTIONS[:2],
        support=QUESTIONS[2:],
        threshold=0.75,
    )
    return load(output, device="cpu", batch_size=8)
