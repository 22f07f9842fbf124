"""Windows of ids to numbers: what an engine is, and the only place where sequences are padded.

An engine computes a model on windows of ids. The spine knows this protocol only; the engines are in
`riskclf.engines`, and `load_engine` finds one by its name.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from riskclf.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "AUTO",
    "ENGINES",
    "ENGINE_FILES",
    "PRECISIONS",
    "Engine",
    "Outputs",
    "engines_to_try",
    "length_sorted_batches",
    "load_engine",
    "pad",
]

ENGINES = ("pytorch", "openvino")
"""Names of the engines: modules of `riskclf.engines`. The first can compute every model."""

AUTO = "auto"
"""In place of a name: the fastest engine that can be used here."""

ENGINE_FILES = {"openvino": ("openvino.xml", "openvino.bin")}
"""Files that an engine needs beside those of every model; `riskclf optimize` builds them."""

_MOST_PADDED = 1.1
"""Tokens of a batch with its padding, relative to those without."""

PRECISIONS = ("f32", "bf16", "int8")
"""Numbers that an engine's files may make it compute with."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is computed for windows: one row for each window, in their order."""

    logits: NDArray[np.float32]
    """Shape (windows, labels), before calibration."""

    pooled: NDArray[np.float32]
    """BERT's pooler on [CLS], from which the logits are computed; shape (windows, hidden)."""

    sentence: NDArray[np.float32]
    """Mean of the token vectors of the last layer, padding left out; shape (windows, hidden)."""

    ngrams: NDArray[np.float32] | None = None
    """Logits of the n-gram expert, shape (windows, labels); None without one."""

    neighbours: NDArray[np.float32] | None = None
    """Logits of the neighbours expert, likewise."""

    @property
    def columns(self) -> dict[str, NDArray[np.float32]]:
        """Those that are there, by name."""
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: values for name, values in found.items() if values is not None}

    @classmethod
    def joined(cls, parts: Sequence[Outputs]) -> Outputs:
        """One after the other; a column that a part lacks is left out of all."""
        shared = set.intersection(*({*part.columns} for part in parts))
        return cls(**{x: np.concatenate([part.columns[x] for part in parts]) for x in shared})

    def rows(self, chosen: NDArray[np.int64]) -> Outputs:
        """Those of some windows, by number."""
        return Outputs(**{name: values[chosen] for name, values in self.columns.items()})


class Engine(Protocol):
    """Computes a model on windows of ids."""

    batch_size: int
    """Windows that are computed at once, 1 or more."""

    @property
    def parameters(self) -> int:
        """Number of weights."""

    @property
    def where(self) -> str:
        """Where it computes, such as "cpu" or "cuda:0"."""

    def compute(self, windows: Sequence[Sequence[int]]) -> Outputs:
        """Compute any number of windows (0 too); ids include the special tokens."""


def engines_to_try(
    asked: str, directory: Path, files: Container[str], device: str
) -> tuple[str, ...]:
    """The engines to load, the first that computes what was saved counts.

    Args:
        asked: one of `ENGINES`, or `AUTO`.
        directory: of the model.
        files: names that its `riskclf.json` lists.
        device: as for `load_engine`.

    Raises:
        InputError: there is no such engine, or the model has no files for it.
    """
    able = [
        name
        for name, needed in ENGINE_FILES.items()
        if all(file in files and (directory / file).is_file() for file in needed)
    ]
    if asked == AUTO:
        return (*(name for name in able if _module(name).suits(device)), ENGINES[0])
    if asked not in ENGINES:
        raise InputError(
            f"engine {asked!r} is not known; use one of: {', '.join((AUTO, *ENGINES))}"
        )
    if asked in ENGINE_FILES and asked not in able:
        raise InputError(
            f"{directory} has no files for the engine {asked}: build them with `riskclf optimize "
            f"{directory} --output NEW_DIRECTORY`, or use the engine {ENGINES[0]}"
        )
    return (asked,)


def load_engine(
    directory: Path,
    *,
    pad_id: int,
    device: str,
    batch_size: int,
    threads: int | None = None,
    name: str = ENGINES[0],
) -> Engine:
    """Load the model of a directory into an engine.

    The directory must have been checked (`riskclf.artifact`).

    Args:
        directory: a model directory.
        pad_id: id of the padding token.
        device: where to compute; what it may be depends on the engine, "auto" and "cpu" work in
            all.
        batch_size: windows that are computed at once.
        threads: of the CPU, for this model's computing; None leaves it to the engine.
        name: one of `ENGINES`.

    Raises:
        ArtifactCorrupt: the weights cannot be used.
        InputError: there is no such engine, the device cannot be used here, or the batch size or
            the number of threads is less than 1.
        MissingExtra: the engine's package is not installed.
    """
    if name not in ENGINES:
        raise InputError(f"engine {name!r} is not known; use one of: {', '.join(ENGINES)}")
    engine: Engine = _module(name).load(
        directory, pad_id=pad_id, device=device, batch_size=batch_size, threads=threads
    )
    return engine


def _module(name: str) -> Any:
    """By name, because an engine imports torch or the like, and the spine must not depend on it."""
    return import_module(f"riskclf.engines.{name}")


def pad(
    sequences: Sequence[Sequence[int]], pad_id: int, length: int | None = None
) -> dict[str, NDArray[np.int64]]:
    """Pad sequences of ids on the right.

    Args:
        sequences: of ids.
        pad_id: id of the padding token.
        length: to which they are padded, not less than any of them has; None: that of the longest.

    Returns:
        `input_ids` and `attention_mask`, each int64 of shape (sequences, length).
    """
    if length is None:
        length = max(map(len, sequences))
    ids = np.full((len(sequences), length), pad_id, dtype=np.int64)
    mask = np.zeros((len(sequences), length), dtype=np.int64)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def length_sorted_batches(
    sequences: Sequence[Sequence[int]], batch_size: int
) -> Iterator[list[int]]:
    """Indices of batches of like length: no more than a tenth of what is computed is padding.

    The longest come first: if memory does not suffice, it shows at once.
    """
    batch: list[int] = []
    longest = tokens = 0
    for index in sorted(range(len(sequences)), key=lambda index: -len(sequences[index])):
        length = len(sequences[index])
        padded = longest * (len(batch) + 1)
        if batch and (len(batch) == batch_size or padded > _MOST_PADDED * (tokens + length)):
            yield batch
            batch, tokens = [], 0
        longest = length if not batch else longest
        batch.append(index)
        tokens += length
    if batch:
        yield batch
