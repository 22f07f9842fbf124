"""Choose posts that the model is unsure about, all different, and some at random.

**Uncertain.** The uncertainty of a post is the mean of two numbers from 0 to 1: how near its risk
is to the nearer of the two thresholds, exp(-d) with d the distance in log-odds; and the entropy of
the probabilities of the labels, divided by its maximum. Without risk labels it is the entropy.

**At random.** One post in five is drawn at random from all posts, whatever the model says about
them: uncertain posts never show what a model is wrongly sure about, and only random ones measure
how good it is on the whole file. Each text has a fixed random number, a keyed hash, and the posts
with the smallest are drawn (bottom-k sampling: Cohen and Kelley 2007). Every different text has the
same chance, in any order of the rows.

**Different.** No two posts are near-duplicates (`riskclf.tables.duplicates`), and none is a
near-duplicate of a labelled post. Among the most uncertain posts the one with the greatest product
of uncertainty and distance to the nearest post taken is taken next: the farthest-point rule of
Gonzalez (1985), which Sener and Savarese (2018) use for active learning, on the vectors of the
model.

Posts come as a stream, and 2,000 to 4,000 candidates are kept. From a file of more than 4,000
different posts, the choice may depend slightly on the order of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from riskclf.language import gettext as _
from riskclf.language import pgettext
from riskclf.tables import Row, is_blank, text_key
from riskclf.tables.duplicates import near_duplicate_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.labels import Prediction

__all__ = ["Candidate", "Selection"]


_RANDOM_SHARE = 0.2
_CANDIDATES = 2000
"""Uncertain posts to choose among: at least this many are kept, up to twice as many while
reading."""
_CANDIDATES_PER_POST = 4
_LEAST_SHARE = 1e-9  # so that a risk of 0 or 1 has log-odds


@dataclass(frozen=True, slots=True)
class Candidate:
    """A post that may be chosen."""

    row: Row
    text: str
    key: int
    """Random number of the text, the same for equal texts."""
    prediction: Prediction
    vector: NDArray[np.float32]
    """The pooled vector of the window that decides, shape (hidden,)."""
    uncertainty: float
    """From 0 (sure) to 1."""
    because: str
    """Why it is uncertain, in words."""


class Selection:
    """Takes scored posts one after the other and chooses among them.

    Args:
        n: how many posts to choose.
        known: labelled texts; neither they nor near-duplicates of them are chosen.
        thresholds: ``flag`` and ``review`` of the model; None where it has no risk labels.
    """

    def __init__(
        self, n: int, known: Sequence[str], thresholds: Mapping[str, float] | None
    ) -> None:
        self.blank = 0
        """Posts without text, which are never chosen."""
        self._n, self._known = n, known
        self._at_random = round(n * _RANDOM_SHARE)
        self._judge = _Judge(thresholds)
        limit = max(_CANDIDATES, _CANDIDATES_PER_POST * n)
        self._uncertain = _Pool(limit, known, lambda post: (-round(post.uncertainty, 6), post.key))
        limit = max(_CANDIDATES // 10, 4 * self._at_random)
        self._drawn = _Pool(limit, known, lambda post: (0.0, post.key))

    def add(self, row: Row, text: str, prediction: Prediction, vector: NDArray[np.float32]) -> None:
        """Take a post into account; see `Candidate`."""
        if is_blank(text):
            self.blank += 1
            return
        # A copy, or a kept post would keep the vectors of all that were computed with it.
        kept = vector.copy()
        post = Candidate(row, text, text_key(text), prediction, kept, *self._judge(prediction))
        self._uncertain.add(post)
        self._drawn.add(post)

    def chosen(self) -> list[tuple[Candidate, str]]:
        """The chosen posts with the reason for each; random ones are spread among the others."""
        at_random = self._drawn.best()[: self._at_random]
        texts = [post.text for post in at_random]
        candidates = _different(self._uncertain.best(), [*self._known, *texts])
        count = self._n - self._at_random
        if len(candidates) > count:
            candidates = _spread_out(at_random, candidates, count)
        because = _("drawn at random")
        return _mixed(
            [(post, post.because) for post in candidates], [(post, because) for post in at_random]
        )


class _Judge:
    """How uncertain a prediction is, from 0 to 1, and why."""

    def __init__(self, thresholds: Mapping[str, float] | None) -> None:
        self._thresholds: list[tuple[float, str]] = []
        if thresholds is not None:
            self._thresholds = [
                (_log_odds(thresholds["review"]), _("near the threshold of review")),
                (_log_odds(thresholds["flag"]), _("near the threshold of flag")),
            ]

    def __call__(self, prediction: Prediction) -> tuple[float, str]:
        shares = list(prediction.scores.values())
        entropy = -sum(x * math.log(x) for x in shares if x > 0) / math.log(max(2, len(shares)))
        likeliest = sorted(prediction.scores, key=lambda x: -prediction.scores[x])[:2]
        unsure = _("unsure between {labels}").format(
            labels=pgettext("between two names", " and ").join(likeliest)
        )
        if not self._thresholds:
            return entropy, unsure
        risk = _log_odds(prediction.risk)
        distance, near = min((abs(risk - place), near) for place, near in self._thresholds)
        closeness = math.exp(-distance)
        return (closeness + entropy) / 2, near if closeness >= entropy else unsure


def _log_odds(share: float) -> float:
    share = min(max(share, _LEAST_SHARE), 1 - _LEAST_SHARE)
    return math.log(share / (1 - share))


class _Pool:
    """The posts of lowest rank: no two near-duplicates, and no near-duplicate of a known text.

    Between `limit` and twice as many are kept while posts are added.
    """

    def __init__(
        self, limit: int, known: Sequence[str], rank: Callable[[Candidate], tuple[float, int]]
    ) -> None:
        self._limit = limit
        self._known = known
        self._rank = rank
        self._known_keys = {text_key(text) for text in known}
        self._posts: dict[int, Candidate] = {}
        self._bar: tuple[float, int] | None = None

    def add(self, post: Candidate) -> None:
        if post.key in self._posts or post.key in self._known_keys:
            return
        if self._bar is None or self._rank(post) < self._bar:
            self._posts[post.key] = post
            if len(self._posts) >= 2 * self._limit:
                self._reduce()

    def best(self) -> list[Candidate]:
        """What is left, lowest rank first, `limit` of them at most."""
        self._reduce()
        return list(self._posts.values())

    def _reduce(self) -> None:
        posts = _different(sorted(self._posts.values(), key=self._rank), self._known)
        if len(posts) > self._limit:
            posts = posts[: self._limit]
            self._bar = self._rank(posts[-1])
        self._posts = {post.key: post for post in posts}


def _different(posts: Sequence[Candidate], known: Sequence[str]) -> list[Candidate]:
    """The first post of each group of near-duplicates that holds no known text."""
    groups = near_duplicate_groups([*known, *(post.text for post in posts)]).tolist()
    taken = set(groups[: len(known)])
    result = []
    for post, group in zip(posts, groups[len(known) :], strict=True):
        if group not in taken:
            taken.add(group)
            result.append(post)
    return result


def _spread_out(
    taken: Sequence[Candidate], candidates: Sequence[Candidate], count: int
) -> list[Candidate]:
    """Candidates that are uncertain and far from each other and from the posts taken before."""
    vectors = np.stack([post.vector for post in (*taken, *candidates)])
    # Pooled vectors share a large part, which would hide their differences.
    vectors -= vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    centres, points = np.split(vectors, [len(taken)])
    uncertainty = np.array([post.uncertainty for post in candidates])
    distance = np.full(len(candidates), 2.0)
    for centre in centres:
        distance = np.minimum(distance, 1 - points @ centre)
    chosen: list[int] = []
    for _number in range(count):
        gain = uncertainty * np.maximum(distance, 0)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        distance = np.minimum(distance, 1 - points @ points[best])
    return [candidates[index] for index in chosen]


def _mixed(
    uncertain: Sequence[tuple[Candidate, str]], at_random: Sequence[tuple[Candidate, str]]
) -> list[tuple[Candidate, str]]:
    """Both in their order, evenly spread: whoever labels only the first ones has some of each."""
    total = len(uncertain) + len(at_random)
    left, right = iter(uncertain), iter(at_random)
    return [
        next(right)
        if (place + 1) * len(at_random) // total > place * len(at_random) // total
        else next(left)
        for place in range(total)
    ]
