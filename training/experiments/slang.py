"""Does fine-tuning teach new slang, and is the old kept?

Six invented terms stand for new slang. ``python -m training.experiments.slang`` fine-tunes the packaged model
on 4, 8, 16 and 32 posts a term (half of them risky; all terms in one run), exactly as
`riskclf.finetune` does, and measures it on other posts with the same terms (`slang_test`) and on
old ones (`dev`), before and after. Three seeds: each draws other posts and is the seed of the
training. Beside it, on the same draws: TF-IDF trained anew, and SetFit (Tunstall et al. 2022,
"Efficient Few-Shot Learning Without Prompts") on the packaged encoder. They have no thresholds, so
the three are compared by label and by average precision.

``python -m training.experiments.slang --choose`` is how the mix was chosen, before: on half of `slang_learn`,
measured on its other half and on `dev`. It does not look at `slang_test`. But `dev` took part in
the choice, and the packaged model stopped early on it: its figures before are flattered.

The first needs ``pip install setfit``. Finished runs are kept in `slang.json`, so that an
interrupted command goes on, and are done anew when the model, the posts or the settings change; a
new model leaves the choice as it was, until `--choose` is given.

**What the intervals say.** A proportion of one run has Wilson's interval. The mean over seeds has
Wilson's for its value and the number of posts of *one* run: three models that answer on one post
are not three posts, and to average them can only narrow the truth. A mean of other figures
(macro-F1, paired differences) has the means of the ends of its runs' intervals: as wide as if all
seeds erred together. All speak of other posts with these six terms; six are too few to say how
terms differ.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import random
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import datasets
import numpy as np
import torch
import typer
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from transformers import ProgressCallback

from riskclf import RiskClassifier, artifact
from riskclf.artifact import Base
from riskclf.engines.pytorch import open_classifier, padded
from riskclf.errors import FormatError, MissingExtra
from riskclf.evaluation.compare import tfidf
from riskclf.evaluation.intervals import wilson
from riskclf.evaluation.metrics import ALARMS, intervals_of, label_figures
from riskclf.evaluation.scored import Classifier, ScoredRows, read_rows
from riskclf.finetuning import gate
from riskclf.finetuning.finetuning import base_answers, recipe_for, training_mix
from riskclf.finetuning.replay import load_our_posts
from riskclf.finetuning.trainer import Example, train_classifier
from riskclf.finetuning.vocabulary import extend, shattered_words
from riskclf.manifest import Manifest
from riskclf.tables import Columns
from riskclf.tables.duplicates import near_duplicate_groups
from riskclf.text import normalise
from riskclf.tokens import Tokenizer
from training.command import run_command
from training.experiments.slang_report import CHOOSE_SIZE, FIGURE, METHODS, README, documents, plot
from training.posts.data import Post, load_posts
from training.posts.data import rows as evaluation_rows
from training.recipe.calibrate import LABELS, RISK_LABELS
from training.recipe.replay import as_examples, rehearsal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = [
    "RESULTS",
    "SEEDS",
    "SIZES",
    "VARIANTS",
    "Variant",
    "choose",
    "drawn",
    "experiment",
    "is_cue_free",
    "means",
    "pulled_back",
    "require_setfit",
]

RESULTS = Path(__file__).parent / "slang.json"
SIZES = (4, 8, 16, 32)
"""Posts a term, half of them risky."""

SEEDS = (0, 1, 2)

_CUE = re.compile(
    # who: an age, a school stage or what belongs to one
    r"\d|[JD][KC]|高校|高生|中学|学生|学校|未成年|歳|放課後|部活|制服|門限|家出"
    # what for: pay or lodging
    r"|お金|現金|払|謝礼|お礼|手当|小遣い|サポ|買い|泊ま|うち来"
)
"""Ordinary words of our slang posts that tell what is meant without knowing the term."""

Log = Callable[[str], None]
Results = dict[str, Any]


# Posts --------------------------------------------------------------------------------------------


def is_cue_free(post: Post) -> bool:
    """Whether nothing but the slang term tells that a risky post is one.

    That is: no digit, no word of age or school, and none of pay or lodging. The posts carry no mark
    for it, so this small rule on the normalised text decides; it is made for our slang posts.
    """
    return post.risky and not _CUE.search(normalise(post.text).text)


def drawn(posts: Sequence[Post], size: int, seed: int) -> list[Post]:
    """`size` posts of every term, half of them risky; a smaller draw is part of a larger one.

    Where a term has risky posts of both sides they take turns.

    Args:
        posts: of a slang split.
        size: posts a term, an even number; 32 are all of `slang_learn`.
        seed: another one draws other posts.
    """
    by_term: dict[str, dict[str, list[Post]]] = defaultdict(lambda: defaultdict(list))
    for post in sorted(posts, key=lambda post: post.id):
        by_term[post.term or ""][post.kind].append(post)
    chosen: list[Post] = []
    for term, kinds in sorted(by_term.items()):
        for kind, found in kinds.items():
            random.Random(f"{seed} {term} {kind}").shuffle(found)
        benign = kinds.pop(LABELS[-1])
        sides = list(kinds.values())
        risky = [x for turn in range(max(map(len, sides))) for x in _turn(sides, turn)]
        chosen += [*risky[: size // 2], *benign[: size // 2]]
    return chosen


def _turn(sides: Sequence[Sequence[Post]], turn: int) -> list[Post]:
    return [side[turn] for side in sides if turn < len(side)]


def _packaged_sample() -> list[Example]:
    """The posts that `riskclf.finetune` mixes in, with their labels."""
    return as_examples(post for post in load_our_posts() if post.part == "rehearsal")


def _hard(examples: Sequence[Example]) -> tuple[list[str], list[int]]:
    """Texts and label indices of those that are not soft."""
    hard = [example for example in examples if max(example.target) == 1]
    return [example.text for example in hard], [int(np.argmax(x.target)) for x in hard]


# Training -----------------------------------------------------------------------------------------


def _fine_tuned(
    base: Base, new: Sequence[Example], rehearsed: Sequence[Example], seed: int, progress: bool
) -> tuple[Any, float]:
    """The model as `riskclf.finetune` trains it, and the minutes it took."""
    assert base.manifest is not None
    # Without checkpoints of an earlier run: the minutes are those of a whole one.
    with tempfile.TemporaryDirectory() as scratch:
        start = time.monotonic()
        model = train_classifier(
            base.directory,
            training_mix(new, rehearsed),
            labels=base.manifest.labels,
            checkpoints=scratch,
            recipe=recipe_for(len(new), len(rehearsed), new_head=False, seed=seed),
            progress=progress,
        )
        return model, (time.monotonic() - start) / 60


@contextmanager
def _opened(model: Any, directory: Path, card: Manifest) -> Iterator[RiskClassifier]:
    """The model as a user gets it: saved in float16 with the base's temperature and thresholds."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "model"
        artifact.save(
            place, model=model, tokenizer_directory=directory, manifest=card, half_precision=True
        )
        yield RiskClassifier.load(place, device="cpu")


