"""The packaged model on the test set by other hands, with each expert alone and TF-IDF beside it.

It is measured once, for a model that ships (`training.cards.report --other-hand`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score

from riskclf import RiskClassifier, evaluate
from riskclf.artifact import Artifact
from riskclf.evaluation.baselines import tfidf
from riskclf.finetuning.computed import computed_by
from riskclf.labels import LABELS, RISK_LABELS
from riskclf.stacker import EXPERTS, Stacker
from training.cards.figures import described
from training.posts.other_hand import OtherHandPost
from training.posts.post import Post

__all__ = ["measure_other_hand"]

_TFIDF = 100.0
"""scikit-learn's C: the best setting out of fold, see `training.experiments.baselines`."""

_IS_RISK = np.isin(LABELS, RISK_LABELS)


def measure_other_hand(
    loaded: Artifact, others: Sequence[OtherHandPost], posts: Sequence[Post]
) -> dict[str, Any]:
    """Figures as of any posts, and `ranked`: what each expert alone and TF-IDF reach.

    Posts count as independent of each other, for they have no families.

    Args:
        loaded: the model.
        others: the test set.
        posts: ours, for TF-IDF; those of the folds with one clear label.
    """
    texts = [post.text for post in others]
    targets = np.array([[post.target.get(label, 0.0) for label in LABELS] for post in others])
    gold = np.where(targets.max(axis=1) == 1, targets.argmax(axis=1), -1)
    classifier = RiskClassifier(loaded)
    rows = (
        {
            "text": post.text,
            "label": dict(post.target) if post.unclear else next(iter(post.target)),
            "language": post.lang,
        }
        for post in others
    )
    predictions = classifier.predict_many(texts)
    ranked = {
        "all experts": (
            np.array([x.risk for x in predictions]),
            np.array([LABELS.index(x.side) for x in predictions]),
        ),
        **_experts(loaded, texts),
        "TF-IDF": _tfidf(posts, texts),
    }
    return described(evaluate(rows, model=classifier).rows) | {
        "ranked": {name: _best(risk, side, gold) for name, (risk, side) in ranked.items()}
    }


def _best(
    risk: NDArray[np.float64], side: NDArray[np.int64], gold: NDArray[np.int64]
) -> dict[str, float]:
    """Average precision, and macro-F1 at the threshold that is best on these posts (optimistic)."""
    clear = gold >= 0
    risky = clear & (gold < len(RISK_LABELS))
    scores = [
        f1_score(gold[clear], np.where(risk >= at, side, len(LABELS) - 1)[clear], average="macro")
        for at in np.unique(risk[clear])
    ]
    return {
        "average precision": float(average_precision_score(risky[clear], risk[clear])),
        "macro-F1": float(max(scores)),
        "side": float((side == gold)[risky].mean()),
    }


def _experts(
    loaded: Artifact, texts: Sequence[str]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Risk and side by each expert alone."""
    manifest = loaded.manifest
    found = computed_by(loaded.engine, loaded.tokenizer, texts, manifest, experts=loaded.experts)
    result = {}
    for name in (x for x in EXPERTS if x in loaded.experts.names):
        alone = Stacker((name,), risk=(1.0,), side=(1.0,), bias=0.0)
        predictions = found.predictions(replace(manifest, stacker=alone))
        result[name] = (
            np.array([x.risk for x in predictions]),
            np.array([LABELS.index(x.side) for x in predictions]),
        )
    return result


def _tfidf(
    posts: Sequence[Post], texts: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    model = tfidf(_TFIDF).fit([post.text for post in posts], [post.kind for post in posts])
    order = [list(model.classes_).index(label) for label in LABELS]
    scores = model.predict_proba(list(texts))[:, order]
    return scores[:, _IS_RISK].sum(axis=1), scores[:, _IS_RISK].argmax(axis=1)
