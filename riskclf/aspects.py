"""Answers to the questions behind a label: linear heads on the pooled vector of a transformer.

The questions of the packaged model are those of the labelling guide: who is sought or offered,
which side the author speaks from, what the author does, and what it is about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from riskclf.errors import ArtifactCorrupt
from riskclf.modelfiles import is_plain_text, parse_json, unreadable
from riskclf.numerics import expit, softmax
from riskclf.weights import read_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Heads", "Question", "parts"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a post and its possible answers."""

    name: str
    answers: tuple[str, ...]
    several: bool = False
    """Any number of the answers may be right, none of them too; otherwise just one is."""


@dataclass(frozen=True, slots=True)
class Heads:
    """One linear head for each question, on the pooled vector."""

    questions: tuple[Question, ...]
    weights: NDArray[np.float32]
    """Shape (answers of all questions, hidden)."""
    bias: NDArray[np.float32]
    """Shape (answers of all questions,)."""
    threshold: float | None = None
    """From this probability of its first answer on a question is answered with it; None where the
    likeliest answer counts."""

    def probabilities(self, pooled: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """The probability of each answer, by question.

        Args:
            pooled: as in `riskclf.encoder.Outputs`, shape (windows, hidden).

        Returns:
            For each question shape (windows, answers). Those of one right answer add up to 1.
        """
        logits = (pooled @ self.weights.T + self.bias).astype(np.float64)
        return {
            question.name: expit(logits[:, part])
            if question.several
            else softmax(logits[:, part], axis=1)
            for question, part in zip(self.questions, parts(self.questions), strict=True)
        }

    def save(self, file: Path) -> None:
        """Write the weights with the questions."""
        from safetensors.numpy import save_file

        told = {"questions": [asdict(x) for x in self.questions], "threshold": self.threshold}
        save_file(
            {"weights": self.weights, "bias": self.bias},
            file,
            # Of several keys, safetensors would write now one first, now another.
            metadata={"heads": json.dumps(told, ensure_ascii=False)},
        )

    @classmethod
    def load(cls, file: Path, hidden: int) -> Heads:
        """Read the weights.

        Args:
            file: that `save` wrote.
            hidden: width of the model.

        Raises:
            ArtifactCorrupt: they are missing, of another shape, or not finite.
        """
        tensors, metadata = read_weights(file, ("weights", "bias"))
        weights, bias = tensors["weights"], tensors["bias"]
        told = parse_json(metadata.get("heads", "null"), str(file))
        try:
            questions = tuple(
                Question(x["name"], tuple(x["answers"]), x["several"]) for x in told["questions"]
            )
            threshold = told["threshold"]
            usable = (threshold is None or type(threshold) in (int, float)) and all(
                all(map(is_plain_text, (x["name"], *x["answers"])))
                and isinstance(x["answers"], list)
                and len(x["answers"]) > 0
                and isinstance(x["several"], bool)
                for x in told["questions"]
            )
        except (KeyError, TypeError) as error:
            raise unreadable(file, error) from None
        answers = sum(len(question.answers) for question in questions)
        if not usable or weights.shape != (answers, hidden) or bias.shape != (answers,):
            raise ArtifactCorrupt(f"{file} holds no heads of this model: save it again")
        return cls(questions, weights, bias, threshold)

    def of(self, names: Sequence[str]) -> Heads:
        """The heads of these questions only, in their order here."""
        kept = [i for i, question in enumerate(self.questions) if question.name in names]
        slices = parts(self.questions)
        rows = np.concatenate([np.arange(slices[i].start, slices[i].stop) for i in kept])
        return Heads(tuple(self.questions[i] for i in kept), self.weights[rows], self.bias[rows])


def parts(questions: Sequence[Question]) -> list[slice]:
    """Where the answers of each question lie among those of all."""
    ends = np.cumsum([0, *(len(question.answers) for question in questions)])
    return [slice(a, b) for a, b in pairwise(ends.tolist())]
