"""The first stage of a cascade: what n-grams alone may clear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from riskclf.labels import LABELS, RISK_LABELS
from riskclf.stacker import Cascade, Stacker
from training.recipe.out_of_fold import Judged, OutOfFold, fit_stacker

__all__ = ["fit_cascade", "risks", "shown_risky"]

_IS_RISK = np.isin(LABELS, RISK_LABELS)


def fit_cascade(found: OutOfFold, judged: Judged) -> Cascade:
    """The highest threshold that clears none of the risky posts that are shown to a person.

    Args:
        found: posts, perhaps lines too, with outputs of experts that have not seen them.
        judged: the same, judged by all experts.
    """
    stacker = fit_stacker(found.only(found.is_post), ("ngrams",)).stacker
    assert stacker is not None
    return Cascade(stacker, float(risks(found, stacker)[shown_risky(found, judged)].min()))


def risks(found: OutOfFold, stacker: Stacker) -> NDArray[np.float64]:
    """The risk of each text's riskiest window, shape (texts,)."""
    of_windows = stacker.probabilities(found.outputs, _IS_RISK)[:, _IS_RISK].sum(axis=1)
    counts = np.diff(found.texts.starts)[found.number]
    highest: NDArray[np.float64] = np.maximum.reduceat(of_windows, np.cumsum(counts) - counts)
    return highest


def shown_risky(found: OutOfFold, judged: Judged) -> NDArray[np.bool_]:
    """Which of the texts are risky posts at `flag` or `review`, shape (texts,)."""
    posts = found.texts.material.posts
    shown = {
        int(number)
        for number, prediction in zip(judged.number, judged.predictions, strict=True)
        if prediction.decision != "clear"
    }
    return np.array([x in shown and x < len(posts) and posts[x].risky for x in found.number])
