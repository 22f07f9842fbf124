"""`finetune`: a handful of new posts in, a model that knows them out, and nothing forgotten.

::

    from riskclf import finetune

    result = finetune("new_posts.csv", output="my-model")   # from the packaged model
    result.accepted, result.report["reasons"]

What happens, in this order:

1. The posts are read and checked against each other (`riskclf.finetuning.data`).
2. Cross-validation: five models, each trained without a fifth of the posts, say how good such a
   model is on posts that it has not seen. Posts of a family, or nearly the same, stay together.
3. The model is trained on all of them. If it keeps the packaged model's labels, a sample of our own
   posts is mixed in (`riskclf.finetuning.replay`), with what the base says of them: without it, the old is
   forgotten.
4. The gate (`riskclf.finetuning.gate`): before and after, on the new posts and on old ones. A model that has
   become worse on the old is written all the same, but as not accepted.

Interrupted, the same call goes on: finished folds are not trained again, an unfinished one resumes.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import riskclf
from riskclf import artifact
from riskclf.artifact import Artifact, Base
from riskclf.calibration import choose_operating_point, fit_temperature
from riskclf.classifier import RiskClassifier
from riskclf.decide import OperatingPoint, probabilities
from riskclf.encoder import Outputs
from riskclf.engines.pytorch import PytorchEngine
from riskclf.errors import EvaluationError, InputError, OperatingPointError
from riskclf.evaluation.scored import Classifier, ScoredRows, read_rows
from riskclf.finetuning import gate
from riskclf.finetuning.data import LabelledPosts, labels_in, read_labelled, read_raw
from riskclf.finetuning.replay import OurPost, load_our_posts
from riskclf.finetuning.trainer import Example, Recipe, fingerprint, train_classifier
from riskclf.finetuning.vocabulary import content_words, extend, shattered_words
from riskclf.labels import Label, Prediction
from riskclf.manifest import Manifest
from riskclf.tables import Columns, Data, Reject, Row, open_table, same_text
from riskclf.tokens import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["FineTuning", "base_answers", "finetune", "recipe_for", "training_mix"]

_FOLDS = 5
_CROSS_VALIDATED = 1000
"""With more posts than this, one fold is held out instead of each in turn."""

_FEW = 30
"""Fewer risky or fewer benign posts than this deserve a warning."""

_LEARNING_RATE = 5e-5
_STEPS_OF_A_NEW_HEAD = 200

_OLD_LABELS = tuple(map(str, Label))
_OLD_RISKS = (str(Label.MINOR_SOLICITATION), str(Label.ADULT_SOLICITATION))

_FALLBACK = OperatingPoint(flag=0.8, review=0.3)
"""Where the posts are too few to choose thresholds on."""

_PRECISION, _RECALL = 0.95, 0.95
"""What `flag` and `review` of a model with new labels are to reach on the held-out posts."""

Log = Callable[[str], None]


@dataclass(frozen=True)
class FineTuning:
    """What `finetune` made."""

    directory: Path
    """The model: an artifact that `RiskClassifier.load` and transformers open."""

    accepted: bool
    """The gate accepted it, or was told to (`accept_regression`)."""

    report: dict[str, Any]
    """Figures before and after, as JSON values without text of a post; in the artifact too."""

    rejects: Sequence[Reject] = field(repr=False)
    """The rows that could not be used, with the reason."""


@dataclass(frozen=True)
class _Job:
    """All that the stages share."""

    base: Base
    labels: tuple[str, ...]
    risk_labels: tuple[str, ...]
    posts: LabelledPosts
    rehearsal: list[Example]
    old: list[OurPost]
    natural: list[str]
    seed: int
    work: Path
    progress: bool
    log: Log

    @property
    def keeps_labels(self) -> bool:
        """The base gives these labels already: there is a before."""
        card = self.base.manifest
        return card is not None and (card.labels, card.risk_labels) == (
            self.labels,
            self.risk_labels,
        )


def finetune(
    data: Data,
    base: str | os.PathLike[str] | None = None,
    *,
    output: str | os.PathLike[str],
    columns: Columns | None = None,
    label_map: Mapping[str, str] | None = None,
    natural: Data | None = None,
    risk_labels: Sequence[str] | None = None,
    new_words: bool = False,
    accept_regression: bool = False,
    seed: int = 0,
    progress: bool = False,
    log: Log = lambda line: None,
) -> FineTuning:
    """Teach a model new posts, measure what it gained and lost, and write it.

    Args:
        data: labelled posts, as for `riskclf.evaluate`: a CSV, TSV, JSON Lines or Parquet file, a
            `datasets.Dataset`, or any rows as mappings. 16 of a new term will do.
        base: None is the packaged model; or a directory or hub id of a riskclf model, or of any
            BERT that `BertJapaneseTokenizer` feeds with MeCab words and WordPiece.
        output: the model directory to write; a riskclf model that is there is replaced.
        columns: names of the columns, where they are not `text`, `label` and `family`.
        label_map: your label to the model's (or to `unclear`).
        natural: ordinary posts of yours, in the same formats without labels, or a .txt file with
            one a line: how many of them are flagged before and after. They are not trained on, and
            those that cannot be read are left out.
        risk_labels: gives the model the labels of `data` instead of the base's, and says which of
            them are risks; none of them is allowed.
        new_words: words that the tokenizer shatters, and that five or more posts hold, get tokens
            of their own if that helps on held-out posts. It doubles the time.
        accept_regression: accept the model whatever the gate finds; it is recorded.
        seed: of the folds, the order and new weights.
        progress: show a progress bar for each training.
        log: told what begins, one line each, without text of a post.

    Returns:
        The model and its report. The model is not accepted if it has become worse on the old.

    Raises:
        ArtifactError, TokenizerError: the base cannot be used.
        InputError: the data, a column or an option cannot be used.
        EvaluationError: there are too few posts.
        RiskclfError: `output` exists and is not a riskclf model.
    """
    columns, label_map = columns or Columns(), dict(label_map or {})
    place = Path(output)
    artifact.check_place(place)
    raw = read_raw(data, columns)
    ordinary = [] if natural is None else _texts_of(natural, columns)
    found = artifact.locate_base(base)
    labels, risks = _labels(found, risk_labels, lambda: labels_in(raw, columns, label_map))
    posts = read_labelled(raw, labels, risks, columns, label_map)
    ours = load_our_posts() if (labels, risks) == (_OLD_LABELS, _OLD_RISKS) else []
    known = {same_text(text) for text in posts.texts}
    held = [post for post in ours if post.part == "old" and same_text(post.text) not in known]
    job = _Job(
        base=found,
        labels=labels,
        risk_labels=risks,
        posts=posts,
        rehearsal=[_ours(post) for post in ours if post.part == "rehearsal"],
        old=held,
        natural=[text for text in ordinary if same_text(text) not in known],
        seed=seed,
        work=place.with_name(f".{place.name}.finetuning"),
        progress=progress,
        log=log,
    )
    if job.keeps_labels and job.rehearsal:
        job = replace(job, rehearsal=base_answers(found, [x.text for x in job.rehearsal]))
    folds = _folds(posts, seed)
    words: list[str] = []
    start = found.directory
    logits = _cross_validated(job, start, folds)
    compared = None
    if new_words and (words := shattered_words(posts.texts, posts.alike, Tokenizer.load(start))):
        log(f"{len(words)} new words")
        extended = extend(start, words, job.work / "new-words")
        with_words = _cross_validated(job, extended, folds)
        compared = _losses(job, folds, logits, with_words)
        if compared["helps"]:
            start, logits = extended, with_words
        else:
            words = []
    log("train on all posts")
    model = _train(job, start, _examples(posts, range(len(posts))))
    card = _card(job, folds, logits)
    report = _report(job, start, folds, logits, model, card)
    report["data"]["rejected"] = len(posts.rejects)
    report["new_words"] = {"added": len(words), "compared": compared}
    report["regression_accepted"] = accept_regression and not report["accepted"]
    report["accepted"] = report["accepted"] or accept_regression
    artifact.save(
        place,
        model=model,
        tokenizer_directory=start,
        manifest=replace(
            card,
            accepted=report["accepted"],
            provenance=_provenance(job, report),
        ),
        half_precision=_is_half_precision(found.directory),
        reports={
            "finetuning.json": json.dumps(report, ensure_ascii=False, indent=1) + "\n",
            "finetuning.md": gate.markdown(report),
        },
    )
    shutil.rmtree(job.work, ignore_errors=True)
    return FineTuning(place, report["accepted"], report, posts.rejects)


# What to train on ---------------------------------------------------------------------------------


def recipe_for(posts: int, rehearsed: int, *, new_head: bool, seed: int) -> Recipe:
    """How to train on so many posts; chosen on data, see `training/experiments/slang.py`.

    Args:
        posts: new ones.
        rehearsed: our own that are mixed in.
        new_head: the base has no head for these labels: it takes longer to learn one.
        seed: order and new weights.
    """
    batch_size = 32 if posts + rehearsed >= 200 else 8
    epochs = 4 if rehearsed else 8
    if new_head and not rehearsed:
        epochs = min(30, max(4, math.ceil(_STEPS_OF_A_NEW_HEAD * batch_size / posts)))
    return Recipe(
        epochs=epochs,
        learning_rate=_LEARNING_RATE,
        batch_size=batch_size,
        seed=seed,
        save_steps=100,
    )


def training_mix(new: Sequence[Example], rehearsal: Sequence[Example]) -> list[Example]:
    """The new posts up to three times, as long as the rehearsed ones outnumber them."""
    repeats = max(1, min(3, len(rehearsal) // max(1, len(new))))
    return [*new] * repeats + [*rehearsal]


def base_answers(base: Base, texts: Sequence[str]) -> list[Example]:
    """Old texts with what the base says of them, which is what must not be forgotten.

    Learning without forgetting (Li and Hoiem 2017), on posts of our own. Trained on their labels
    instead, a model becomes surer of them than its base was, and the base's thresholds, which it
    keeps, no longer fit.

    Args:
        base: an artifact.
        texts: of the old posts.

    Returns:
        With the base's probabilities before calibration as targets.
    """
    loaded = artifact.load(base.directory, device="auto", batch_size=64)
    logits = loaded.engine.compute(
        [x.head.ids for x in loaded.tokenizer.encode_batch(texts)]
    ).logits
    # Rounded, so that a run goes on although a device gave other last digits.
    targets = probabilities(logits, 1.0).round(4).tolist()
    return [Example(text, tuple(row)) for text, row in zip(texts, targets, strict=True)]


def _examples(posts: LabelledPosts, rows: Any) -> list[Example]:
    return [Example(posts.texts[row], posts.targets[row]) for row in rows]


def _train(job: _Job, start: Path, new: Sequence[Example]) -> Any:
    return train_classifier(
        start,
        training_mix(new, job.rehearsal),
        labels=job.labels,
        checkpoints=job.work,
        recipe=_recipe(job, len(new)),
        progress=job.progress,
    )


def _recipe(job: _Job, new: int) -> Recipe:
    return recipe_for(new, len(job.rehearsal), new_head=not job.keeps_labels, seed=job.seed)


def _ours(post: OurPost) -> Example:
    return Example(post.text, tuple(post.target.get(label, 0.0) for label in _OLD_LABELS))


def _labels(
    base: Base, risk_labels: Sequence[str] | None, in_data: Callable[[], tuple[str, ...]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels of the model to be, and which of them are risks."""
    if risk_labels is None:
        if base.manifest is None:
            return _OLD_LABELS, _OLD_RISKS
        return base.manifest.labels, base.manifest.risk_labels
    labels = in_data()
    unknown = [label for label in risk_labels if label not in labels]
    if unknown:
        raise InputError(
            f"the risk label '{unknown[0]}' is not among the labels of the posts: "
            f"{', '.join(labels)}"
        )
    if len(set(risk_labels)) == len(labels):
        raise InputError("all labels are named as risks: one at least must not be a risk")
    risks = tuple(label for label in labels if label in risk_labels)
    # The base's own order, so that its head is kept.
    if base.manifest is not None and set(base.manifest.labels) == set(labels):
        if set(base.manifest.risk_labels) == set(risks):
            return base.manifest.labels, base.manifest.risk_labels
        labels = base.manifest.labels
        risks = tuple(label for label in labels if label in risk_labels)
    return labels, risks


