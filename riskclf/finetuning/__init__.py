"""New posts in, a model that knows them out: `riskclf.finetune`.

The stages are in `riskclf.finetuning.finetuning`; the other modules do one of them each.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from riskclf.finetuning.config import TrainingConfig, training_config_for
    from riskclf.finetuning.finetuning import FineTuning, finetune
    from riskclf.finetuning.tasks import Example
    from riskclf.finetuning.trainer import train_classifier

__all__ = [
    "Example",
    "FineTuning",
    "TrainingConfig",
    "finetune",
    "train_classifier",
    "training_config_for",
]

_HOMES = {
    "Example": "tasks",
    "FineTuning": "finetuning",
    "TrainingConfig": "config",
    "finetune": "finetuning",
    "train_classifier": "trainer",
    "training_config_for": "config",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: torch and transformers take seconds to import.
    if name in _HOMES:
        return getattr(import_module(f"riskclf.finetuning.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
