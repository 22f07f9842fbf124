"""What a training learns at once: the label, the answers to questions, and the sentence vector.

All three are read from one pass of the transformer, and their losses are added
(multi-task learning, Caruana 1997). The sentence vector is held to a given direction, so that
training on labels does not bend the space in which neighbours are searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from riskclf.aspects import Heads, Question, parts
from riskclf.engines.pytorch import mean_token_vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Example", "Goals", "Tasks"]

_ANSWERS_WEIGHT = 1.0
"""Of the mean loss over the questions, beside the label's loss."""

_SENTENCE_WEIGHT = 2.0
"""Of ``1 - cosine``."""


@dataclass(frozen=True, slots=True)
class Example:
    """A post and what is to be learned from it."""

    text: str
    target: tuple[float, ...] | None
    """Probability of each label, in the order of the labels; soft targets are taken as they are.
    None: the label is not learned."""
    weight: float = 1.0
    """Of the label's loss."""
    answers: tuple[float | None, ...] = ()
    """Probability of each answer, in the order of the questions; empty, or None for all answers of
    a question, where they are not known."""
    sentence: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    """Direction of its centred sentence vector, shape (hidden,); None where it is left free."""


@dataclass(frozen=True)
class Goals:
    """The targets of examples as one array, and the loss against them.

    A row holds the probabilities of the labels, the weight of their loss, the probabilities of the
    answers, one weight for each question, the sentence vector, and its weight.
    """

    labels: int
    questions: tuple[Question, ...] = ()
    centre: NDArray[np.float32] | None = None
    """What sentence vectors of length 1 are centred on, shape (hidden,); None: they are free."""

    def packed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """One row for each example."""
        label, weight, answers, asked, sentence, held = self._parts()
        rows = np.zeros((len(examples), held + 1), dtype=np.float32)
        for row, example in zip(rows, examples, strict=True):
            if example.target is not None:
                row[label], row[weight] = example.target, example.weight
            if example.answers:
                known = np.array([x is not None for x in example.answers])
                row[answers] = [x or 0.0 for x in example.answers]
                row[asked] = [known[part].all() for part in parts(self.questions)]
            if example.sentence is not None and self.centre is not None:
                row[sentence], row[held] = example.sentence, 1.0
        return rows

    def without_sentence(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows with their sentence vectors left free."""
        freed = rows.clone()
        freed[:, -1] = 0
        return freed

    def loss(self, outputs: Any, rows: torch.Tensor) -> torch.Tensor:
        """The summed losses, a mean over the batch."""
        label, weight, answers, asked, sentence, held = self._parts()
        total = (
            F.cross_entropy(outputs["logits"].float(), rows[:, label], reduction="none")
            * rows[:, weight]
        ).mean()
        if self.questions:
            logits, wanted = outputs["answers"].float(), rows[:, answers]
            losses = [
                F.binary_cross_entropy_with_logits(
                    logits[:, part], wanted[:, part], reduction="none"
                ).sum(dim=1)
                if question.several
                else F.cross_entropy(logits[:, part], wanted[:, part], reduction="none")
                for question, part in zip(self.questions, parts(self.questions), strict=True)
            ]
            by_question = torch.stack(losses, dim=1) * rows[:, asked]
            total = total + _ANSWERS_WEIGHT * by_question.mean(dim=1).mean()
        if self.centre is not None:
            centre = torch.from_numpy(self.centre).to(rows)
            centred = F.normalize(outputs["sentence"].float(), dim=1) - centre
            apart = 1 - F.cosine_similarity(centred, rows[:, sentence])
            total = total + _SENTENCE_WEIGHT * (apart * rows[:, held]).mean()
        return total

    def _parts(self) -> tuple[slice, int, slice, slice, slice, int]:
        answers = sum(len(question.answers) for question in self.questions)
        hidden = 0 if self.centre is None else len(self.centre)
        ends = np.cumsum([0, self.labels, 1, answers, len(self.questions), hidden]).tolist()
        return (
            slice(ends[0], ends[1]),
            ends[1],
            slice(ends[2], ends[3]),
            slice(ends[3], ends[4]),
            slice(ends[4], ends[5]),
            ends[5],
        )


class Tasks(torch.nn.Module):
    """A sequence classifier with what is learned beside its label."""

    def __init__(self, classifier: Any, questions: Sequence[Question], heads: Heads | None) -> None:
        """
        Args:
            classifier: of transformers, with a pooler.
            questions: whose answers are learned.
            heads: where those start from; None starts from random weights.
        """
        super().__init__()
        self.classifier = classifier
        self.questions = tuple(questions)
        count = sum(len(question.answers) for question in questions)
        self.answers = torch.nn.Linear(classifier.config.hidden_size, count) if count else None
        if self.answers is not None:
            torch.nn.init.normal_(self.answers.weight, std=classifier.config.initializer_range)
            torch.nn.init.zeros_(self.answers.bias)
            if heads is not None:
                self.answers.weight.data = torch.from_numpy(heads.weights.copy())
                self.answers.bias.data = torch.from_numpy(heads.bias.copy())

    def forward(self, **batch: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits, sentence vectors, and the logits of the answers where there are questions."""
        body = self.classifier.base_model(**batch)
        pooled = self.classifier.dropout(body.pooler_output)
        outputs = {
            "logits": self.classifier.classifier(pooled),
            "sentence": mean_token_vector(body.last_hidden_state, batch["attention_mask"]),
        }
        if self.answers is not None:
            outputs["answers"] = self.answers(pooled)
        return outputs

    def heads(self) -> Heads | None:
        """The trained heads of the questions."""
        if self.answers is None:
            return None
        weights, bias = self.answers.weight.detach(), self.answers.bias.detach()
        return Heads(self.questions, weights.float().cpu().numpy(), bias.float().cpu().numpy())
