"""An encoder over XLM-R's pieces, as it comes, and an encoder as it is written.

`Base` is what the recipe starts from; `training.recipe.base_sources` reads it from a file. `write`
makes the plain Hugging Face directory that every later step reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from riskclf.errors import ArtifactCorrupt, InputError
from riskclf.files import replacing_directory

__all__ = [
    "MODEL_MAX_LENGTH",
    "SPACE",
    "SPECIALS",
    "Base",
    "filled",
    "write",
]

SPECIALS: Mapping[str, str] = {
    "[PAD]": "<pad>",
    "[UNK]": "<unk>",
    "[CLS]": "<s>",
    "[SEP]": "</s>",
    "[MASK]": "<mask>",
}
"""BERT's special tokens in the order of their ids, and the XLM-R pieces they start from."""

MODEL_MAX_LENGTH = 512
"""Tokens per post that the written tokenizer keeps."""

SPACE = "\u2581"
"""How SentencePiece writes a space, and with it the beginning of a word."""


@dataclass(frozen=True)
class Base:
    """A BERT encoder over Unigram pieces, from whatever file it came."""

    name: str
    pieces: tuple[str, ...]
    """Piece strings; the index is the id."""
    scores: npt.NDArray[np.float64]
    """Unigram log-probability of every piece, shape (pieces,)."""
    config: BertConfig
    state: Mapping[str, torch.Tensor]
    """Weights by the names of `BertModel.state_dict`; the pooler may be missing."""
    segment: Callable[[Sequence[str]], list[list[int]]]
    """Texts to ids of their own tokenizer, ``<s>`` and ``</s>`` included, not cut."""

    def model(self) -> BertModel:
        """The encoder as it is, all layers and pieces, in evaluation mode."""
        return filled(self.config, dict(self.state))

    def digest(self) -> str:
        """SHA-256 of pieces and weights: tells two models of the same name apart."""
        digest = hashlib.sha256("\0".join(self.pieces).encode("utf-8"))
        for name in sorted(self.state):
            digest.update(np.ascontiguousarray(self.state[name].numpy()).data)
        return digest.hexdigest()


def filled(config: BertConfig, state: dict[str, torch.Tensor]) -> BertModel:
    """A `BertModel` with these weights, in evaluation mode; its pooler is the identity.

    Raises:
        ArtifactCorrupt: the weights do not fit the configuration.
    """
    config.dtype = torch.float32
    state = {k: v for k, v in state.items() if not k.startswith("pooler.")}
    state["pooler.dense.weight"] = torch.eye(config.hidden_size)
    state["pooler.dense.bias"] = torch.zeros(config.hidden_size)
    with torch.device("meta"):  # random starting values would only be overwritten
        model = BertModel(config)
    model.to_empty(device="cpu")
    positions = torch.arange(config.max_position_embeddings).unsqueeze(0)
    for name, buffer in (("position_ids", positions), ("token_type_ids", positions * 0)):
        model.embeddings.register_buffer(name, buffer, persistent=False)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ArtifactCorrupt(f"the weights do not fill a BertModel: {error}") from error
    model.train(False)
    return model


def write(
    model: BertModel, tokens: Sequence[str], output: Path, records: Mapping[str, Any]
) -> None:
    """Write a plain Hugging Face directory, complete or not at all.

    Args:
        model: the encoder, float32.
        tokens: the vocabulary, by id.
        output: where to; must not exist.
        records: further files, by name, written as JSON: where the model comes from.

    Raises:
        InputError: `output` exists.
    """
    if output.exists():
        raise InputError(f"{output} exists: remove it, or name another directory")
    settings = {
        "tokenizer_class": "BertJapaneseTokenizer",
        "word_tokenizer_type": "mecab",
        "mecab_kwargs": {"mecab_dic": "unidic_lite"},
        "subword_tokenizer_type": "wordpiece",
        "do_lower_case": False,
        "split_special_tokens": True,
        "model_max_length": MODEL_MAX_LENGTH,
        **{f"{token[1:-1].lower()}_token": token for token in SPECIALS},
    }
    with replacing_directory(output) as staged:
        model.config.architectures = ["BertModel"]
        model.config.save_pretrained(staged)
        weights = {name: value.contiguous() for name, value in model.state_dict().items()}
        save_file(weights, staged / "model.safetensors", metadata={"format": "pt"})
        vocabulary = "".join(token + "\n" for token in tokens)
        (staged / "vocab.txt").write_text(vocabulary, encoding="utf-8", newline="\n")
        for name, record in {"tokenizer_config.json": settings, **records}.items():
            text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
            (staged / name).write_text(text, encoding="utf-8")
        # safetensors makes files for their owner only.
        (staged / "model.safetensors").chmod(0o644)