def _texts_of(data: Data, columns: Columns) -> list[str]:
    with ExitStack() as stack:
        if isinstance(data, str | os.PathLike) and Path(data).suffix == ".txt":
            table = open_table(data, format="lines", text_columns=(columns.text,))
            data = [x.values for x in stack.enter_context(table) if isinstance(x, Row)]
    raw = read_raw(data, Columns(text=columns.text), labelled=False)
    if not raw.rows:
        raise EvaluationError(f"{raw.name} holds no ordinary posts that can be read")
    return [row.values[columns.text] for row in raw.rows]


# Cross-validation ---------------------------------------------------------------------------------


def _folds(posts: LabelledPosts, seed: int) -> list[NDArray[np.int64]]:
    """The rows that each fold holds out; no group is in two of them."""
    from sklearn.model_selection import StratifiedGroupKFold

    strata = np.array([int(np.argmax(target)) for target in posts.targets])
    groups = len(np.unique(posts.groups))
    count = min(_FOLDS, groups, int(np.bincount(strata).max()))
    if count < 2:
        raise EvaluationError(
            f"{len(posts)} posts in {groups} groups (of a family, or nearly the same) cannot be "
            "learned from and measured on: bring more that differ"
        )
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A label with fewer posts than folds is missing in some; the report counts the labels.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(splitter.split(np.zeros(len(posts)), strata, posts.groups))
    folds = [held.astype(np.int64) for _, held in splits if len(held)]
    return folds if len(posts) <= _CROSS_VALIDATED else folds[:1]


