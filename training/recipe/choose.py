"""Which of the models that were made is packaged, and what is compared for that.

Models are compared on the dev split by cross-entropy, which early stopping minimises too: with 40
risky posts on dev, macro-F1 has a standard error of some six points and would let nearly any model
pass.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskclf import Label, RiskClassifier, evaluate
from riskclf.errors import EvaluationError
from riskclf.evaluation.scored import ScoredRows
from training.posts.corpora import Corpora
from training.posts.post import Post
from training.posts.post import rows as evaluation_rows

__all__ = [
    "BURIED_BY",
    "Candidate",
    "behind",
    "choose",
    "labels_examples",
    "losses",
    "measure_buried",
    "measured",
]

BURIED_BY = "200"
"""Of the lengths of `measure_buried`, the one that models are compared by."""

_RISKY_EXAMPLES = {
    "1": Label.MINOR_SOLICITATION,
    "2": Label.MINOR_SOLICITATION,
    "3": Label.ADULT_SOLICITATION,
    "4": Label.MINOR_SOLICITATION,
}
"""Of the package's example posts; the others are benign."""

_FEWER_BURIED = 2


@dataclass(frozen=True)
class Candidate:
    """A model that may be packaged, and what decides on it."""

    name: str
    model: RiskClassifier
    dev: ScoredRows
    examples_right: bool
    """It labels all of the package's example posts right."""
    buried: int
    """Risky dev posts that it finds behind `BURIED_BY` characters, less such text without any."""


def measured(
    name: str, model: RiskClassifier, posts: Sequence[Post], corpora: Corpora
) -> Candidate:
    """A model with what decides on it.

    Args:
        name: of its variant.
        model: the classifier.
        posts: ours; only those of the dev split are used.
        corpora: where the text before buried posts comes from.
    """
    dev = list(evaluation_rows(post for post in posts if post.split == "dev"))
    shares = measure_buried(model, posts, corpora)[BURIED_BY]
    buried = shares["found"]["hits"] - shares["alone"]["hits"]
    return Candidate(name, model, evaluate(dev, model=model).rows, labels_examples(model), buried)


def choose(candidates: Iterable[Candidate]) -> Candidate:
    """The first that labels the examples right, unless a later one is better by more than chance.

    A later one is better if its cross-entropy on dev is lower by more than one paired standard
    error and it finds at most two buried posts fewer.

    Raises:
        EvaluationError: none labels the examples right.
    """
    usable = [candidate for candidate in candidates if candidate.examples_right]
    if not usable:
        raise EvaluationError("no seed labels all of riskclf/example_posts.csv right: none is kept")
    best, *others = usable
    for other in others:
        difference, error = behind(other.dev, best.dev)
        if difference < -error and other.buried >= best.buried - _FEWER_BURIED:
            best = other
    return best


def labels_examples(model: RiskClassifier) -> bool:
    """Whether the model labels all of the package's example posts right."""
    text = files("riskclf").joinpath("example_posts.csv").read_text(encoding="utf-8")
    posts = list(csv.DictReader(text.splitlines()))
    found = model.predict_many(post["text"] for post in posts)
    return all(
        x.label == _RISKY_EXAMPLES.get(post["id"], Label.BENIGN)
        for post, x in zip(posts, found, strict=True)
    )


def losses(rows: ScoredRows) -> NDArray[np.float64]:
    """-log of the probability of the right label, for each post that has just one."""
    hard = rows.clearly
    with np.errstate(divide="ignore"):  # a baseline says 0 or 1
        found: NDArray[np.float64] = -np.log(rows.scores[hard, rows.gold[hard]])
    return found


def behind(ours: ScoredRows, theirs: ScoredRows) -> tuple[float, float]:
    """Mean loss of ours minus theirs on the same posts, and its standard error over families."""
    with np.errstate(invalid="ignore"):
        difference = losses(ours) - losses(theirs)
    if not np.isfinite(difference).all():
        return np.nan, np.nan
    assert ours.family is not None
    family = ours.family.codes[ours.clearly]
    # Posts of a family are right and wrong together: their sums are what varies independently.
    sums = np.bincount(family, difference - difference.mean())
    return float(difference.mean()), float(np.sqrt((sums**2).sum()) / len(difference))


def measure_buried(
    classifier: RiskClassifier, posts: Sequence[Post], corpora: Corpora
) -> dict[str, dict[str, Any]]:
    """Risky posts after so many characters of other text, and that text alone.

    Returns:
        Length to `found`, the share of the Japanese risky dev posts behind it that are flagged or
        reviewed, and `alone`, the share of the same stretches of text, without a post, that are.
    """
    risky = [p for p in posts if p.split == "dev" and p.risky and p.lang == "ja"]
    source = next(source for source in corpora.of("heldout", language="ja"))
    ordinary = " ".join(source.lines())
    result = {}
    for length in (0, 100, 200, 400, 800):
        rows = []
        for number, post in enumerate(risky):
            before = ordinary[number * 1000 :][:length]
            rows.append({"text": f"{before} {post.text}", "label": post.kind})
            if before:
                rows.append({"text": before, "label": str(Label.BENIGN)})
        point = evaluate(rows, model=classifier).figures.operating_points["flag_or_review"]
        result[str(length)] = {
            "found": point.recall.to_dict(),
            "alone": point.false_positive_rate.to_dict(),
        }
    return result
