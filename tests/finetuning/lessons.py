"""Harmless posts whose words stand for the labels: what counts is whether a word is learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import riskclf.finetuning.config
import riskclf.finetuning.folds
import riskclf.finetuning.job
import riskclf.finetuning.learning
import riskclf.finetuning.trainer
from riskclf.finetuning.replay import OurPost

__all__ = ["BREAD", "OLD", "PLACES", "RAIN", "SNOW", "Spied", "rows", "shorten", "spy_on_training"]

PLACES = ("駅", "店", "海", "山", "川", "空", "花", "木")
RAIN = [f"雨が{place}に降る、とても強い雨{n}" for n, place in enumerate(PLACES)]
SNOW = [f"{place}では雪がやんで静かだ{n * n}" for n, place in enumerate(PLACES)]
BREAD = [f"焼いたパンを{place}まで持っていく{n + 20}" for n, place in enumerate(PLACES)]
OLD = [
    *[OurPost(text, {"minor_solicitation": 1.0}, f"snow-{text}", "old") for text in SNOW],
    *[OurPost(text, {"benign": 1.0}, f"bread-{text}", "old") for text in BREAD],
]

Spied = Callable[[Path, Any], None]
"""Is told what each training starts from and is given."""


def rows(
    label: str = "minor_solicitation", texts: Sequence[str] = RAIN, others: Sequence[str] = BREAD
) -> list[dict[str, Any]]:
    """Labelled posts: `texts` with the label, and benign `others`."""
    return [
        *({"text": text, "label": label} for text in texts),
        *({"text": text, "label": "benign"} for text in others),
    ]


def shorten(patch: pytest.MonkeyPatch, folds: int = 2, ours: Sequence[OurPost] = ()) -> None:
    """Few folds, few posts of ours, and the high rate that a model of random weights needs."""
    patch.setattr(riskclf.finetuning.folds, "_FOLDS", folds)
    patch.setattr(riskclf.finetuning.config, "_LEARNING_RATE", 3e-3)
    patch.setattr(riskclf.finetuning.job, "load_our_posts", lambda: [*ours])


def spy_on_training(patch: pytest.MonkeyPatch, told: Spied) -> None:
    """Tell what every training of `finetune` is given."""
    train = riskclf.finetuning.trainer.train_classifier

    def spied(base: Path, examples: Any, **options: Any) -> Any:
        told(base, examples)
        return train(base, examples, **options)

    patch.setattr(riskclf.finetuning.learning, "train_classifier", spied)
