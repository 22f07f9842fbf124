"""The ways to learn new slang that are compared, each trained on the same posts."""

from __future__ import annotations

import importlib
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from transformers import ProgressCallback

from riskclf import RiskClassifier, artifact
from riskclf.engines.pytorch import open_classifier, padded
from riskclf.errors import MissingExtra
from riskclf.evaluation.baselines import tfidf
from riskclf.finetuning import Example
from riskclf.finetuning.base import Base
from riskclf.finetuning.data import LabelledPosts
from riskclf.finetuning.job import Job
from riskclf.finetuning.known import Known
from riskclf.finetuning.learning import Learned, Trainings
from riskclf.labels import LABELS
from riskclf.manifest import Manifest
from riskclf.progress import Progress, following
from training.experiments.slang.draws import hard

__all__ = [
    "between",
    "fine_tuned",
    "opened",
    "pulled_back",
    "require_setfit",
    "setfit_probabilities",
    "tfidf_probabilities",
]

Floats = NDArray[np.float64]


def fine_tuned(
    base: Base,
    new: Sequence[Example],
    replayed: Sequence[Example],
    seed: int,
    progress: Progress,
    start: Path | None = None,
    *,
    quick: bool = False,
) -> tuple[Learned, float]:
    """The model as `riskclf.finetune` trains it, and the minutes it took.

    Args:
        base: the model to fine-tune; one with a manifest.
        new: the posts to learn.
        replayed: old posts that are mixed in.
        seed: of the training.
        progress: see `riskclf.progress`.
        start: directory of the transformer to start from; None is the base's own.
        quick: as in `riskclf.finetune`.
    """
    assert base.manifest is not None
    known = Known.of(base)
    assert known is not None
    texts, numbers = [post.text for post in new], np.arange(len(new))
    targets = [post.target for post in new if post.target is not None]
    # Without checkpoints of an earlier run: the minutes are those of a whole one.
    with tempfile.TemporaryDirectory() as scratch, following(progress) as show:
        began = time.monotonic()
        job = Job(
            base=base,
            labels=base.manifest.labels,
            risk_labels=base.manifest.risk_labels,
            posts=LabelledPosts(texts, targets, numbers, numbers, [], 0, 0),
            replay=list(replayed),
            old=[],
            natural=[],
            seed=seed,
            work=Path(scratch),
            device="auto",
            batch_size=64,
            known=known,
            directions=known.directions(texts),
            quick=quick,
        )
        trainings = Trainings(job, [len(new)], show)
        learned = trainings.learn(start or base.directory, job.examples(), "training")
        return learned, (time.monotonic() - began) / 60


@contextmanager
def opened(learned: Learned, directory: Path, manifest: Manifest) -> Iterator[RiskClassifier]:
    """The model as a user gets it: saved in float16 with how the base decides."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "model"
        artifact.save(
            place,
            model=learned.model,
            tokenizer_directory=directory,
            manifest=manifest,
            half_precision=True,
            experts=learned.experts,
        )
        yield RiskClassifier.load(place, device="cpu")


@contextmanager
def pulled_back(share: float) -> Iterator[None]:
    """Within the block, every optimiser step also moves the weights a share back to their start.

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
def between(model: Any, start: Mapping[str, torch.Tensor], share: float) -> Iterator[Any]:
    """Within the block, the weights are an average of the model's start and its present ones.

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


def setfit_probabilities(
    base: Base, examples: Sequence[Example], texts: Sequence[str], seed: int
) -> tuple[Floats, float]:
    """SetFit's probabilities of texts, shape (texts, labels), and the minutes of its training.

    The sentence vector is the pooler's, which the adaptation taught to be one. One epoch of two
    pairs a post (one of the same label, one of another), then a logistic head.
    Soft posts are left out, because it takes hard labels only. It computes in float32.
    """
    setfit = require_setfit()
    setfit.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    sentence_transformers = importlib.import_module("sentence_transformers")
    # Its pairs are drawn from the order of the posts, always in the same way.
    shuffled = random.Random(seed).sample(list(examples), len(examples))
    learnt, labels = hard(shuffled)
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


def tfidf_probabilities(examples: Sequence[Example], texts: Sequence[str]) -> tuple[Floats, float]:
    """TF-IDF's probabilities, as `riskclf evaluate --against tfidf=FILE` has them, and minutes."""
    start = time.monotonic()
    model = tfidf(10.0).fit(*hard(examples))
    minutes = (time.monotonic() - start) / 60
    return _in_order(model.predict_proba(list(texts)), model.classes_), minutes


def _in_order(found: Any, classes: Any) -> Floats:
    """Probabilities in the order of our labels; a label that was not learnt has none."""
    result = np.zeros((len(found), len(LABELS)))
    result[:, np.asarray(classes, dtype=np.int64)] = found
    return result
