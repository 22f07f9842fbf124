"""How the models behave on changed posts: shares by group, with their intervals over families."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from riskclf import Prediction, RiskClassifier
from riskclf.evaluation.intervals import Intervals
from riskclf.text import normalise
from tests.behaviour.disguises import DISGUISES, GROUPS, Disguise
from tests.behaviour.edits import DIRECTION, INVARIANCE, LANGUAGES
from tests.behaviour.fairness import mentions, templated
from training.posts.corpora import Corpora
from training.posts.post import ASPECTS, FOLDS, Post
from training.recipe.answers import Answers

__all__ = [
    "Behaviour",
    "Shares",
    "add_disguises",
    "add_edits",
    "draw_lines",
    "fairness",
    "functionality",
    "natural_lines",
]

ALL = "all"

_RISKY_POSTS = 60
"""Of each fold, under each single disguise."""
_PAIRS = 12
"""Pairs of disguises for each of them, and for each natural line."""
_LINES = 80
"""Of each held-out file."""
_LONGEST_LINE = 140
_SOME = 0.5
"""Share of the words that are disguised where not every word is."""
_REACHED = 0.95
"""Share of the posts that are to be shown still under a single disguise."""


@dataclass
class Shares:
    """What was so in how many cases, by name."""

    rows: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    """Family, and whether it is so."""

    def add(self, name: str, family: str, hit: bool) -> None:
        """Count one case."""
        self.rows.setdefault(name, []).append((family, hit))

    def figures(self) -> dict[str, Any]:
        """The share of each name with its interval, as `Proportion.to_dict` gives it."""
        return {name: _share(rows) for name, rows in self.rows.items()}


def _share(rows: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    family, hits = zip(*rows, strict=True)
    numbers = np.unique(np.array(family), return_inverse=True)[1]
    everything = np.ones(len(rows), dtype=bool)
    return Intervals(len(rows), None, numbers).proportion(np.array(hits), everything).to_dict()


@dataclass
class Behaviour:
    """What is counted on our posts, fold after fold."""

    every_word: Shares = field(default_factory=Shares)
    some_words: Shares = field(default_factory=Shares)
    pairs: Shares = field(default_factory=Shares)
    """Still shown, by group of disguises."""
    side: Shares = field(default_factory=Shares)
    """The side is the same, of those still shown; by `every_word`, `some_words`, `pairs`."""
    code: Shares = field(default_factory=Shares)
    """`disguised` is said of a post in which every word is, by group."""
    single: Shares = field(default_factory=Shares)
    """Still shown under each disguise alone, every word; of these only their number is told."""
    invariance: Shares = field(default_factory=Shares)
    direction: Shares = field(default_factory=Shares)
    """Failures by capability."""
    left: Shares = field(default_factory=Shares)
    """Still shown after an edit of `DIRECTION`."""

    def figures(self) -> dict[str, Any]:
        """All shares, by what they are of."""
        single = self.single.figures().values()
        shares = ("every_word", "some_words", "pairs", "side", "code")
        return {
            "disguises": {name: getattr(self, name).figures() for name in shares}
            | {
                "members": {group: sum(x.group == group for x in DISGUISES) for group in GROUPS},
                "singles": len(single),
                "singles_that_reach": sum(x["value"] >= _REACHED for x in single),
            },
            **{x: getattr(self, x).figures() for x in ("invariance", "direction", "left")},
        }


def _is_shown(prediction: Prediction) -> bool:
    return prediction.decision != "clear"


def _pairs(text: str, seed: int) -> Iterator[tuple[Disguise, Disguise, str]]:
    """The text under pairs of disguises, both of which change it."""
    rng = random.Random(seed)
    found = 0
    for _ in range(8 * _PAIRS):
        one, other = rng.sample(DISGUISES, 2)
        first = one(text, seed, _SOME)
        both = other(first, seed, _SOME)
        if text != first != both:
            yield one, other, both
            found += 1
        if found == _PAIRS:
            return


def add_disguises(found: Behaviour, classifier: RiskClassifier, posts: Sequence[Post]) -> None:
    """Count how the risky posts that are shown fare in disguise.

    Args:
        found: where it is counted.
        classifier: has not seen the families of the posts.
        posts: of one fold.
    """
    risky = [post for post in posts if post.risky]
    drawn = random.Random(0).sample(risky, min(_RISKY_POSTS, len(risky)))
    before = classifier.predict_many(post.text for post in drawn)
    texts: list[str] = []
    counts: list[Callable[[Prediction], None]] = []

    def single(post: Post, side: str, disguise: Disguise, words: str) -> None:
        shares: Shares = getattr(found, words)

        def count(after: Prediction) -> None:
            still = _is_shown(after)
            for name in (ALL, disguise.group):
                shares.add(name, post.family, still)
            if still:
                found.side.add(words, post.family, after.side == side)
            if words == "every_word":
                found.single.add(f"{disguise.group} {disguise.name}", post.family, still)
                for name in (ALL, disguise.group):
                    found.code.add(name, post.family, "disguised" in after.reason_codes)

        counts.append(count)

    def pair(post: Post, side: str, groups: set[str]) -> None:
        def count(after: Prediction) -> None:
            still = _is_shown(after)
            for name in (ALL, *groups):
                found.pairs.add(name, post.family, still)
            if still:
                found.side.add("pairs", post.family, after.side == side)

        counts.append(count)

    for seed, (post, told) in enumerate(zip(drawn, before, strict=True)):
        if not _is_shown(told):
            continue
        for disguise in DISGUISES:
            for words, share in (("every_word", 1.0), ("some_words", _SOME)):
                changed = disguise(post.text, seed, share)
                if changed != post.text:
                    texts.append(changed)
                    single(post, told.side, disguise, words)
        for one, other, changed in _pairs(post.text, seed):
            texts.append(changed)
            pair(post, told.side, {one.group, other.group})
    for count, after in zip(counts, classifier.stream(texts), strict=True):
        count(after)


def add_edits(found: Behaviour, classifier: RiskClassifier, posts: Sequence[Post]) -> None:
    """Count the edits that fail.

    Invariance fails where a post is shown and was not, or was and is not, or stays shown with the
    other side. Direction fails where the risk of a risky post that is shown does not fall.
    """
    ours = [x for x in posts if x.labelled and x.lang in LANGUAGES]
    risky = [x for x in ours if x.risky]
    benign = [x for x in ours if x.kind == "benign"]
    drawn = [*risky, *random.Random(0).sample(benign, min(len(risky), len(benign)))]
    before = classifier.predict_many(post.text for post in drawn)
    texts: list[str] = []
    counts: list[Callable[[Prediction], None]] = []

    def invariance(name: str, post: Post, told: Prediction) -> None:
        def count(after: Prediction) -> None:
            shown = _is_shown(told)
            failed = shown != _is_shown(after) or (shown and told.side != after.side)
            for key in (ALL, name):
                found.invariance.add(key, post.family, failed)

        counts.append(count)

    def direction(name: str, post: Post, told: Prediction) -> None:
        def count(after: Prediction) -> None:
            for key in (ALL, name):
                found.direction.add(key, post.family, after.risk >= told.risk)
                found.left.add(key, post.family, _is_shown(after))

        counts.append(count)

    for seed, (post, told) in enumerate(zip(drawn, before, strict=True)):
        for name, edit in INVARIANCE.items():
            changed = edit(post.text, post.lang, random.Random(f"{name} {seed}"))
            if changed is not None:
                texts.append(changed)
                invariance(name, post, told)
        if not (post.risky and _is_shown(told)):
            continue
        for name, edit in DIRECTION.items():
            changed = edit(post.text, post.lang, random.Random(f"{name} {seed}"))
            if changed is not None:
                texts.append(changed)
                direction(name, post, told)
    for count, after in zip(counts, classifier.stream(texts), strict=True):
        count(after)


def functionality(posts: Sequence[Post], answers: Answers) -> dict[str, Any]:
    """By question and answer, the share of our posts that have it and are not given it.

    Args:
        posts: ours, in the order of the answers.
        answers: out of fold, see `training.recipe.answers.out_of_fold_answers`.
    """
    found = Shares()
    for row, post in enumerate(posts):
        if post.aspects is None or post.fold not in FOLDS:
            continue
        for question, possible in ASPECTS.items():
            told = answers[question][row]
            if question == "matter":
                given = {x for x, p in zip(possible, told, strict=True) if p >= 0.5}
                wanted = post.aspects.matter
            else:
                given = {possible[int(told.argmax())]}
                wanted = (getattr(post.aspects, question),)
            for answer in wanted:
                found.add(f"{question}: {answer}", post.family, answer not in given)
    return dict(sorted(found.figures().items()))


def draw_lines(corpora: Corpora) -> list[str]:
    """Short lines of every held-out file."""
    rng = random.Random(0)
    drawn: list[str] = []
    for source in corpora.of("heldout"):
        lines = [line for line in source.lines() if len(line) <= _LONGEST_LINE]
        drawn += rng.sample(lines, min(_LINES, len(lines)))
    return drawn


def natural_lines(classifier: RiskClassifier, corpora: Corpora) -> dict[str, Any]:
    """Natural lines as they are and in disguise: flagged, and shown; and how often one of all lines
    of the corpora is called `disguised`.

    Args:
        classifier: the packaged model.
        corpora: its held-out files are drawn from.
    """
    lines = draw_lines(corpora)
    found = {"flag": Shares(), "flag_or_review": Shares()}

    def add(name: str, line: str, after: Prediction) -> None:
        found["flag"].add(name, line, after.decision == "flag")
        found["flag_or_review"].add(name, line, _is_shown(after))

    for line, after in zip(lines, classifier.predict_many(lines), strict=True):
        add("as they are", line, after)
    changed = [
        ("one disguise, every word", line, disguise(line, seed))
        for seed, line in enumerate(lines)
        for disguise in DISGUISES
    ] + [
        ("two disguises, half of the words", line, both)
        for seed, line in enumerate(lines)
        for _, _, both in _pairs(line, seed)
    ]
    changed = [x for x in changed if x[1] != x[2]]
    told = classifier.stream(text for _, _, text in changed)
    for (name, line, _), after in zip(changed, told, strict=True):
        add(name, line, after)
    undone = [
        normalise(line).undone
        for source in corpora.of("benign", "adapt", "heldout")
        for line in source.lines()
    ]
    return {name: shares.figures() for name, shares in found.items()} | {
        "undone": {
            "lines": len(undone),
            "one or more": sum(x >= 1 for x in undone),
            "two or more": sum(x >= 2 for x in undone),
        }
    }


def fairness(classifier: RiskClassifier, corpora: Corpora) -> dict[str, Any]:
    """Share that is shown of harmless sentences with a group term, and of natural lines with one.

    Args:
        classifier: the packaged model.
        corpora: its held-out files are read, every line.
    """
    written, natural = Shares(), Shares()
    terms: dict[str, int] = {}
    cases = list(templated())
    told = classifier.predict_many(text for _, _, text in cases)
    for (group, term, _), after in zip(cases, told, strict=True):
        shown = _is_shown(after)
        for name in (ALL, group):
            written.add(name, term, shown)
        if shown:
            terms[term] = terms.get(term, 0) + 1
    lines = [line for source in corpora.of("heldout") for line in source.lines()]
    for line, after in zip(lines, classifier.stream(lines), strict=True):
        for name in (ALL, *mentions(line)):
            natural.add(name, line, _is_shown(after))
    return {"written": written.figures(), "natural": natural.figures(), "terms": terms}