def _cross_validated(job: _Job, start: Path, folds: Sequence[NDArray[np.int64]]) -> list[Floats]:
    """Logits of every held-out post, from a model that has not seen its group.

    Returns:
        For each row of the folds, in their order: those of its head, then of its windows.
    """
    tokenizer = Tokenizer.load(start)
    result: list[Floats] = []
    for number, held in enumerate(folds, start=1):
        rest = np.setdiff1d(np.arange(len(job.posts)), held)
        new = _examples(job.posts, rest.tolist())
        file = job.work / f"{_key(job, start, new, held)}.npz"
        if not file.is_file():
            job.log(f"cross-validation, {number} of {len(folds)}")
            model = _train(job, start, new)
            logits = _logits(model, tokenizer, [job.posts.texts[row] for row in held.tolist()])
            # Only now are the checkpoints of this fold of no more use.
            _store(file, logits)
            for directory in job.work.iterdir():
                if directory.is_dir() and any(directory.glob("checkpoint-*")):
                    shutil.rmtree(directory)
        with np.load(file) as stored:
            result += [stored[name] for name in stored.files]
    return result


def _key(job: _Job, start: Path, new: Sequence[Example], held: NDArray[np.int64]) -> str:
    run = fingerprint(
        start, training_mix(new, job.rehearsal), labels=job.labels, recipe=_recipe(job, len(new))
    )
    texts = repr([job.posts.texts[row] for row in held.tolist()])
    return run + hashlib.sha256(texts.encode("utf-8", "backslashreplace")).hexdigest()[:8]


