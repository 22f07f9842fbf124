"""The experts beside the transformer, fitted without a fold, and the outputs of all three.

Whatever is held out, all experts are fitted on the same posts and natural lines: none of them has
seen a text that they are measured on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskclf.encoder import Outputs
from riskclf.experts import Experts
from riskclf.files import replacing
from riskclf.finetuning.ngrams import fit_ngrams
from riskclf.labels import LABELS
from riskclf.neighbours import Neighbours
from riskclf.ngrams import Ngrams
from riskclf.tokens import Encoding, Tokenizer, Window
from training.posts.folds import fold_of_line
from training.posts.post import GATE
from training.recipe.examples import target_of
from training.recipe.material import LINES_TO_A_NEIGHBOUR, Material
from training.recipe.transformer import Transformer

__all__ = ["Texts", "fit_experts", "index_of"]

_BENIGN = LABELS.index(LABELS[-1])


@dataclass(frozen=True)
class Texts:
    """All texts of the material as windows, in its order: posts, lines, reserved lines."""

    material: Material
    tokenizer: Tokenizer

    @cached_property
    def encodings(self) -> list[Encoding]:
        """Of each text."""
        return self.tokenizer.encode_batch(self.material.texts)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where the windows of each text begin, and behind the last one; shape (texts + 1,)."""
        counts = (len(encoding.windows) for encoding in self.encodings)
        return np.array([*accumulate(counts, initial=0)])

    @cached_property
    def windows(self) -> list[Window]:
        """Of all texts, one after the other."""
        return [window for encoding in self.encodings for window in encoding.windows]

    @cached_property
    def fold(self) -> NDArray[np.str_]:
        """Of each text: one of `FOLDS`, `GATE` or `RESERVED`."""
        lines = (*self.material.lines, *self.material.reserved)
        posts = (post.fold for post in self.material.posts)
        return np.array([*posts, *map(fold_of_line, lines)])

    @cached_property
    def targets(self) -> NDArray[np.float64]:
        """Probability of each label, shape (texts, labels); lines are benign."""
        lines = len(self.encodings) - len(self.material.posts)
        benign = np.tile(np.eye(len(LABELS))[_BENIGN], (lines, 1))
        return np.concatenate([[target_of(post) for post in self.material.posts], benign])

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Of each text, shape (texts,); posts that are there for their answers count nothing."""
        posts = [0.0 if x.split == "aspects" else x.weight for x in self.material.posts]
        return np.array([*posts, *[1.0] * (len(self.encodings) - len(posts))])

    def rows(self, texts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The windows of these texts, by number."""
        return np.concatenate([np.arange(self.starts[x], self.starts[x + 1]) for x in texts])

    def trained(self, held_out: str | None) -> NDArray[np.int64]:
        """The texts that experts are fitted on when a fold is held out; None holds out none."""
        count = len(self.material.posts) + len(self.material.lines)
        known = np.arange(count)
        inside = (self.fold[:count] != GATE) & (self.weights[:count] > 0)
        chosen: NDArray[np.int64] = known[inside & (self.fold[:count] != (held_out or ""))]
        return chosen


def fit_experts(
    texts: Texts, transformer: Transformer, work: Path, held_out: str | None
) -> tuple[Experts, Outputs]:
    """N-grams and neighbours without a fold, and the outputs of all experts for every window.

    Args:
        texts: posts and lines.
        transformer: trained without the same fold.
        work: where fitted n-grams are kept; remove them when posts or lines have changed.
        held_out: the fold, or None.
    """
    chosen = texts.trained(held_out)
    file = work / f"ngrams-{held_out or 'all'}.safetensors"
    if not file.is_file():
        heads = [texts.encodings[x].head for x in chosen]
        fitted = fit_ngrams(heads, texts.targets[chosen], texts.weights[chosen])
        work.mkdir(parents=True, exist_ok=True)
        with replacing(file) as staged:
            fitted.save(staged)
    outputs = transformer.outputs
    experts = Experts(Ngrams.load(file, len(LABELS)), index_of(texts, outputs, chosen))
    return experts, experts.complete(texts.windows, outputs)


def index_of(texts: Texts, outputs: Outputs, chosen: NDArray[np.int64]) -> Neighbours:
    """Posts with one clear label and one window, and some natural lines."""
    posts = len(texts.material.posts)
    clear = (texts.targets.max(axis=1) == 1) & (np.diff(texts.starts) == 1)
    known = chosen[clear[chosen]]
    known = known[(known < posts) | ((known - posts) % LINES_TO_A_NEIGHBOUR == 0)]
    return Neighbours.of(
        outputs.sentence[texts.starts[known]],
        texts.targets[known].argmax(axis=1).tolist(),
        [texts.material.posts[x].family if x < posts else "" for x in known],
        texts.material.centre,
    )
