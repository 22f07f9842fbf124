"""The answers to the guide's questions, out of fold: how good they are, and support's threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskclf.evaluation.intervals import Intervals
from riskclf.evaluation.metrics import label_figures
from training.posts.post import ASPECTS, FOLDS
from training.recipe.experts import Texts
from training.recipe.transformer import Transformer

__all__ = ["Answers", "answer_figures", "out_of_fold_answers", "support_threshold"]

_MOST_LINES = 0.004
"""Share of natural lines on which the threshold of `support` may lie at most; 0.5 % is stated."""

Answers = Mapping[str, NDArray[np.float64]]
"""Probability of each answer by question, shape (texts, answers)."""


def out_of_fold_answers(texts: Texts, transformers: Mapping[str, Transformer]) -> Answers:
    """What the transformer without its fold answers for each text; of a long one its beginning.

    Args:
        texts: posts and lines; those outside the folds are answered with 0.
        transformers: by the fold that is held out.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for fold, transformer in transformers.items():
        chosen = np.flatnonzero(texts.fold == fold)
        pooled = transformer.outputs.pooled[texts.starts[chosen]]
        for name, values in transformer.heads.probabilities(pooled).items():
            column = found.setdefault(name, np.zeros((len(texts.fold), values.shape[1])))
            column[chosen] = values
    return found


def support_threshold(texts: Texts, answers: Answers, folds: tuple[str, ...] = FOLDS) -> float:
    """The lowest threshold of `support` that few natural lines reach."""
    is_line = np.arange(len(texts.fold)) >= len(texts.material.posts)
    lines = answers["support"][is_line & np.isin(texts.fold, folds), 0]
    return float(np.quantile(lines, 1 - _MOST_LINES, method="higher")) + 1e-6


def answer_figures(texts: Texts, answers: Answers, shown: NDArray[np.bool_]) -> dict[str, Any]:
    """How good the answers are, with intervals.

    Args:
        texts: posts and lines.
        answers: of `out_of_fold_answers`.
        shown: whether a text's decision, out of fold, is not `clear`; shape (texts,).

    Returns:
        Macro-F1 of each question, F1 of each matter; under "shown" the share of right answers among
        the posts whose answers a person would see; under "support" how it is found, by a threshold
        that is fitted on the other four folds each time.
    """
    posts = texts.material.posts
    judged = [
        (row, post.family, post.aspects)
        for row, post in enumerate(posts)
        if post.aspects is not None and post.fold in FOLDS
    ]
    rows = np.array([row for row, _, _ in judged])
    aspects = [found for _, _, found in judged]
    family = np.unique(np.array([name for _, name, _ in judged]), return_inverse=True)[1]
    intervals = Intervals(len(rows), None, family)
    figures: dict[str, Any] = {}
    figures["shown"] = seen = {}
    for question, possible in ASPECTS.items():
        told = answers[question][rows]
        if question == "matter":
            given = np.array([[x in post.matter for x in possible] for post in aspects])
            for index, answer in enumerate(possible):
                found = label_figures(
                    ("no", "yes"),
                    given[:, index].astype(np.int64),
                    (told[:, index] >= 0.5).astype(np.int64),
                    intervals=intervals,
                )
                figures[f"matter: {answer}"] = found.labels["yes"].f1.to_dict()
        else:
            gold = np.array([possible.index(getattr(post, question)) for post in aspects])
            found = label_figures(possible, gold, told.argmax(axis=1), intervals=intervals)
            figures[question] = found.macro.f1.to_dict()
            right = told.argmax(axis=1) == gold
            seen[question] = intervals.proportion(right, shown[rows]).to_dict()
    seeks = np.array([post.support for post in aspects])
    found_by_head = np.zeros(len(texts.fold), dtype=bool)
    for fold in FOLDS:
        others = tuple(x for x in FOLDS if x != fold)
        part = texts.fold == fold
        threshold = support_threshold(texts, answers, others)
        found_by_head[part] = answers["support"][part, 0] >= threshold
    is_line = np.arange(len(texts.fold)) >= len(posts)
    lines = found_by_head[is_line & np.isin(texts.fold, FOLDS)]
    everything = np.ones(len(lines), dtype=bool)
    figures["support"] = {
        "posts that seek help": intervals.proportion(found_by_head[rows], seeks).to_dict(),
        "other posts": intervals.proportion(found_by_head[rows], ~seeks).to_dict(),
        "natural lines": Intervals(len(lines)).proportion(lines, everything).to_dict(),
    }
    return figures
