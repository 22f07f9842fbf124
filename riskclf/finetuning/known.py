"""What a base knows, so that fine-tuning does not lose it: heads, experts, and its own answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf import artifact
from riskclf.acceptance import warn_if_not_accepted
from riskclf.artifact import Artifact
from riskclf.aspects import Heads, Question
from riskclf.decide import probabilities
from riskclf.encoder import Engine, Outputs
from riskclf.engines.pytorch import PytorchEngine
from riskclf.experts import Experts
from riskclf.finetuning.base import Base
from riskclf.finetuning.computed import Computed, computed_by
from riskclf.finetuning.tasks import Example
from riskclf.neighbours import centred
from riskclf.tokens import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Known"]


class _Remembering:
    """An engine that computes each window once, and gives the same row for it ever after."""

    def __init__(self, engine: Engine) -> None:
        self.inner = engine
        self.batch_size = engine.batch_size
        self._rows: dict[tuple[int, ...], tuple[NDArray[np.float32], ...]] = {}

    @property
    def parameters(self) -> int:
        return self.inner.parameters

    @property
    def where(self) -> str:
        return self.inner.where

    def compute(self, windows: Sequence[Sequence[int]]) -> Outputs:
        keys = [tuple(ids) for ids in windows]
        missing = [ids for ids in dict.fromkeys(keys) if ids not in self._rows]
        found = self.inner.compute(missing)
        columns = (found.logits, found.pooled, found.sentence)
        self._rows.update(zip(missing, zip(*columns, strict=True), strict=True))
        if not keys:
            return found
        rows = [self._rows[ids] for ids in keys]
        return Outputs(*(np.stack(column) for column in zip(*rows, strict=True)))


@dataclass(frozen=True)
class Known:
    """A base that riskclf has saved, loaded for fine-tuning."""

    loaded: Artifact
    """Its engine computes each window once: every fold needs the same posts."""
    support: Heads | None
    """The head that tells whether an apparent child seeks help."""

    @classmethod
    def of(cls, base: Base, *, device: str = "auto", batch_size: int = 64) -> Known | None:
        """Load a base; None for a plain BERT.

        Args:
            base: as `riskclf.finetuning.base.locate_base` found it.
            device: see `riskclf.RiskClassifier.load`.
            batch_size: likewise.

        Raises:
            ArtifactError: the base cannot be used.
            InputError: the device or the batch size cannot be used.
        """
        if base.manifest is None:
            return None
        loaded = artifact.load(base.directory, device=device, batch_size=batch_size)
        warn_if_not_accepted(loaded)
        hidden = loaded.engine.compute([]).pooled.shape[1]
        roles = loaded.raw.get("roles", {})
        files = [base.directory / name for name, role in roles.items() if role == "support"]
        # The file may be missing: the model computes the same without it.
        support = next((Heads.load(x, hidden) for x in files if x.is_file()), None)
        return cls(replace(loaded, engine=_Remembering(loaded.engine)), support)

    @property
    def experts(self) -> Experts:
        """Beside its transformer."""
        return self.loaded.experts

    @property
    def engine(self) -> Engine:
        """Its transformer."""
        return self.loaded.engine

    @property
    def tokenizer(self) -> Tokenizer:
        """Of its transformer."""
        return self.loaded.tokenizer

    @property
    def fingerprint(self) -> str:
        """As `riskclf.RiskClassifier.fingerprint`."""
        return str(self.loaded.raw["digest"])

    @cached_property
    def heads(self) -> Heads | None:
        """The heads of all questions together; None without any."""
        found = [heads for heads in (self.loaded.aspects, self.support) if heads is not None]
        if not found:
            return None
        return Heads(
            tuple(question for heads in found for question in heads.questions),
            np.concatenate([heads.weights for heads in found]),
            np.concatenate([heads.bias for heads in found]),
        )

    @property
    def questions(self) -> tuple[Question, ...]:
        """Those that it answers."""
        return () if self.heads is None else self.heads.questions

    @property
    def centre(self) -> NDArray[np.float32] | None:
        """What sentence vectors are centred on; None without neighbours."""
        neighbours = self.experts.neighbours
        return None if neighbours is None else neighbours.centre

    def parted(self, heads: Heads | None) -> tuple[Heads | None, Heads | None]:
        """Trained heads of all questions as those of the aspects and that of support."""

        def like(part: Heads | None) -> Heads | None:
            if part is None or heads is None:
                return None
            names = [question.name for question in part.questions]
            return replace(heads.of(names), threshold=part.threshold)

        return like(self.loaded.aspects), like(self.support)

    def compute(self, texts: Sequence[str]) -> Computed:
        """What the base computes for posts."""
        loaded = self.loaded
        return computed_by(
            loaded.engine, loaded.tokenizer, texts, loaded.manifest, experts=loaded.experts
        )

    def directions(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Centred sentence vectors of the beginnings of posts, shape (posts, hidden).

        None without neighbours: then nothing depends on the directions.
        """
        if self.centre is None:
            return None
        return centred(self._heads_of(texts).sentence, self.centre)

    def answers(self, texts: Sequence[str]) -> list[Example]:
        """Posts with the base's own answers as targets: what must not be forgotten.

        This is learning without forgetting (Li and Hoiem 2017) on the replay set. Trained on the
        posts' labels instead, the model becomes more confident than its base, and the base's
        thresholds, which it keeps, no longer fit.

        Args:
            texts: of the replay set.

        Returns:
            In the order of the texts, with the base's probabilities of the labels (before
            calibration) and of the answers to its questions, and its sentence vectors.
        """
        outputs = self._heads_of(texts)
        # Rounded, so that a resumed run has the same targets where a device gives other last
        # digits.
        targets = probabilities(outputs.logits, 1.0).round(4).tolist()
        answers: list[list[float]] = [[] for _ in texts]
        if self.heads is not None:
            found = self.heads.probabilities(outputs.pooled)
            answers = np.concatenate([*found.values()], axis=1).round(4).tolist()
        directions = [None] * len(texts) if self.centre is None else self.directions(texts)
        assert directions is not None
        return [
            Example(text, tuple(target), answers=tuple(answered), sentence=direction)
            for text, target, answered, direction in zip(
                texts, targets, answers, directions, strict=True
            )
        ]

    @property
    def model(self) -> Any:
        """Its sequence classifier of transformers."""
        assert isinstance(self.engine, _Remembering)
        assert isinstance(self.engine.inner, PytorchEngine)
        return self.engine.inner.model

    def _heads_of(self, texts: Sequence[str]) -> Outputs:
        """What is computed for the beginnings of posts: a training reads no more of them."""
        return self.engine.compute([x.head.ids for x in self.tokenizer.encode_batch(texts)])
