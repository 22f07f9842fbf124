"""How to train: the training config, and which one fits so many posts."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["TrainingConfig", "training_config_for"]

_LEARNING_RATE = 5e-5
_STEPS_OF_A_NEW_HEAD = 200


@dataclass(frozen=True)
class TrainingConfig:
    """How `riskclf.finetuning.loop.run_training` trains."""

    epochs: float = 5
    learning_rate: float = 8e-5
    batch_size: int = 32
    seed: int = 0
    """Of new weights, dropout and the order of the posts."""
    save_steps: int = 200
    """Steps between two checkpoints."""

    def steps(self, examples: int) -> int:
        """How many batches a training on so many examples takes."""
        return math.ceil(self.epochs * math.ceil(examples / self.batch_size))


def training_config_for(posts: int, replayed: int, *, new_head: bool, seed: int) -> TrainingConfig:
    """The config for so many posts; chosen on data, see `training/experiments/slang/`.

    Args:
        posts: new ones.
        replayed: posts of the replay set that are mixed in.
        new_head: the base has no head for these labels; a new one takes longer to train.
        seed: order and new weights.
    """
    batch_size = 32 if posts + replayed >= 200 else 8
    epochs = 4 if replayed else 8
    if new_head and not replayed:
        epochs = min(30, max(4, math.ceil(_STEPS_OF_A_NEW_HEAD * batch_size / posts)))
    return TrainingConfig(
        epochs=epochs,
        learning_rate=_LEARNING_RATE,
        batch_size=batch_size,
        seed=seed,
        save_steps=100,
    )
