"""What the library says about a post: the labels and the prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

__all__ = [
    "DECISIONS",
    "LABELS",
    "REASON_CODES",
    "RISK_LABELS",
    "UNREAD_CODES",
    "Aspect",
    "Decision",
    "Explanation",
    "Label",
    "Prediction",
    "ReasonCode",
    "Scenario",
    "Span",
    "Strength",
]

Decision = Literal["flag", "review", "clear"]

DECISIONS: tuple[Decision, ...] = ("clear", "review", "flag")
"""In the order of attention: a decision's number is its place here."""

ReasonCode = Literal["blank", "unreadable", "unsupported_script", "ngrams_only"]

REASON_CODES: tuple[ReasonCode, ...] = ("blank", "unreadable", "unsupported_script", "ngrams_only")
"""What to know about how a post was read:

- ``blank``: nothing is left of it, for it is empty or holds only white space and invisible
  characters (a post that is only a picture, say);
- ``unreadable``: half of its pieces or more are unknown to the model, or its text was garbled on
  the way: U+FFFD, runs of ``?``, or one encoding read as another (mojibake);
- ``unsupported_script``: half of its letters or more stand in words of a script other than those of
  Japanese, English, Korean and Chinese;
- ``ngrams_only``: the first stage of a cascade cleared it, so that the transformer did not read it
  (`RiskClassifier.load`, `cascade`).
"""

UNREAD_CODES: frozenset[ReasonCode] = frozenset(REASON_CODES) - {"ngrams_only"}
"""Those of posts that could not be read, which are at least at `review` whatever their risk."""

Strength = Literal["strong", "medium", "weak"]


class Label(StrEnum):
    """The labels of the packaged model, in the order of its logits.

    A label is a suggestion about the text, never a finding about a person: the author of a
    `MINOR_SOLICITATION` post is someone at risk.
    """

    MINOR_SOLICITATION = "minor_solicitation"
    """The text presents a person under 18 who seeks a patron, money or a place to stay."""

    ADULT_SOLICITATION = "adult_solicitation"
    """The text presents someone who seeks, pays for or threatens a person under 18."""

    BENIGN = "benign"
    """Everything else, help-seeking by a child included. It does not mean "safe"."""


LABELS = tuple(map(str, Label))
"""Labels of the packaged model, in the order of its logits."""

RISK_LABELS = (str(Label.MINOR_SOLICITATION), str(Label.ADULT_SOLICITATION))
"""Those of them that are risks."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says about one post."""

    label: str
    """The likelier risk label where the risk reaches the model's label threshold, and benign below
    it; in a model without one, the most probable label. `prevalence` does not change it."""

    scores: Mapping[str, float]
    """Calibrated probability of every label, in the model's order; they add up to 1."""

    risk: float
    """Sum of the probabilities of the risk labels; for the packaged model 1 - P(benign)."""

    decision: Decision
    """`flag` (look at it first), `review` (look at it) or `clear`; decided on `risk`."""

    truncated: bool
    """Not all of the post was read: of more than 8,192 characters the first and the last 4,096 are,
    and by a model without risk labels only as much of the beginning as it reads at once."""

    side: str = ""
    """The likelier of the risk labels, also where `label` is not one: which of the two warnings
    would fit. Empty for a model without risk labels."""

    reason_codes: tuple[ReasonCode, ...] = ()
    """How the post was read, in the order of `REASON_CODES`; mostly empty. With one of
    `UNREAD_CODES`, `risk` says little, and `decision` is never `clear`."""

    def to_dict(self) -> dict[str, Any]:
        """The prediction as plain JSON-ready values, without the text of the post."""
        return {
            "label": self.label,
            "scores": dict(self.scores),
            "risk": self.risk,
            "decision": self.decision,
            "truncated": self.truncated,
            "side": self.side,
            "reason_codes": list(self.reason_codes),
        }


@dataclass(frozen=True, slots=True)
class Aspect:
    """The answer to one of the questions behind a label."""

    question: str
    """Its name; for the packaged model `age`, `side`, `act` or `matter`."""

    answers: tuple[str, ...]
    """The likeliest answer; where several may be right, all that are likelier than not, or none."""

    probabilities: Mapping[str, float]
    """Of every possible answer, as the head of the question gives it; it is not calibrated further.
    They add up to 1 where just one answer can be right."""

    def to_dict(self) -> dict[str, Any]:
        """The aspect as plain JSON-ready values."""
        return {
            "question": self.question,
            "answers": list(self.answers),
            "probabilities": dict(self.probabilities),
        }


@dataclass(frozen=True, slots=True)
class Span:
    """A phrase of a post that speaks for the risk or against it."""

    start: int
    """Offset into the post as it was given."""

    end: int
    """Offset behind the span."""

    weight: float
    """What the phrase adds to the log-odds of the risk (natural logarithm), below 0 where it speaks
    against it. In a model without risk labels: to the log-odds of the predicted label."""

    strength: Strength
    """The size of the weight in three steps."""

    question: str = ""
    """The question that the phrase answers; empty where it answers none, and where the explanation
    has no aspects."""

    def to_dict(self, *, numbers: bool = False) -> dict[str, Any]:
        """The span as plain JSON-ready values, without its text.

        Args:
            numbers: with the weight too.
        """
        return {
            "start": self.start,
            "end": self.end,
            "for_risk": self.weight > 0,
            "strength": self.strength,
            "question": self.question,
            **({"weight": self.weight} if numbers else {}),
        }


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario of the known posts that a post is near to."""

    name: str
    """In English, such as "a meal together for money"."""

    label: str
    """Of the nearest known post: a scenario has risky posts and harmless ones."""

    similarity: float
    """Cosine of the sentence vectors, to that post."""

    def to_dict(self) -> dict[str, Any]:
        """The scenario as plain JSON-ready values."""
        return {"name": self.name, "label": self.label, "similarity": self.similarity}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a post got its prediction."""

    prediction: Prediction
    """As `RiskClassifier.predict` gives it."""

    aspects: tuple[Aspect, ...]
    """The answers to the questions behind the label. Empty where the decision is `clear`, where the
    post could not be read, and for a model without aspects."""

    spans: tuple[Span, ...]
    """Phrases with a weight that counts. First comes, for each question, the one that answers it
    most, then the others; both by the size of their weights. They never overlap."""

    window: tuple[int, int]
    """Offsets of the part of the post that was explained: all of a short post, and of a long one
    the window that decided."""

    partial: bool
    """The post is longer than that."""

    def to_dict(self, *, numbers: bool = False) -> dict[str, Any]:
        """The explanation as plain JSON-ready values, without the text of the post.

        Args:
            numbers: spans with their weights; otherwise with the three steps only.
        """
        return {
            "prediction": self.prediction.to_dict(),
            "aspects": [aspect.to_dict() for aspect in self.aspects],
            "spans": [span.to_dict(numbers=numbers) for span in self.spans],
            "window": list(self.window),
            "partial": self.partial,
        }