def _logits(model: Any, tokenizer: Tokenizer, texts: Sequence[str]) -> list[Floats]:
    read = [
        [tuple(x.head.ids), *(tuple(w.ids) for w in x.windows)]
        for x in tokenizer.encode_batch(texts)
    ]
    # The only window of a short post is its head.
    distinct = list(dict.fromkeys(ids for post in read for ids in post))
    rows = dict(zip(distinct, _encoder(model, tokenizer).compute(distinct).logits, strict=True))
    return [np.array([rows[ids] for ids in post], dtype=np.float64) for post in read]


def _store(file: Path, arrays: Sequence[Floats]) -> None:
    """Logits only: no text of a post lies in the work directory."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, *arrays)
    partial.replace(file)


def _losses(
    job: _Job,
    folds: Sequence[NDArray[np.int64]],
    without: Sequence[Floats],
    with_words: Sequence[Floats],
) -> dict[str, Any]:
    """Cross-entropy on the held-out posts, with and without new words."""
    targets = np.array([job.posts.targets[row] for held in folds for row in held.tolist()])

    def loss(logits: Sequence[Floats]) -> Floats:
        scores = np.log(probabilities(np.array([x[0] for x in logits]), 1.0))
        losses: Floats = -(targets * scores).sum(axis=1)
        return losses

    gain = loss(without) - loss(with_words)
    error = float(gain.std(ddof=1) / math.sqrt(len(gain)))
    return {
        "gain": float(gain.mean()),
        "standard_error": error,
        "posts": len(gain),
        "helps": bool(gain.mean() > error),
    }


# Decisions and figures ----------------------------------------------------------------------------


class _Replay:
    """Takes the place of an encoder: gives logits that were computed before, in their order.

    They are those that a classifier asks for: of windows, or without risk labels of heads.
    """

    batch_size = 64

    def __init__(self, logits: Sequence[Floats]) -> None:
        self._rows = iter(np.concatenate(logits))

    def compute(self, windows: Sequence[Sequence[int]]) -> Outputs:
        logits = np.array([next(self._rows) for _ in windows])
        none = np.zeros((len(logits), 0), dtype=np.float32)
        return Outputs(logits, none, none)


def _encoder(model: Any, tokenizer: Tokenizer) -> PytorchEngine:
    return PytorchEngine(model, pad_id=tokenizer.pad_id, device="auto", batch_size=64)


@dataclass(frozen=True)
class _Unsaved:
    """A model in memory, as `riskclf.evaluation.scored` asks for it."""

    directory: Path
    """Of the tokenizer."""
    card: Manifest
    encoder: Any

    @property
    def labels(self) -> tuple[str, ...]:
        return self.card.labels

    def info(self) -> dict[str, Any]:
        return {"saved_as": {"risk_labels": list(self.card.risk_labels)}}

    def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
        tokenizer = Tokenizer.load(self.directory)
        loaded = Artifact(self.directory, self.card, tokenizer, self.encoder, {})
        return RiskClassifier(loaded).stream(posts)


def _card(job: _Job, folds: Sequence[NDArray[np.int64]], logits: Sequence[Floats]) -> Manifest:
    """The base's temperature and thresholds, or for new labels those of the held-out posts."""
    if job.keeps_labels:
        assert job.base.manifest is not None
        return job.base.manifest
    heads = np.array([x[0] for x in logits])
    targets = np.array([job.posts.targets[row] for held in folds for row in held.tolist()])
    temperature = fit_temperature(heads.astype(np.float32), targets)
    is_risk = np.isin(job.labels, job.risk_labels)
    if not is_risk.any():
        return Manifest(job.labels, (), {}, temperature, 0.0)
    risk = probabilities(heads.astype(np.float32), temperature)[:, is_risk].sum(axis=1)
    target_risk = targets[:, is_risk].sum(axis=1)
    try:
        point = choose_operating_point(risk, target_risk, precision=_PRECISION, recall=_RECALL)
    except OperatingPointError:
        point = _FALLBACK
    margin = 0.5 / len(targets)
    prevalence = float(np.clip(target_risk.mean(), margin, 1 - margin))
    return Manifest(job.labels, job.risk_labels, {"standard": point}, temperature, prevalence)


