"""Versions of a marked post that lack some of its parts, and ways to weigh the parts.

A part is a phrase, or neighbouring ones that answer the same question and are shown together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from riskclf.artifact import Artifact
from riskclf.explanation.explaining import figures, parts_of
from riskclf.explanation.phrases import Phrases
from riskclf.explanation.shapley import Orders
from riskclf.labels import Aspect
from riskclf.tokens import Window
from training.experiments.attributions import (
    attention_rollout,
    gradient_times_input,
    integrated_gradients,
)
from training.experiments.workdir import risk_of
from training.posts.marked_spans import Mark
from training.posts.post import Post

__all__ = ["OURS", "Versions", "weights_by_method"]

OURS = "ours: Shapley values, each question first"

Floats = NDArray[np.float64]


class Versions:
    """A short post in phrases and in parts, which are phrases that are shown together."""

    def __init__(self, post: Post, model: Artifact, aspects: Sequence[Aspect]) -> None:
        (self.window,) = model.tokenizer.encode(post.text).windows
        self.phrases = Phrases.of(post.text, self.window, model.tokenizer)
        self._model = model
        self._cache: dict[tuple[bytes, bool], Floats] = {}
        self.sets = Orders.of(len(self.phrases))
        self.values = self.sets.values(self._figures(self.sets.members, unknown=False))
        self.parts = parts_of(self.values, aspects, model.aspects)
        self.of_part = np.zeros((len(self.parts), len(self.phrases)), dtype=bool)
        for number, part in enumerate(self.parts):
            self.of_part[number, part.first : part.behind] = True

    def shown(self) -> list[Mark]:
        """Where each part lies in the post."""
        shown = self.phrases.shown
        return [Mark("", shown[x.first][0], shown[x.behind - 1][1]) for x in self.parts]

    def kept(self, members: NDArray[np.bool_]) -> Window:
        """The window with these parts only; shape (parts,)."""
        return self.phrases.kept(self._phrases(members))

    def risk(self, members: NDArray[np.bool_], *, unknown: bool = False) -> Floats:
        """The risk of versions: the parts that each has, shape (versions, parts)."""
        phrases = np.array([self._phrases(x) for x in members])
        found: Floats = expit(self._figures(phrases, unknown=unknown)[:, 0])
        return found

    def _phrases(self, members: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which phrases these parts hold."""
        found: NDArray[np.bool_] = members @ self.of_part
        return found

    def _figures(self, members: NDArray[np.bool_], *, unknown: bool) -> Floats:
        """`figures` of versions; in `unknown` ones phrases are unknown tokens to the engine."""
        cache = self._cache
        new = [x for x in np.unique(members, axis=0) if (x.tobytes(), unknown) not in cache]
        windows = [self.phrases.kept(x) for x in new]
        if unknown:
            first, *ids, last = self.window.ids
            known = [x[self.phrases.of_id] for x in new]
            unk = self._model.tokenizer.unk_id
            windows = [
                replace(x, ids=[first, *np.where(row, ids, unk).tolist(), last])
                for x, row in zip(windows, known, strict=True)
            ]
        if new:
            found = figures(self._model, windows, [""] * len(new))
            cache.update(((x.tobytes(), unknown), y) for x, y in zip(new, found, strict=True))
        return np.array([cache[x.tobytes(), unknown] for x in members])


def weights_by_method(versions: Versions, model: Artifact, eager: Any) -> dict[str, Floats]:
    """The weight of each part by each method, shape (parts,)."""
    count, phrases = len(versions.parts), versions.phrases
    without = ~np.eye(count, dtype=bool)
    ngrams = model.experts.ngrams
    assert ngrams is not None
    windows = [versions.window, *map(versions.kept, without)]
    linear = risk_of(ngrams.logits(windows))
    pad_id = model.tokenizer.pad_id
    weights = np.array([x.weight for x in versions.parts])
    # As they are shown, but first those for the risk: the measures take away what makes it.
    shown = np.where(weights > 0, weights.max() + np.arange(count, 0, -1), weights)
    whole = logit(versions.risk(np.ones((1, count), dtype=bool)))
    return {
        OURS: shown,
        "Shapley values, the largest first": weights,
        "each left out, all experts": whole - logit(versions.risk(without)),
        "each left out, n-grams only": linear[0] - linear[1:],
        "integrated gradients, transformer": versions.of_part
        @ integrated_gradients(eager, phrases, pad_id),
        "gradient times input, transformer": versions.of_part
        @ gradient_times_input(eager, phrases),
        "attention rollout, transformer": versions.of_part @ attention_rollout(eager, phrases),
    }
