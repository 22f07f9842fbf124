"""The judged posts that simulated streams are drawn from.

Risky posts and look-alikes are our Japanese ones with one clear label, judged out of fold. Ordinary
posts are held-out natural lines, scored by the packaged model. New slang is that of the slang
splits, which the packaged model has not learned from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskclf import Prediction, RiskClassifier
from riskclf.files import write_text
from riskclf.labels import LABELS, RISK_LABELS, Label
from training.posts.corpora import Corpora
from training.posts.post import Post, load_posts
from training.recipe.judged import read_judged

__all__ = ["IS_RISK", "Material", "Pool", "load_material"]

IS_RISK = np.isin(LABELS, RISK_LABELS)
"""Which of our labels are risks, shape (labels,)."""

_LINES = 6000
_CACHE = "volume-lines.json"


@dataclass(frozen=True)
class Pool:
    """Judged posts; all arrays are in their order."""

    scores: NDArray[np.float64]
    """Shape (posts, labels)."""
    flagged: NDArray[np.bool_]
    gold: NDArray[np.int64]
    """Index of the label."""
    family: NDArray[np.int64]
    """-1 where there is none."""
    texts: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.gold)

    def only(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Pool:
        """The chosen posts."""
        return Pool(
            self.scores[rows],
            self.flagged[rows],
            self.gold[rows],
            self.family[rows],
            self.texts[rows],
        )

    @property
    def risky(self) -> NDArray[np.bool_]:
        """Posts whose label is a risk."""
        found: NDArray[np.bool_] = IS_RISK[self.gold]
        return found

    def beside(self, other: Pool) -> Pool:
        """Both pools."""
        return Pool(
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.flagged, other.flagged]),
            np.concatenate([self.gold, other.gold]),
            np.concatenate([self.family, other.family]),
            np.concatenate([self.texts, other.texts]),
        )


@dataclass(frozen=True)
class Material:
    """What streams are drawn from."""

    model: str
    """Fingerprint of the packaged model."""
    ours: Pool
    """Risky posts and look-alikes, by family."""
    ordinary: Mapping[str, Pool]
    """Natural lines by corpus."""
    slang: Pool
    """Risky posts in new slang."""


def load_material(corpora: Path, work: Path) -> Material:
    """Read the judged posts; natural lines are scored once and kept in the work directory.

    Args:
        corpora: directory of the public corpora.
        work: directory that the recipe worked in.
    """
    posts = load_posts()
    judged = read_judged(work, posts)
    pairs = [
        (post, found)
        for post, found in zip(judged.posts, judged.predictions, strict=True)
        if post.labelled and post.lang == "ja" and len(post.target) == 1
    ]
    slang = [x for x in posts if x.split in ("slang_learn", "slang_test") and x.risky]
    classifier = RiskClassifier.load(device="cpu")
    sources = {
        source.path.stem: list(islice(source.lines(), _LINES))
        for source in Corpora.load(corpora).of("heldout")
    }
    texts = {**sources, "slang": [post.text for post in slang]}
    scored = _scored(classifier, texts, work / _CACHE)
    return Material(
        classifier.fingerprint,
        _pool([post for post, _ in pairs], [_row(found) for _, found in pairs]),
        {name: _lines(scored[name], lines) for name, lines in sources.items()},
        _pool(slang, scored["slang"]),
    )


def _row(found: Prediction) -> list[float]:
    return [*(found.scores[label] for label in LABELS), float(found.decision == "flag")]


def _scored(
    classifier: RiskClassifier, texts: Mapping[str, list[str]], cache: Path
) -> dict[str, list[list[float]]]:
    """Scores and flag of each text, from the cache if it is of this model; it holds no text."""
    if cache.is_file():
        kept = json.loads(cache.read_text(encoding="utf-8"))
        counts = {name: len(rows) for name, rows in kept["rows"].items()}
        same = counts == {name: len(part) for name, part in texts.items()}
        if kept["model"] == classifier.fingerprint and same:
            rows: dict[str, list[list[float]]] = kept["rows"]
            return rows
    rows = {name: [_row(x) for x in classifier.stream(part)] for name, part in texts.items()}
    write_text(cache, json.dumps({"model": classifier.fingerprint, "rows": rows}) + "\n")
    return rows


def _pool(posts: Iterable[Post], rows: list[list[float]]) -> Pool:
    posts = list(posts)
    names = [str(label) for label in LABELS]
    values = np.array(rows)
    return Pool(
        values[:, :-1],
        values[:, -1] > 0,
        np.array([names.index(str(next(iter(post.target)))) for post in posts]),
        np.unique([post.family for post in posts], return_inverse=True)[1],
        np.array([post.text for post in posts], dtype=object),
    )


def _lines(rows: list[list[float]], lines: list[str]) -> Pool:
    values = np.array(rows)
    benign = [str(label) for label in LABELS].index(str(Label.BENIGN))
    return Pool(
        values[:, :-1],
        values[:, -1] > 0,
        np.full(len(values), benign),
        np.full(len(values), -1),
        np.array(lines, dtype=object),
    )