def _report(
    job: _Job,
    start: Path,
    folds: Sequence[NDArray[np.int64]],
    logits: Sequence[Floats],
    model: Any,
    card: Manifest,
) -> dict[str, Any]:
    """Before and after, and the verdict; see `riskclf.finetuning.gate`."""
    job.log("measure")
    rows = [row for held in folds for row in held.tolist()]
    groups = job.posts.groups
    # Where every post is a group of its own, there are no families to speak of.
    grouped = len(np.unique(groups)) < len(groups)
    new = [
        {
            "text": job.posts.texts[row],
            "label": job.posts.labels[row],
            "family": str(groups[row]) if grouped else None,
        }
        for row in rows
    ]
    old = [
        {"text": post.text, "label": json.dumps(dict(post.target)), "family": post.family}
        for post in job.old
    ]
    harmless = next(label for label in job.labels if label not in job.risk_labels)
    natural = [{"text": text, "label": harmless} for text in job.natural]
    before = None
    if job.keeps_labels:
        before = RiskClassifier.load(job.base.directory)
    after = _Unsaved(start, card, _encoder(model, Tokenizer.load(start)))
    held_out = _Unsaved(start, card, _Replay([x[1:] if job.risk_labels else x[:1] for x in logits]))
    parts = {
        "new": _part(new, before, held_out),
        "old": _part(old, before, after) if old else None,
        "natural": _part(natural, before, after) if natural else None,
    }
    # Without a before there is nothing that could have been lost.
    compared = parts if before is not None else dict.fromkeys(parts)
    verdict = gate.judge(**compared)
    return {
        "riskclf": riskclf.__version__,
        "model_before": None if before is None else before.fingerprint,
        "data": {
            "posts": len(job.posts),
            "labels": dict(sorted(Counter(map(_kind, new)).items())),
            "groups": len(np.unique(groups)),
            "duplicates": job.posts.duplicates,
            "contradictory": job.posts.contradictory,
        },
        "split": {"folds": len(folds), "held_out": len(rows)},
        "warnings": _warnings(job, card),
        "parts": parts,
        "natural_source": "yours" if natural else "ours",
        "accepted": verdict.accepted,
        "reasons": list(verdict.reasons),
        "settings": {"rehearsed": len(job.rehearsal), **asdict(_recipe(job, len(job.posts)))},
    }