@contextmanager
def pulled_back(share: float) -> Iterator[None]:
    """Within, every optimiser takes its weights a share of the way back to where they began.

    L2-SP (Li, Grandvalet and Davoine 2018, "Explicit Inductive Bias for Transfer Learning with
    Convolutional Networks"), decoupled from the gradient as AdamW's weight decay is: after each
    step, times the current learning rate over the highest.
    """
    began: dict[torch.Tensor, torch.Tensor] = {}

    def weights(optimizer: Any) -> Iterator[tuple[Any, float]]:
        for group in optimizer.param_groups:
            for weight in group["params"]:
                yield weight, group["lr"] / group.get("initial_lr", group["lr"])

    def remember(optimizer: Any, *_: Any) -> None:
        for weight, _rate in weights(optimizer):
            if weight not in began:
                began[weight] = weight.detach().clone()

    def pull(optimizer: Any, *_: Any) -> None:
        with torch.no_grad():
            for weight, rate in weights(optimizer):
                weight.lerp_(began[weight], share * rate)

    hooks = [register_optimizer_step_pre_hook(remember), register_optimizer_step_post_hook(pull)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _between(model: Any, start: Mapping[str, torch.Tensor], share: float) -> Iterator[Any]:
    """Within, the model is so far on the straight way from its start to where it is now.

    WiSE-FT (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    """
    end = {name: weight.clone() for name, weight in model.state_dict().items()}
    mixed = {
        name: torch.lerp(start[name].float(), weight.float(), share).to(weight.dtype)
        for name, weight in end.items()
    }
    model.load_state_dict(mixed)
    yield model
    model.load_state_dict(end)


def require_setfit() -> Any:
    """The package `setfit`.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module("setfit")
    except ImportError:
        raise MissingExtra(
            "the comparison with SetFit needs the package setfit: pip install setfit"
        ) from None


class _Body(torch.nn.Module):
    """The encoder as sentence-transformers asks for it, with our way from text to ids."""

    def __init__(self, loaded: artifact.Artifact) -> None:
        super().__init__()
        self.encoder = open_classifier(loaded.directory)[0].eval().base_model
        self.tokenizer = loaded.tokenizer
        self.max_seq_length = loaded.tokenizer.max_tokens

    def preprocess(self, inputs: Sequence[str], **_: Any) -> dict[str, torch.Tensor]:
        encodings = self.tokenizer.encode_batch(inputs)
        return padded([encoding.head.ids for encoding in encodings], self.tokenizer.pad_id)

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        mask = features["attention_mask"]
        output = self.encoder(input_ids=features["input_ids"], attention_mask=mask)
        features["sentence_embedding"] = output.pooler_output
        return features


def _setfit(
    base: Base, examples: Sequence[Example], texts: Sequence[str], seed: int
) -> tuple[Floats, float]:
    """SetFit's probabilities of texts, shape (texts, labels), and the minutes of its training.

    The sentence vector is the pooler's, which the adaptation taught to be one. One epoch of two
    pairs a post (one of the same label, one of another), then a logistic head.
    Soft posts are left out: it takes hard labels only. It computes in float32.
    """
    setfit = require_setfit()
    setfit.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    sentence_transformers = importlib.import_module("sentence_transformers")
    # Its pairs are drawn from the order of the posts, always in the same way.
    shuffled = random.Random(seed).sample(list(examples), len(examples))
    learnt, labels = _hard(shuffled)
    loaded = artifact.load(base.directory, device="cpu", batch_size=64)
    body = sentence_transformers.SentenceTransformer(modules=[_Body(loaded)], device="cpu")
    model = setfit.SetFitModel(model_body=body, model_head=LogisticRegression(max_iter=2000))
    with tempfile.TemporaryDirectory() as scratch:
        arguments = setfit.TrainingArguments(
            output_dir=scratch,
            batch_size=16,
            num_epochs=1,
            num_iterations=1,
            seed=seed,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            show_progress_bar=False,
        )
        rows = datasets.Dataset.from_dict({"text": learnt, "label": labels})
        trainer = setfit.Trainer(model=model, args=arguments, train_dataset=rows)
        trainer.remove_callback(ProgressCallback)
        trainer.st_trainer.args.dataloader_pin_memory = False  # it would warn where there is no GPU
        start = time.monotonic()
        trainer.train()
        minutes = (time.monotonic() - start) / 60
    found = model.predict_proba(list(texts), as_numpy=True, show_progress_bar=False)
    return _in_order(found, model.model_head.classes_), minutes


def _tfidf(examples: Sequence[Example], texts: Sequence[str]) -> tuple[Floats, float]:
    """The same of TF-IDF, as `riskclf evaluate --against tfidf=FILE` makes it."""
    start = time.monotonic()
    model = tfidf(10.0).fit(*_hard(examples))
    minutes = (time.monotonic() - start) / 60
    return _in_order(model.predict_proba(list(texts)), model.classes_), minutes


def _in_order(found: Any, classes: Any) -> Floats:
    """Probabilities in the order of our labels; a label that was not learnt has none."""
    result = np.zeros((len(found), len(LABELS)))
    result[:, np.asarray(classes, dtype=np.int64)] = found
    return result


# Measuring ----------------------------------------------------------------------------------------


def _scored(posts: Sequence[Post], model: Classifier) -> ScoredRows:
    rows = list(evaluation_rows(posts))
    return read_rows(rows, model, lambda: model, columns=Columns(), label_map={})[0]


def _recorded(posts: Sequence[Post], scores: Floats) -> ScoredRows:
    """Of a method without thresholds: its risk labels are its alarms."""
    rows = []
    for row, found in zip(evaluation_rows(posts), scores.tolist(), strict=True):
        label = LABELS[int(np.argmax(found))]
        rows.append(
            {
                **row,
                "riskclf_label": label,
                "riskclf_decision": "flag" if label in RISK_LABELS else "clear",
                "riskclf_risk": sum(found[:2]),
                **{f"riskclf_score_{x}": y for x, y in zip(LABELS, found, strict=True)},
                "riskclf_risk_labels": "|".join(RISK_LABELS),
            }
        )

    def never() -> Classifier:
        raise AssertionError("the rows hold their scores")

    return read_rows(rows, None, never, columns=Columns(), label_map={})[0]


def _measured(rows: ScoredRows, posts: Sequence[Post], *, thresholds: bool) -> dict[str, Any]:
    """The figures of one run on some posts; see the docstrings of the parts.

    Args:
        rows: the posts as they were scored, in their order.
        posts: the same.
        thresholds: False leaves out what is decided on thresholds.

    Returns:
        Shares of the risky posts: labelled (with a risk label), and with thresholds found (flag or
        review) and flagged; of the slang ones each also as _cue_free and _with_cues. Shares of the
        benign: wrong (flagged, or with a risk label), and with thresholds flag, reviewed and raised
        (flag or review). right_side: share of those with a risk label that have the right one.
        Then average_precision of the risk, macro_f1, cross_entropy (soft targets too).
    """
    assert len(rows) == len(posts)
    intervals = intervals_of(rows)
    risky, benign = rows.risky, rows.clearly & ~rows.risky
    raised = rows.decision >= ALARMS["flag_or_review"]
    flag = rows.decision >= ALARMS["flag"]

    def share(hits: Flags, of: Flags) -> dict[str, Any]:
        found = intervals.proportion(hits, of)
        return {name: found[name] for name in ("hits", "of", "value", "low", "high")}

    groups = {"": risky}
    if any(post.term for post in posts):
        free = np.array([is_cue_free(post) for post in posts])
        groups |= {"_cue_free": risky & free, "_with_cues": risky & ~free}
    result: dict[str, Any] = {}
    for suffix, group in groups.items():
        result[f"labelled{suffix}"] = share(rows.predicted_risky, group)
        if thresholds:
            result[f"found{suffix}"] = share(raised, group)
            result[f"flagged{suffix}"] = share(flag, group)
    result["wrong"] = share(flag | rows.predicted_risky, benign)
    if thresholds:
        result["flag"] = share(flag, benign)
        result["reviewed"] = share(raised & ~flag, benign)
        result["raised"] = share(raised, benign)
    result["right_side"] = share(rows.predicted == rows.gold, risky & rows.predicted_risky)
    hard = rows.clearly
    result["average_precision"] = float(average_precision_score(risky[hard], rows.risk[hard]))
    labels = label_figures(rows.labels, rows.gold, rows.predicted, rows.weight, intervals)
    result["macro_f1"] = labels["macro"]["f1"]
    targets = np.array([example.target for example in as_examples(posts)])
    logs = np.log(np.clip(rows.scores, 1e-12, None))
    result["cross_entropy"] = float(-(targets * logs).sum(axis=1).mean())
    return result


def _changes(before: ScoredRows, after: ScoredRows) -> dict[str, Any]:
    """Paired differences, after minus before, see `riskclf.finetuning.gate.paired`."""
    found = gate.paired(before, after)
    parts = {
        "found": ("flag_or_review", "recall"),
        "flag": ("flag", "false_positive_rate"),
        "raised": ("flag_or_review", "false_positive_rate"),
    }
    result = {
        name: found["alarms"][alarm][figure]["difference"]
        for name, (alarm, figure) in parts.items()
    }
    return result | {"macro_f1": found["macro_f1"]["difference"]}


# The results --------------------------------------------------------------------------------------


class _Book:
    """A part of the results file: finished runs by name, written after each of them.

    A run's key stands for its model too; the other part is left as it is.
    """

    def __init__(self, file: Path, part: str) -> None:
        self._file, self._part = file, part
        self.results: Results = {}
        if file.is_file():
            try:
                self.results = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                raise FormatError(f"{file} is not JSON: delete it to begin anew") from None
        self._old = self.results.pop(part, {})
        self.results[part] = {}

    @property
    def runs(self) -> dict[str, Any]:
        """The runs of this part so far."""
        found: dict[str, Any] = self.results[self._part]
        return found

    def has(self, name: str, key: str) -> bool:
        """Whether this run is finished, with this key; then it is among `runs`."""
        if self._old.get(name, {}).get("key") == key:
            self.runs[name] = self._old[name]
        return name in self.runs

    def add(self, name: str, run: Mapping[str, Any]) -> None:
        """Keep a finished run, and all that are not yet due again."""
        self.runs[name] = run
        self.write(self.results | {self._part: {**self._old, **self.runs}})

    def write(self, results: Mapping[str, Any]) -> None:
        """Write the file beside itself and rename it."""
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        partial.replace(self._file)


def _key(model: str, settings: Any, learnt: Sequence[Example], posts: Sequence[Post]) -> str:
    """Stands for all that decides a run."""
    measured = [(post.id, post.text, sorted(post.target.items())) for post in posts]
    content = repr((model, settings, list(map(repr, learnt)), measured))
    return hashlib.sha256(content.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def means(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The runs of every method and size as one: means over seeds, each seed's value, an interval.

    Returns:
        Method to posts a term (as str) to `seeds`, `minutes`, `new` and `old`; every figure in
        them has value, seeds (the values), low and high (None where there is no interval; the
        module's documentation says which there is).
    """
    groups: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for run in sorted(runs.values(), key=lambda run: (run["size"], run["seed"] or 0)):
        groups[run["method"]][str(run["size"])].append(run)
    return {
        method: {
            size: {
                "seeds": [run["seed"] for run in found],
                "minutes": _mean([run["minutes"] for run in found]),
                **{part: _mean([run[part] for run in found]) for part in ("new", "old")},
            }
            for size, found in sizes.items()
        }
        for method, sizes in groups.items()
    }


def _mean(found: Sequence[Any]) -> Any:
    if isinstance(found[0], Mapping) and "value" not in found[0]:
        return {name: _mean([one[name] for one in found]) for name in found[0]}
    figures = [x if isinstance(x, Mapping) else {"value": x} for x in found]
    values = [x["value"] for x in figures]
    known = [x for x in figures if x["value"] is not None]
    result: dict[str, Any] = {"value": None, "seeds": values, "low": None, "high": None}
    if not known:
        return result
    result["value"] = float(np.mean([x["value"] for x in known]))
    if "of" in known[0]:
        result["of"] = of = float(np.mean([x["of"] for x in known]))
        result["low"], result["high"] = wilson(result["value"] * of, of)
    elif "low" in known[0]:
        for end in ("low", "high"):
            result[end] = float(np.mean([x[end] for x in known]))
    return result


# The experiment -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bench:
    """What is measured on, and with what."""

    base: Base
    before: RiskClassifier
    new: list[Post]
    old: list[Post]

    @classmethod
    def of(cls, base: Base, new: Sequence[Post], posts: Sequence[Post]) -> _Bench:
        before = RiskClassifier.load(base.directory, device="cpu")
        return cls(base, before, list(new), [post for post in posts if post.split == "dev"])

    @property
    def posts(self) -> list[Post]:
        return [*self.new, *self.old]

    def with_thresholds(self, model: Classifier, first: ScoredRows) -> dict[str, Any]:
        """The figures of a model; `first` are the old posts as the model before scored them."""
        old = _scored(self.old, model)
        return {
            "new": _measured(_scored(self.new, model), self.new, thresholds=True),
            "old": _measured(old, self.old, thresholds=True) | {"change": _changes(first, old)},
        }

    def by_label(self, scores: Floats) -> dict[str, Any]:
        """The figures of a method from its probabilities of `posts`."""
        parts = {"new": self.new, "old": self.old}
        halves = zip(parts, np.split(scores, [len(self.new)]), strict=True)
        return {
            name: _measured(_recorded(parts[name], half), parts[name], thresholds=False)
            for name, half in halves
        }


def experiment(
    posts: Sequence[Post],
    base: Base,
    results: Path,
    *,
    sizes: Sequence[int] = SIZES,
    seeds: Sequence[int] = SEEDS,
    progress: bool = False,
    log: Log = lambda line: None,
) -> Results:
    """Run what is not yet in the results file, and write it after each run.

    Args:
        posts: ours.
        base: the model to fine-tune; it has a card.
        results: the file.
        sizes: posts a term.
        seeds: of the draws and the trainings.
        progress: show a progress bar for each training.
        log: told what begins.

    Returns:
        The content of the file: model (fingerprint), counts, runs, means, and what `choose` put in.

    Raises:
        MissingExtra: SetFit is not installed.
        FormatError: the results file is not JSON.
    """
    require_setfit()
    assert base.manifest is not None
    learn = [post for post in posts if post.split == "slang_learn"]
    bench = _Bench.of(base, [post for post in posts if post.split == "slang_test"], posts)
    sample = _packaged_sample()
    old = {
        "tfidf": as_examples([post for post in posts if post.split == "train"]),
        "ours": base_answers(base, [example.text for example in sample]),
    }
    first = _scored(bench.old, bench.before)
    texts = [post.text for post in bench.posts]
    model_key = bench.before.fingerprint
    book = _Book(results, "runs")
    book.results["model"] = model_key
    book.results.pop("means", None)
    book.results["counts"] = _counts(learn, bench)

    def run(method: str, size: int, seed: int) -> None:
        new = as_examples(drawn(learn, size, seed))
        learnt = training_mix(new, old.get(method, sample))
        settings: Mapping[str, Any] = {
            "ours": recipe_for(len(new), len(sample), new_head=False, seed=seed),
            "setfit": (seed,),
        }
        key = _key(model_key, (method, settings.get(method)), learnt, bench.posts)
        name = f"{method}, {size} a term, seed {seed}"
        if book.has(name, key):
            return
        log(name)
        if method != "ours":
            if method == "setfit":
                scores, minutes = _setfit(base, learnt, texts, seed)
            else:
                scores, minutes = _tfidf(learnt, texts)
            figures = bench.by_label(scores)
        elif size:
            model, minutes = _fine_tuned(base, new, old["ours"], seed, progress)
            assert base.manifest is not None
            with _opened(model, base.directory, base.manifest) as after:
                figures = bench.with_thresholds(after, first)
        else:
            minutes, figures = 0.0, bench.with_thresholds(bench.before, first)
        of = {"method": method, "size": size, "seed": seed, "key": key, "minutes": minutes}
        book.add(name, of | figures)

    for method in METHODS:
        if method != "setfit":  # of which it is not asked what it does without new posts
            run(method, 0, seeds[0])
    for size in sizes:
        for seed in seeds:
            for method in METHODS:
                if method != "setfit" or seed == seeds[0]:  # it takes twice as long as ours
                    run(method, size, seed)
    book.results["means"] = means(book.runs)
    book.write(book.results)
    return book.results


def _counts(learn: Sequence[Post], bench: _Bench) -> dict[str, Any]:
    return {
        name: {
            "posts": len(posts),
            "risky": sum(post.risky for post in posts),
            "cue_free": sum(is_cue_free(post) for post in posts if post.term),
        }
        for name, posts in {"learn": learn, "new": bench.new, "old": bench.old}.items()
    }


# The choice ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    """One way to fine-tune."""

    name: str
    sample: tuple[int, int] | None = None
    """Old posts to rehearse: risky ones of each label, and benign ones."""
    answers: bool = False
    """They are rehearsed with what the base says of them, instead of with their labels."""
    pull: float = 0.0
    """See `pulled_back`."""
    share: float = 1.0
    """How far from the base's weights to the new ones."""
    new_words: bool = False

    @property
    def training(self) -> tuple[Any, ...]:
        """Variants that share this share a model."""
        return self.sample, self.answers, self.pull, self.new_words


VARIANTS = (
    Variant("new posts only"),
    Variant("new posts only, half way from the base", share=0.5),
    Variant("new posts only, 0.7 of the way from the base", share=0.7),
    Variant("new posts only, pulled back by 0.02", pull=0.02),
    Variant("new posts only, pulled back by 0.1", pull=0.1),
    Variant("50 of each risky label and 250 benign", sample=(50, 250)),
    Variant(
        "50 of each risky label and 250 benign, with the base's answers",
        sample=(50, 250),
        answers=True,
    ),
    Variant(
        "50 of each risky label and 250 benign, with the base's answers and new words",
        sample=(50, 250),
        answers=True,
        new_words=True,
    ),
    Variant("79 of each risky label and 450 benign", sample=(79, 450)),
    Variant("100 of each risky label and 800 benign", sample=(100, 800)),
)
"""What the mix was chosen from. All samples hold the unclear posts too."""


def choose(
    posts: Sequence[Post],
    base: Base,
    results: Path,
    *,
    variants: Sequence[Variant] = VARIANTS,
    progress: bool = False,
    log: Log = lambda line: None,
) -> Results:
    """Measure every variant on the half of `slang_learn` that it is not trained on, and on dev.

    Temperature and thresholds are the base's own. The
    arguments and errors are those of `experiment`; `slang_test` is not looked at.
    """
    assert base.manifest is not None
    seed = SEEDS[0]
    learn = [post for post in posts if post.split == "slang_learn"]
    fit = drawn(learn, CHOOSE_SIZE, seed)
    fitted = {post.id for post in fit}
    bench = _Bench.of(base, [post for post in learn if post.id not in fitted], posts)
    new = as_examples(fit)
    first = _scored(bench.old, bench.before)
    model_key = bench.before.fingerprint
    book = _Book(results, "choose")
    if not book.has("before", key := _key(model_key, "before", [], bench.posts)):
        found = bench.with_thresholds(bench.before, first)
        book.add("before", {"key": key, "minutes": 0.0, **found})
    trained: tuple[Any, Any, float, Base] | None = None
    for variant in variants:
        old = [] if variant.sample is None else as_examples(rehearsal(posts, *variant.sample))
        if variant.answers:
            old = base_answers(base, [example.text for example in old])
        recipe = recipe_for(len(new), len(old), new_head=False, seed=seed)
        settings = (asdict(variant), recipe)
        key = _key(model_key, settings, training_mix(new, old), bench.posts)
        if book.has(variant.name, key):
            continue
        log(variant.name)
        with tempfile.TemporaryDirectory() as scratch:
            if trained is None or trained[0] != variant.training or variant.new_words:
                start = _with_words(base, new, Path(scratch)) if variant.new_words else base
                with pulled_back(variant.pull) if variant.pull else nullcontext():
                    model, minutes = _fine_tuned(start, new, old, seed, progress)
                trained = variant.training, model, minutes, start
            _, model, minutes, start = trained
            weights = model.state_dict()
            if variant.share < 1:
                weights = open_classifier(base.directory)[0].state_dict()
            with (
                _between(model, weights, variant.share) as mixed,
                _opened(mixed, start.directory, base.manifest) as after,
            ):
                figures = bench.with_thresholds(after, first)
        rehearsed = {"rehearsed": len(old), "minutes": minutes}
        book.add(variant.name, {"key": key, **rehearsed, **figures})
    book.write(book.results)
    return book.results


def _with_words(base: Base, new: Sequence[Example], scratch: Path) -> Base:
    """The base with tokens for the words of the new posts that its tokenizer shatters."""
    texts = [example.text for example in new]
    words = shattered_words(texts, near_duplicate_groups(texts), Tokenizer.load(base.directory))
    if not words:
        return base
    return Base(extend(base.directory, words, scratch / "base"), base.manifest)


def main(
    choosing: Annotated[
        bool, typer.Option("--choose", help="Compare mixes on slang_learn and dev instead.")
    ] = False,
) -> None:
    """Fine-tune on invented slang and measure; writes slang.json, docs/slang.* and the README."""
    console = Console(stderr=True)
    base = artifact.locate_base(None)
    todo = choose if choosing else experiment
    results = todo(load_posts(), base, RESULTS, progress=console.is_terminal, log=console.log)
    if not {"choose", "means"} <= set(results):
        return  # the other half is still to be run
    written = documents(README.read_text(encoding="utf-8"), results)
    contents = {FIGURE: plot(results)} | {path: x.encode() for path, x in written.items()}
    for path, content in contents.items():
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(content)
        partial.replace(path)


if __name__ == "__main__":
    run_command(main)
