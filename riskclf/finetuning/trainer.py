"""Train a classifier on labelled posts, through the same text -> ids path that serves it.

The loop is `riskclf.finetuning.loop`, with a linear learning rate after a warm-up, for a fixed
number of steps; what is learned beside the label is in `riskclf.finetuning.tasks`. A run that was
interrupted continues from its last checkpoint, with the same result as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset

from riskclf.aspects import Heads, Question
from riskclf.bert import read_config
from riskclf.engines.pytorch import PytorchEngine, open_classifier, padded
from riskclf.errors import ArtifactNotFound, InputError
from riskclf.finetuning.config import TrainingConfig
from riskclf.finetuning.loop import computes_bfloat16, run_training
from riskclf.finetuning.tasks import Example, Goals, Tasks
from riskclf.progress import Progress
from riskclf.tokens import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Trained",
    "Transform",
    "fingerprint",
    "seconds_per_step",
    "train_classifier",
]

Transform = Callable[[list[str], int], tuple[list[str], bool]]
"""Changes the texts of a batch, in memory; is given them and a seed of their own. Its second value
is whether they still say no more than before: otherwise their sentence vectors are left free."""


@dataclass(frozen=True)
class Trained:
    """What `train_classifier` gives."""

    model: Any
    """The sequence classifier of transformers, in float32."""
    heads: Heads | None
    """Of the questions; None where there are none."""


class _Rows(Dataset[tuple[str, torch.Tensor, int]]):
    """The examples. Item `epoch * size + row` is a row with a seed of its own for that epoch.

    They are kept in memory: no post gets into a cache.
    """

    def __init__(self, examples: Sequence[Example], tokenizer: Tokenizer, goals: Goals) -> None:
        self._texts = [example.text for example in examples]
        self._goals = torch.from_numpy(goals.packed(examples))
        self.lengths = [len(encoding.head.ids) for encoding in tokenizer.encode_batch(self._texts)]

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> tuple[str, torch.Tensor, int]:
        row = index % len(self)
        return self._texts[row], self._goals[row], index


class _Collator:
    """Encodes while training, so that transformed texts take the same path."""

    def __init__(
        self, tokenizer: Tokenizer, goals: Goals, transform: Transform | None, seed: int
    ) -> None:
        self._tokenizer = tokenizer
        self._goals = goals
        self._transform = transform
        self._seed = seed

    def __call__(self, rows: Sequence[tuple[str, torch.Tensor, int]]) -> dict[str, torch.Tensor]:
        texts = [text for text, _, _ in rows]
        goals = torch.stack([goal for _, goal, _ in rows])
        if self._transform is not None:
            texts, alike = self._transform(texts, (self._seed << 32) + rows[0][2])
            if not alike:
                goals = self._goals.without_sentence(goals)
        encodings = self._tokenizer.encode_batch(texts)
        batch = padded([encoding.head.ids for encoding in encodings], self._tokenizer.pad_id)
        return {**batch, "labels": goals}


def train_classifier(
    base: str | os.PathLike[str],
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
    checkpoints: str | os.PathLike[str],
    config: TrainingConfig,
    questions: Sequence[Question] = (),
    heads: Heads | None = None,
    centre: NDArray[np.float32] | None = None,
    transform: Transform | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Trained:
    """Fine-tune a sequence classifier; resumes when interrupted.

    Args:
        base: directory of a BERT with a `BertJapaneseTokenizer` (MeCab and WordPiece).
        examples: the posts; of a long one only the beginning is trained on.
        labels: names of the labels, in the order of the targets.
        checkpoints: directory for checkpoints. An interrupted run of the same base, examples,
            labels, questions and config continues from its last one there. They stay on this
            machine and are never part of a model.
        config: epochs, learning rate and so on.
        questions: what else is learned of a post, in the order of the examples' answers.
        heads: where the answers' heads start from; None starts from random weights.
        centre: what the sentence vectors are centred on, shape (hidden,); None leaves them free.
        transform: changes the texts of each batch.
        device: "cpu", or anything else for CUDA's first GPU where there is one.
        progress: None, True or a callback, see `riskclf.progress`; counts steps.

    Raises:
        ArtifactNotFound: `base` is not a model directory.
        InputError: there is nothing to train on.
    """
    if not examples:
        raise InputError("there are no posts to train on")
    if not (Path(base) / "config.json").is_file():
        raise ArtifactNotFound(f"{base} holds no config.json: give the directory of a BERT model")
    # One directory for all that decides the result: no run continues from the state of another.
    run = Path(checkpoints) / fingerprint(
        base, examples, labels=labels, config=config, questions=questions, centre=centre
    )
    tokenizer = Tokenizer.load(Path(base))
    on_gpu = _on_gpu(device)
    torch.manual_seed(config.seed)
    goals = Goals(len(labels), tuple(questions), centre)
    tasks = Tasks(_load(Path(base), labels, on_gpu=on_gpu), questions, heads)
    trained = run_training(
        tasks,
        _Rows(examples, tokenizer, goals),
        collate=_Collator(tokenizer, goals, transform, config.seed),
        loss=lambda outputs, rows, **_: goals.loss(outputs, rows),
        run=run,
        config=config,
        on_gpu=on_gpu,
        progress=progress,
    )
    return Trained(trained.classifier, trained.heads())


def seconds_per_step(
    base: str | os.PathLike[str],
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
    config: TrainingConfig,
    questions: Sequence[Question] = (),
    centre: NDArray[np.float32] | None = None,
    device: str = "auto",
) -> float:
    """How long a training step takes on this machine, from the second and third of three steps.

    The arguments are those of `train_classifier`; nothing is written.

    Raises:
        InputError: the device cannot be used here.
    """
    tokenizer, on_gpu = Tokenizer.load(Path(base)), _on_gpu(device)
    torch.manual_seed(config.seed)
    classifier = _load(Path(base), labels, on_gpu=on_gpu)
    # It refuses a device that cannot be used here. Training takes CUDA or the CPU.
    PytorchEngine(classifier, pad_id=tokenizer.pad_id, device=device, batch_size=1)
    where = torch.device("cuda" if on_gpu else "cpu")
    goals = Goals(len(labels), tuple(questions), centre)
    model = Tasks(classifier, questions, None).to(where).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, fused=True)
    # From all over the data, so that the lengths are typical.
    chosen = examples[:: max(1, len(examples) // config.batch_size)][: config.batch_size]
    rows = _Rows(chosen, tokenizer, goals)
    collate = _Collator(tokenizer, goals, None, config.seed)
    batch = {name: x.to(where) for name, x in collate([rows[i] for i in range(len(rows))]).items()}
    targets = batch.pop("labels")
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        with torch.autocast(where.type, torch.bfloat16, enabled=computes_bfloat16(on_gpu=on_gpu)):
            outputs = model(**batch)
        loss = goals.loss(outputs, targets)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loss.item()  # waits for a GPU
        seconds.append(time.monotonic() - began)
    # The first step takes longer; the faster of the others was disturbed less.
    return min(seconds[1:])


def _on_gpu(device: str) -> bool:
    return device != "cpu" and bool(torch.cuda.is_available())


def _load(base: Path, labels: Sequence[str], *, on_gpu: bool) -> Any:
    """The base with a head for these labels: its own if they are the same, or else a new one."""
    model, _ = open_classifier(
        base,
        # On a CPU, torch's fused attention has no fast path with dropout: a third slower.
        attention="sdpa" if on_gpu else "eager",
        labels=labels,
        ignore_mismatched_sizes=True,
    )
    if read_config(base)["id2label"] != model.config.id2label:
        # As many labels as before, but other ones: the loaded weights of the head mean nothing.
        head = model.classifier
        torch.nn.init.normal_(head.weight, std=model.config.initializer_range)
        torch.nn.init.zeros_(head.bias)
    return model


def fingerprint(
    base: str | os.PathLike[str],
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
    config: TrainingConfig,
    questions: Sequence[Question] = (),
    centre: NDArray[np.float32] | None = None,
) -> str:
    """A hash of all that decides the result of `train_classifier`, except `heads` and `transform`.

    The arguments are those of `train_classifier`.
    """
    digest = hashlib.sha256(repr((list(labels), config, list(questions))).encode("utf-8"))
    digest.update(str(len(examples)).encode("ascii"))
    for example in examples:
        digest.update(repr(example).encode("utf-8", errors="backslashreplace"))
        digest.update(b"" if example.sentence is None else example.sentence.tobytes())
    digest.update(b"" if centre is None else centre.tobytes())
    weights = sorted(file.name for file in Path(base).glob("*.safetensors"))
    for name in ("config.json", *weights, "vocab.txt", "tokenizer_config.json"):
        if (Path(base) / name).is_file():
            with (Path(base) / name).open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]