def _part(
    rows: Sequence[Mapping[str, Any]], before: Classifier | None, after: Classifier
) -> dict[str, Any]:
    now = _scored(rows, after)
    return gate.alone(now) if before is None else gate.paired(_scored(rows, before), now)


def _scored(rows: Sequence[Mapping[str, Any]], model: Classifier) -> ScoredRows:
    return read_rows(rows, model, lambda: model, columns=Columns(), label_map={})[0]


def _kind(row: Mapping[str, Any]) -> str:
    label = str(row["label"])
    return "+".join(json.loads(label)) if label.startswith("{") else label


def _warnings(job: _Job, card: Manifest) -> list[str]:
    """What in the posts makes the figures worth less, one sentence each."""
    posts, found = job.posts, []
    is_risk = np.isin(job.labels, job.risk_labels)
    shares = np.array(posts.targets)[:, is_risk].sum(axis=1)
    risky, harmless = int((shares > 1 - 1e-9).sum()), int((shares < 1e-9).sum())
    if is_risk.any() and not harmless:
        found.append(
            "No post is harmless: the model may take every use of the new words for a risk. Add "
            "innocent posts with the same words."
        )
    elif is_risk.any() and not risky:
        found.append("No post is risky: the model can only learn to find less.")
    elif is_risk.any() and min(risky, harmless) < _FEW:
        found.append(
            f"There are {risky} risky and {harmless} harmless posts: few, and the figures on new "
            "posts are no surer than their intervals say."
        )
    if is_risk.any() and risky and harmless and (words := _one_sided(posts, shares)):
        found.append(
            f"{words} words stand in three or more risky posts and in no harmless one: add "
            "innocent posts with them, where there are any."
        )
    if posts.contradictory:
        found.append(
            f"{posts.contradictory} posts were left out: their text stands twice, with different "
            "labels."
        )
    if posts.duplicates:
        found.append(f"{posts.duplicates} posts were left out: they stand twice.")
    if alike := len(posts) - len(np.unique(posts.groups)):
        found.append(
            f"{alike} posts are nearly the same as another, or of its family: they are trained on "
            "or held out together."
        )
    if missing := [x for i, x in enumerate(job.labels) if not any(t[i] > 0 for t in posts.targets)]:
        found.append(f"No post has the label {' or '.join(missing)}.")
    if not job.keeps_labels and card.operating_points:
        found.append(
            "Temperature and thresholds were chosen on the held-out posts themselves: figures that "
            "depend on them flatter."
        )
        if next(iter(card.operating_points.values())) == _FALLBACK:
            found.append(
                "The posts did not determine thresholds: "
                f"flag is {_FALLBACK.flag:g} and review {_FALLBACK.review:g}."
            )
    return found


def _one_sided(posts: LabelledPosts, shares: Floats) -> int:
    """How many words three or more risky posts hold and no harmless one; particles aside."""
    risky: Counter[str] = Counter()
    harmless: set[str] = set()
    for text, share in zip(posts.texts, shares.tolist(), strict=True):
        words = content_words(text)
        if share > 1 - 1e-9:
            risky.update(words)
        elif share < 1e-9:
            harmless |= words
    return sum(count >= 3 and word not in harmless for word, count in risky.items())


def _provenance(job: _Job, report: Mapping[str, Any]) -> dict[str, Any]:
    card = job.base.manifest
    before = dict(card.provenance) if card is not None else {}
    # Soft targets and labels take part: the same texts labelled otherwise are other data.
    posts = repr(sorted(zip(job.posts.texts, job.posts.targets, strict=True)))
    return {
        **({"licence": before["licence"]} if "licence" in before else {}),
        "base": {"fingerprint": report["model_before"], "provenance": before},
        "fine_tuning": {
            "posts": report["data"],
            "sha256": hashlib.sha256(posts.encode("utf-8", "backslashreplace")).hexdigest(),
            **report["settings"],
        },
    }


def _is_half_precision(directory: Path) -> bool:
    """Whether the base's weights are stored as float16: then those of the new model are too."""
    from safetensors import safe_open

    with safe_open(sorted(directory.glob("*.safetensors"))[0], framework="np") as weights:
        names = list(weights.keys())
        return all(weights.get_slice(name).get_dtype() == "F16" for name in names)
