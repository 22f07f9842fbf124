"""Why a post got its prediction: the answers to the questions behind it, and phrases that count.

The window that decided is cut into phrases. Versions of it that lack some of them are scored, all
at once and by every expert, and a phrase's weight is what it adds to the log-odds of the risk: its
Shapley value. What it adds to an answer, likewise, tells which question it answers. Neighbouring
phrases that answer the same one are shown as one span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from riskclf.aspects import Heads, parts
from riskclf.decide import predictions_from_outputs, windows_read
from riskclf.explanation.phrases import Phrases
from riskclf.explanation.shapley import Orders
from riskclf.labels import Aspect, Explanation, Prediction, Span, Strength
from riskclf.numerics import logit
from riskclf.tokens import Encoding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.artifact import Artifact
    from riskclf.encoder import Outputs
    from riskclf.tokens import Window

    Floats = NDArray[np.float64]

__all__ = ["STRENGTHS", "Part", "explain", "figures", "parts_of"]

STRENGTHS: dict[Strength, float] = {"strong": 2.0, "medium": 1.0, "weak": 0.4}
"""The least weight of each step, for or against. What has less changes the odds of the risk by less
than half: it is a span only where it answers a question, and a weak one."""

_NOTHING = ("none", "not_stated")
"""Answers that no phrase gives: they say that something is not there."""

_READ_FROM_ALL = "side"
"""A question that no phrase answers alone: its answer follows from the others, above all from whose
age is told."""

_LEAST_SHARE, _LEAST_VALUE = 0.2, 0.5
"""What a phrase brings at least of an answer: of what all phrases bring, and to its log-odds.
Chosen on marked posts of one fold (`training.experiments.faithfulness`)."""

_CERTAIN = 1e-9
"""A probability is taken to be at least this far from 0 and from 1, so that its log-odds are not
infinite."""


def explain(
    loaded: Artifact,
    posts: Sequence[str],
    encodings: Sequence[Encoding],
    outputs: Outputs,
    predictions: Sequence[Prediction],
    rows: NDArray[np.int64],
) -> list[Explanation]:
    """Explain predictions.

    Args:
        loaded: the model.
        posts: raw posts.
        encodings: of the posts.
        outputs: of their windows, see `riskclf.decide.predictions_with_rows`.
        predictions: of the posts.
        rows: of the outputs, those that decided, shape (posts,).
    """
    windows = [x for read in windows_read(encodings, loaded.manifest) for x in read]
    cut = [
        Phrases.of(post, windows[row], loaded.tokenizer)
        for post, row in zip(posts, rows, strict=True)
    ]
    orders = [Orders.of(len(phrases)) for phrases in cut]
    versions = [
        phrases.kept(members)
        for phrases, order in zip(cut, orders, strict=True)
        for members in order.members
    ]
    labels = [
        prediction.label
        for prediction, order in zip(predictions, orders, strict=True)
        for _ in order.members
    ]
    found = figures(loaded, versions, labels)
    explained, position = [], 0
    for row, phrases, order, encoding, prediction in zip(
        rows, cut, orders, encodings, predictions, strict=True
    ):
        values = order.values(found[position : position + len(order.members)])
        position += len(order.members)
        shown = prediction.decision != "clear" and not prediction.reason_codes
        heads = loaded.aspects if shown else None
        aspects = () if heads is None else _aspects(heads, outputs.pooled[[row]])
        explained.append(
            Explanation(
                prediction,
                aspects,
                _spans(phrases, values, aspects, heads),
                phrases.whole,
                windows[row] is not encoding.head or encoding.head_cut,
            )
        )
    return explained


def figures(loaded: Artifact, windows: Sequence[Window], labels: Sequence[str]) -> Floats:
    """The log-odds of the risk and of every answer, in windows that each are a whole post.

    Args:
        loaded: the model.
        windows: any.
        labels: of which the log-odds are taken where the model has no risk labels, one a window.

    Returns:
        Shape (windows, 1 + answers of all questions); without aspects, (windows, 1).
    """
    outputs = loaded.experts.compute(windows, loaded.engine)
    encodings = [Encoding(x, False, (x,), False, 0.0) for x in windows]
    told = predictions_from_outputs(encodings, outputs, loaded.manifest)
    manifest = loaded.manifest
    has_risk = 0 < len(manifest.risk_labels) < len(manifest.labels)
    risk = [x.risk if has_risk else x.scores[label] for x, label in zip(told, labels, strict=True)]
    columns = [np.array(risk, dtype=np.float64)[:, None]]
    if loaded.aspects is not None:
        columns += loaded.aspects.probabilities(outputs.pooled).values()
    found: Floats = logit(np.clip(np.concatenate(columns, axis=1), _CERTAIN, 1 - _CERTAIN))
    return found


def _aspects(heads: Heads, pooled: NDArray[np.float32]) -> tuple[Aspect, ...]:
    """The answers, from the pooled vector of the window that decided, shape (1, hidden)."""
    found = heads.probabilities(pooled)
    aspects = []
    for question in heads.questions:
        probabilities = dict(zip(question.answers, found[question.name][0].tolist(), strict=True))
        if question.several:
            answers = tuple(x for x in question.answers if probabilities[x] >= 0.5)
        else:
            answers = (max(question.answers, key=probabilities.__getitem__),)
        aspects.append(Aspect(question.name, answers, probabilities))
    return tuple(aspects)


class Part(NamedTuple):
    """Neighbouring phrases that answer the same question, or one phrase."""

    first: int
    behind: int
    """The number of the phrase behind the last one."""
    weight: float
    question: str


def parts_of(values: Floats, aspects: Sequence[Aspect], heads: Heads | None) -> list[Part]:
    """All phrases, in the order in which they are shown.

    First comes, for each question, the part that brings most of its answer, however little it
    weighs: what the author asks for weighs less than whose age is told. Then the others. Both by
    their weights.

    Args:
        values: of the phrases, shape (phrases, columns of `figures`).
        aspects: the answers given.
        heads: of the questions.
    """
    shares = {} if heads is None else _shares(values[:, 1:], aspects, heads)
    cut = _cut(shares, len(values))
    firsts = _firsts(shares, cut)
    found = {
        number: Part(first, behind, float(values[first:behind, 0].sum()), question)
        for number, (first, behind, question) in enumerate(cut)
    }
    found |= {number: found[number]._replace(question=firsts[number]) for number in firsts}
    order = sorted(found, key=lambda number: (number not in firsts, -abs(found[number].weight)))
    return [found[number] for number in order]


def _cut(shares: Mapping[str, Floats], count: int) -> list[tuple[int, int, str]]:
    """Parts of `count` phrases: the first one, the one behind the last, and the question."""
    cut: list[tuple[int, int, str]] = []
    for number in range(count):
        question = max(shares, key=lambda x: shares[x][number], default="")
        if question and shares[question][number] < _LEAST_SHARE:
            question = ""
        if cut and question and cut[-1][2] == question:
            cut[-1] = (cut[-1][0], number + 1, question)
        else:
            cut.append((number, number + 1, question))
    return cut


def _firsts(shares: Mapping[str, Floats], cut: Sequence[tuple[int, int, str]]) -> dict[int, str]:
    """For each question the number of the part that brings most of its answer, each part once."""
    brought = {
        (number, question): float(share[first:behind].sum())
        for question, share in shares.items()
        for number, (first, behind, _) in enumerate(cut)
    }
    firsts: dict[int, str] = {}
    for number, question in sorted(brought, key=brought.__getitem__, reverse=True):
        if brought[number, question] and number not in firsts and question not in firsts.values():
            firsts[number] = question
    return firsts


def _spans(
    phrases: Phrases, values: Floats, aspects: Sequence[Aspect], heads: Heads | None
) -> tuple[Span, ...]:
    """The parts that count, by the values of the phrases: shape (phrases, columns of `figures`)."""
    spans = []
    for part in parts_of(values, aspects, heads):
        start, end = phrases.shown[part.first][0], phrases.shown[part.behind - 1][1]
        steps = [name for name, least in STRENGTHS.items() if abs(part.weight) >= least]
        if (steps or part.question) and start < end:
            spans.append(Span(start, end, part.weight, (*steps, "weak")[0], part.question))
    return tuple(spans)


def _shares(values: Floats, aspects: Sequence[Aspect], heads: Heads) -> dict[str, Floats]:
    """How much of the answers given to each question a phrase brings, shape (phrases,).

    It is 0 where the phrase brings little, and otherwise its share in what all phrases bring that
    speak for the answer; of several answers to a question the largest share counts.

    Args:
        values: what each phrase adds to the log-odds of every answer, shape (phrases, answers).
        aspects: the answers given.
        heads: of the questions.
    """
    found: dict[str, Floats] = {}
    for aspect, question, part in zip(
        aspects, heads.questions, parts(heads.questions), strict=True
    ):
        for answer in aspect.answers:
            if answer in _NOTHING or question.name == _READ_FROM_ALL:
                continue
            value = values[:, part][:, question.answers.index(answer)]
            share = value.clip(0) / max(value[value > 0].sum(), _CERTAIN)
            before = found.get(question.name, np.zeros(len(values)))
            found[question.name] = np.maximum(before, np.where(value < _LEAST_VALUE, 0, share))
    return found
