"""The PyTorch engine, and the only place where transformers opens the weights of a model.

Weights are read from safetensors only. No adapter, no quantisation, no attention kernel and no code
that a directory names is used: what computes is the model's own weights in transformers' own code.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from riskclf.bert import WEIGHTS_FILE, check_shapes, read_config
from riskclf.encoder import Outputs, length_sorted_batches, pad
from riskclf.errors import ArtifactCorrupt, InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = [
    "PytorchEngine",
    "load",
    "mean_token_vector",
    "open_classifier",
    "padded",
    "quietly",
]

# With peft installed, transformers applies an adapter that lies beside a model.
_ADAPTERS = ("adapter_config.json", "adapter_model*")


class PytorchEngine:
    """A transformers sequence classifier on a torch device."""

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        pad_id: int,
        device: str,
        batch_size: int,
        threads: int | None = None,
    ) -> None:
        """
        Args:
            model: a sequence classifier of transformers with a pooler, such as BERT's.
            pad_id: id of the padding token.
            device: a torch device, or "auto" for CUDA or MPS where there is one, else the CPU.
            batch_size: windows to a batch, 1 or more.
            threads: of torch while this model computes, 1 or more; None leaves torch as it is.

        Raises:
            InputError: the device cannot be used here, or the batch size or the number of threads
                is less than 1.
        """
        for name, number in (("batch_size", batch_size), ("threads", threads)):
            if number is not None and number < 1:
                raise InputError(f"{name} is {number}: it must be 1 or more")
        if device == "auto":
            device = _best_device()
        try:
            self.device = torch.device(device)
            self.model: Any = model.to(self.device).eval()  # type: ignore[arg-type]
        except (AssertionError, NotImplementedError, RuntimeError) as error:
            reason = str(error).split("\n")[0]
            raise InputError(f"device {device!r} cannot be used ({reason}): try cpu") from None
        self.batch_size = batch_size
        self._pad_id = pad_id
        self._threads = threads

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(self.model.num_parameters())

    @property
    def where(self) -> str:
        """The torch device."""
        return str(self.device)

    def compute(self, windows: Sequence[Sequence[int]]) -> Outputs:
        """Logits, pooler output and mean token vector of each window, float32, in their order."""
        config = self.model.config
        count = len(windows)
        logits = np.zeros((count, config.num_labels), dtype=np.float32)
        pooled = np.zeros((count, config.hidden_size), dtype=np.float32)
        sentence = np.zeros_like(pooled)
        with torch.inference_mode(), _using(self._threads):
            for indices in length_sorted_batches(windows, self.batch_size):
                rows = padded([windows[index] for index in indices], self._pad_id)
                batch = {name: x.to(self.device) for name, x in rows.items()}
                body = self.model.base_model(**batch)
                head = self.model.classifier(self.model.dropout(body.pooler_output))
                mean = mean_token_vector(body.last_hidden_state, batch["attention_mask"])
                for target, found in (
                    (logits, head),
                    (pooled, body.pooler_output),
                    (sentence, mean),
                ):
                    target[indices] = found.float().cpu().numpy()
        return Outputs(logits, pooled, sentence)


def load(
    directory: Path, *, pad_id: int, device: str, batch_size: int, threads: int | None = None
) -> PytorchEngine:
    """What `riskclf.encoder.load_engine` calls.

    Raises:
        ArtifactCorrupt: the weights cannot be used.
        InputError: the device, the batch size or the number of threads cannot be used.
    """
    model, missing = open_classifier(directory)
    if missing:
        raise ArtifactCorrupt(
            f"{directory / WEIGHTS_FILE} lacks weights of the classifier: it is not a trained "
            "model, or it is damaged"
        )
    return PytorchEngine(
        model, pad_id=pad_id, device=device, batch_size=batch_size, threads=threads
    )


def mean_token_vector(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean of the token vectors, padding left out: (rows, tokens, hidden) to (rows, hidden)."""
    kept = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * kept).sum(dim=1) / kept.sum(dim=1)


def padded(sequences: Sequence[Sequence[int]], pad_id: int) -> dict[str, torch.Tensor]:
    """`riskclf.encoder.pad` as tensors."""
    return {name: torch.from_numpy(x) for name, x in pad(sequences, pad_id).items()}


