"""Ways to tell which phrases of a post count, beside the one that is shipped.

Each gives a figure for every phrase, the larger the more it speaks for the risk. Gradients and
attention know the transformer only; gradients are captum's (Kokhlikyan and others 2020).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from captum.attr import LayerGradientXActivation, LayerIntegratedGradients
from numpy.typing import NDArray

from riskclf.explanation.phrases import Phrases
from riskclf.labels import LABELS, RISK_LABELS

__all__ = ["attention_rollout", "gradient_times_input", "integrated_gradients"]

_STEPS = 16
_IS_RISK = torch.tensor(np.isin(LABELS, RISK_LABELS))

Floats = NDArray[np.float64]


def integrated_gradients(model: Any, phrases: Phrases, pad_id: int) -> Floats:
    """Integrated gradients (Sundararajan and others 2017) from padding, shape (phrases,)."""
    ids = torch.tensor([phrases.window.ids])
    baseline = torch.full_like(ids, pad_id)
    baseline[0, [0, -1]] = ids[0, [0, -1]]
    method = LayerIntegratedGradients(_log_odds(model), model.bert.embeddings.word_embeddings)
    found = method.attribute(ids, baselines=baseline, n_steps=_STEPS)
    return _summed(found.sum(dim=-1)[0, 1:-1].detach().numpy(), phrases.of_id, len(phrases))


def gradient_times_input(model: Any, phrases: Phrases) -> Floats:
    """The gradient at the embeddings times these, shape (phrases,)."""
    ids = torch.tensor([phrases.window.ids])
    method = LayerGradientXActivation(_log_odds(model), model.bert.embeddings.word_embeddings)
    found = method.attribute(ids)
    return _summed(found.sum(dim=-1)[0, 1:-1].detach().numpy(), phrases.of_id, len(phrases))


def attention_rollout(model: Any, phrases: Phrases) -> Floats:
    """How much attention flows from each token to [CLS] (Abnar and Zuidema 2020).

    Args:
        model: with eager attention.
        phrases: of a window.

    Returns:
        Shape (phrases,); none is below 0, for attention says nothing of a direction.
    """
    with torch.inference_mode():
        layers = model(torch.tensor([phrases.window.ids]), output_attentions=True).attentions
    flow = torch.eye(len(phrases.window.ids))
    for layer in layers:
        mixed = layer[0].mean(dim=0) + torch.eye(len(flow))  # half of it is the residual
        flow = mixed / mixed.sum(dim=-1, keepdim=True) @ flow
    return _summed(flow[0, 1:-1].numpy(), phrases.of_id, len(phrases))


def _log_odds(model: Any) -> Any:
    """The transformer's log-odds of the risk, as a function of ids: (rows, tokens) to (rows,)."""

    def forward(ids: torch.Tensor) -> torch.Tensor:
        # All rows are versions of one window: none is padded.
        logits = model(ids, attention_mask=torch.ones_like(ids)).logits
        return torch.logsumexp(logits[:, _IS_RISK], 1) - torch.logsumexp(logits[:, ~_IS_RISK], 1)

    return forward


def _summed(values: NDArray[np.float32], groups: NDArray[np.int64], count: int) -> Floats:
    """Sums by group, of which there are `count`."""
    sums: Floats = np.bincount(groups, weights=values, minlength=count).astype(np.float64)
    return sums
