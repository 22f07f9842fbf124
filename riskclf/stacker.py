"""Several experts, one probability of each label: a small logistic model on what each one says.

Each expert gives logits. Its log-odds of the risk are weighted and added up (stacking, Wolpert
1992; weights are not negative, Breiman 1996), and so are its logits among the risky labels, which
tell the side, and among the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from riskclf.encoder import Outputs
from riskclf.numerics import log_expit, log_softmax, logsumexp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["EXPERTS", "Cascade", "Stacker", "expert_logits", "risk_log_odds"]

EXPERTS = ("transformer", "ngrams", "neighbours")
"""Names of the experts; the first is in every model."""


@dataclass(frozen=True, slots=True)
class Stacker:
    """A fitted stacker."""

    experts: tuple[str, ...]
    """Those of `EXPERTS` that it reads."""
    risk: tuple[float, ...]
    """Weight of each expert's log-odds of the risk, 0 or more."""
    side: tuple[float, ...]
    """Weight of each expert's logits among the risky labels, and among the others; 0 or more."""
    bias: float
    """Added to the log-odds of the risk."""

    def probabilities(self, outputs: Outputs, is_risk: NDArray[np.bool_]) -> Floats:
        """The probability of each label.

        Args:
            outputs: with the logits of `experts`.
            is_risk: which labels are risky, shape (labels,); some are, and some are not.

        Returns:
            Shape (windows, labels); each row adds up to 1.
        """
        logits = expert_logits(outputs, self.experts)
        odds = self.bias + risk_log_odds(logits, is_risk) @ np.array(self.risk)
        weighted = np.einsum("e,ewl->wl", np.array(self.side), logits)
        logs = np.zeros_like(weighted)
        for part, total in ((is_risk, odds), (~is_risk, -odds)):
            logs[:, part] = log_expit(total)[:, None] + log_softmax(weighted[:, part], axis=1)
        result: Floats = np.exp(logs)
        return result


@dataclass(frozen=True, slots=True)
class Cascade:
    """A first stage that clears most posts, so that the transformer need not read them.

    As in Viola and Jones (2001), it is cheap, and its threshold lets nearly all risky posts pass.
    """

    stacker: Stacker
    """Of the n-gram expert alone."""
    threshold: float
    """A post with less risk by this stacker is cleared; between 0 and 1."""


def expert_logits(outputs: Outputs, experts: Sequence[str]) -> Floats:
    """The logits of these experts, shape (experts, windows, labels).

    Raises:
        ValueError: the outputs lack those of an expert.
    """
    by_name = {
        "transformer": outputs.logits,
        "ngrams": outputs.ngrams,
        "neighbours": outputs.neighbours,
    }
    found = [by_name[name] for name in experts]
    if missing := [name for name, x in zip(experts, found, strict=True) if x is None]:
        raise ValueError(f"the outputs lack the logits of the expert {missing[0]}")
    return np.array(found, dtype=np.float64)


def risk_log_odds(logits: Floats, is_risk: NDArray[np.bool_]) -> Floats:
    """What each expert says of the risk: (experts, windows, labels) to (windows, experts)."""
    risky = logsumexp(logits[:, :, is_risk], axis=2)
    odds: Floats = (risky - logsumexp(logits[:, :, ~is_risk], axis=2)).T
    return odds