def open_classifier(
    directory: Path,
    *,
    attention: str = "sdpa",
    labels: Sequence[str] | None = None,
    ignore_mismatched_sizes: bool = False,
) -> tuple[Any, list[str]]:
    """A sequence classifier of transformers in float32, from safetensors beside its config.json.

    transformers gets the settings that `riskclf.bert` has checked, and does not read config.json.

    Args:
        directory: a model directory, with or without a trained head.
        attention: the implementation of attention, one of transformers' own; what config.json says
            of it is not used, since it can name kernels on a hub.
        labels: in place of those in config.json.
        ignore_mismatched_sizes: weights of another shape, such as a head for other labels, count
            as missing.

    Returns:
        The model, and the names of weights that the file lacks (they are random).

    Raises:
        ArtifactCorrupt: the directory cannot be used, or holds an adapter or other weights than
            safetensors that transformers would read.
    """
    from transformers import BertConfig, BertForSequenceClassification

    _check_no_adapter(directory)
    check_shapes(directory, trained=False)
    settings = read_config(directory)
    if labels is not None:
        settings["id2label"] = dict(enumerate(labels))
    settings["label2id"] = {label: index for index, label in settings["id2label"].items()}
    config = BertConfig(**settings)
    kind: Any = BertForSequenceClassification  # what it returns depends on an argument
    try:
        with quietly():
            model, found = kind.from_pretrained(
                directory,
                config=config,
                local_files_only=True,
                use_safetensors=True,
                dtype=torch.float32,
                attn_implementation=attention,
                output_loading_info=True,
                ignore_mismatched_sizes=ignore_mismatched_sizes,
            )
    except Exception as error:
        # transformers and safetensors raise a dozen unrelated types for an unusable directory.
        raise ArtifactCorrupt(
            f"{directory} does not load as a sequence classifier ({type(error).__name__}): copy or "
            "save the model again"
        ) from error
    # transformers fills missing weights with random numbers and only logs it.
    mismatched = [x[0] if isinstance(x, tuple) else x for x in found["mismatched_keys"]]
    return model, sorted({*found["missing_keys"], *mismatched})


def _check_no_adapter(directory: Path) -> None:
    for file in sorted(directory.iterdir()):
        if any(fnmatchcase(file.name, pattern) for pattern in _ADAPTERS):
            raise ArtifactCorrupt(
                f"{file} is an adapter beside a model: riskclf would compute something else with "
                "it; remove it, or merge it into the model where you trust it"
            )


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


# Silence ------------------------------------------------------------------------------------------


class _OwnThread(logging.Filter):
    """Drops the records of threads that are inside `quietly`; the others' pass."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: dict[int, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread not in self.threads


_silence = _OwnThread()
_lock = threading.Lock()
_bars_were_shown: list[bool] = []


@contextmanager
def quietly() -> Iterator[None]:
    """Keep transformers from logging and from showing bars while it loads or saves a model.

    Log records of this thread are dropped, those of others are not; levels stay as they are. The
    bars are a switch of the whole process: it is set back when the last thread leaves.
    """
    from transformers.utils import logging as transformers_logging

    thread = threading.get_ident()
    with _lock:
        if not _silence.threads:
            _bars_were_shown[:] = [transformers_logging.is_progress_bar_enabled()]
            transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            for handler in _handlers():
                handler.addFilter(_silence)
        _silence.threads[thread] = _silence.threads.get(thread, 0) + 1
    try:
        yield
    finally:
        with _lock:
            _silence.threads[thread] -= 1
            if not _silence.threads[thread]:
                del _silence.threads[thread]
            if not _silence.threads:
                for handler in _handlers():
                    handler.removeFilter(_silence)
                if _bars_were_shown[0]:
                    transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _handlers() -> list[logging.Handler]:
    """Of transformers, and where its records go on to."""
    logger: logging.Logger | None = logging.getLogger("transformers")
    handlers: list[logging.Handler] = []
    while logger is not None:
        handlers += logger.handlers
        logger = logger.parent if logger.propagate else None
    return handlers


# Threads and forks --------------------------------------------------------------------------------

_was_forked = False


@contextmanager
def _using(threads: int | None) -> Iterator[None]:
    """Let torch compute on so many threads, in the thread that asks for it."""
    before = torch.get_num_threads()
    if threads is None or threads == before or _was_forked:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _use_one_thread() -> None:
    """In a forked child OpenMP's threads are gone, and waiting for them would never end."""
    global _was_forked
    _was_forked = True
    torch.set_num_threads(1)
    # tokenizers finds out itself, but says so on standard error.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


with contextlib.suppress(AttributeError):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_use_one_thread)
