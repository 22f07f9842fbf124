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
    "Decision",
    "Label",
    "Prediction",
    "ReasonCode",
]

Decision = Literal["flag", "review", "clear"]

DECISIONS: tuple[Decision, ...] = ("clear", "review", "flag")
"""In the order of attention: a decision's number is its place here."""

ReasonCode = Literal["blank", "unreadable", "unsupported_script"]

REASON_CODES: tuple[ReasonCode, ...] = ("blank", "unreadable", "unsupported_script")
"""Why a post was not read, so that it is at least at `review` whatever its risk:

- ``blank``: nothing is left of it, for it is empty or holds only white space and invisible
  characters (a post that is only a picture, say);
- ``unreadable``: half of its pieces or more are unknown to the model, or its text was garbled on
  the way: U+FFFD, runs of ``?``, or one encoding read as another (mojibake);
- ``unsupported_script``: half of its letters or more stand in words of a script other than those of
  Japanese, English, Korean and Chinese.
"""


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
    """Why the post could not be read, in the order of `REASON_CODES`; mostly empty. With a code,
    `risk` says little, and `decision` is `review` or `flag`, never `clear`."""

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
