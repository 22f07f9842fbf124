"""The one architecture that riskclf computes: which settings a BERT has, and which weights.

Of config.json only the settings named here are used, each checked, whatever else it says. They are
compared with what the safetensors files hold before anything is allocated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from riskclf.errors import ArtifactCorrupt
from riskclf.headers import Stored, check_numbers, read_header
from riskclf.modelfiles import is_plain_text, read_json, shown

__all__ = [
    "INDEX_FILE",
    "WEIGHTS_FILE",
    "check_shapes",
    "check_weights",
    "read_config",
]

_CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"

_ACTIVATIONS = ("gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "swish")
_MOST_LABELS = 1000

# With the value that transformers takes where there is none.
_SIZES = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}

_TABLES = {
    "word": "vocab_size",
    "position": "max_position_embeddings",
    "token_type": "type_vocab_size",
}

_PART = re.compile(r"[\w.-]+\.safetensors")

# Settings that change what is computed: the one value that riskclf computes.
_ONLY: dict[str, Any] = {
    "is_decoder": False,
    "is_encoder_decoder": False,
    "add_cross_attention": False,
    "chunk_size_feed_forward": 0,
    "position_embedding_type": "absolute",
    "pruned_heads": {},
}

# Settings that lead transformers to weights or code other than the model's own.
_FOREIGN = ("auto_map", "custom_pipelines", "quantization_config", "transformers_weights")
# No flash attention: where its package is not installed, transformers fetches a kernel from a hub.
_ATTENTIONS = (None, "eager", "sdpa")


def _is_number(value: Any, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most


def _is_share(value: Any) -> bool:
    return _is_number(value, 0, 0.999)


_VALUES: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "hidden_act": ("gelu", lambda x: x in _ACTIVATIONS),
    "hidden_dropout_prob": (0.1, _is_share),
    "attention_probs_dropout_prob": (0.1, _is_share),
    "classifier_dropout": (None, lambda x: x is None or _is_share(x)),
    "initializer_range": (0.02, lambda x: _is_number(x, 1e-9, 10)),
    "layer_norm_eps": (1e-12, lambda x: _is_number(x, 1e-20, 0.1)),
}
"""Other settings: their default, and what they may be."""


def read_config(directory: Path) -> dict[str, Any]:
    """The settings of a BERT, those of `BertConfig` by its names, from config.json.

    Returns:
        All sizes and numbers that count, `pad_token_id`, and `id2label`, which maps the number of
        each label, from 0 on, to its name.

    Raises:
        ArtifactCorrupt: config.json is missing, unreadable, not of a BERT, or has a setting that
            riskclf does not compute; the message names it.
    """
    file = directory / _CONFIG_FILE
    values = read_json(file)

    def refused(name: str, what: str) -> ArtifactCorrupt:
        return ArtifactCorrupt(f"{file}: {name} {what}; use another model, or save it again")

    kind = values.get("model_type")
    if kind != "bert":
        raise ArtifactCorrupt(
            f"{file} is of model_type {shown(repr(kind))}: riskclf computes BERT only; choose a "
            "model of model_type 'bert' with BertJapaneseTokenizer"
        )
    for name in _FOREIGN:
        if name in values:
            raise refused(name, "leads to weights or code outside model.safetensors")
    for name, value in values.items():
        if name.endswith("attn_implementation") and value not in _ATTENTIONS:
            raise refused(name, "names an attention kernel that is not transformers' own")
    for name, only in _ONLY.items():
        value = values.get(name, only)
        if type(value) is not type(only) or value != only:
            raise refused(name, f"is not {only!r}, the only value that riskclf computes")
    found: dict[str, Any] = {}
    for name, default in _SIZES.items():
        found[name] = values.get(name, default)
        if type(found[name]) is not int or found[name] < 1:
            raise refused(name, "is not a whole number of 1 or more")
    if found["hidden_size"] % found["num_attention_heads"]:
        raise refused("hidden_size", "is no multiple of num_attention_heads")
    for name, (default, is_usable) in _VALUES.items():
        found[name] = values.get(name, default)
        if isinstance(found[name], dict | list) or not is_usable(found[name]):
            raise refused(name, "has a value that no BERT has")
    pad = found["pad_token_id"] = values.get("pad_token_id", 0)
    if pad is not None and not (type(pad) is int and 0 <= pad < found["vocab_size"]):
        raise refused("pad_token_id", "is no id of the vocabulary")
    labels = values.get("id2label", {"0": "LABEL_0", "1": "LABEL_1"})
    if not isinstance(labels, dict) or not 0 < len(labels) <= _MOST_LABELS:
        raise refused("id2label", f"does not name the labels, or more than {_MOST_LABELS:,}")
    names = [labels.get(str(index)) for index in range(len(labels))]
    if not all(map(is_plain_text, names)) or len({*names}) != len(names):
        raise refused("id2label", "does not name each label in plain text, from 0 on")
    if values.get("num_labels", len(names)) != len(names):
        raise refused("num_labels", "is not the number of labels in id2label")
    found["id2label"] = dict(enumerate(names))
    return found


def check_weights(directory: Path, *, trained: bool = True) -> None:
    """`check_shapes`, and a look at every number.

    Raises:
        ArtifactCorrupt: as for `check_shapes` and `riskclf.headers.check_numbers`.
    """
    for file, tensors in check_shapes(directory, trained=trained).items():
        check_numbers(file, tensors)


def check_shapes(directory: Path, *, trained: bool = True) -> dict[Path, dict[str, Stored]]:
    """Compare config.json with the headers of the weights beside it.

    Args:
        directory: of a model.
        trained: it is a classifier as riskclf saves it, with each weight in model.safetensors and
            no other. Otherwise it is any BERT, perhaps in parts, without pooler, or with another
            head.

    Returns:
        The files with weights, and what they hold.

    Raises:
        ArtifactCorrupt: config.json asks for weights that the files do not hold, or a file is
            missing or damaged.
    """
    config = read_config(directory)
    files = {file: read_header(file) for file in _weight_files(directory, trained)}
    file = next(iter(files))
    held = {_todays_name(name): x for found in files.values() for name, x in found.items()}
    needed = 0
    for name, shape in _shapes(config, len(config["id2label"]) if trained else None):
        needed += 1
        if name not in held:
            part = "classifier" if name.startswith("classifier") else "encoder"
            raise ArtifactCorrupt(
                f"{file} lacks weights of the {part} ({name}) that config.json names: it is not a "
                "trained model, or it is damaged"
            )
        if held[name].shape != shape or not held[name].is_float:
            raise ArtifactCorrupt(
                f"{file}: the weights {name} are {_said(held[name].shape)}, and by config.json "
                f"{_said(shape)}; copy or save the model again"
            )
    if trained and len(held) > needed:
        raise ArtifactCorrupt(
            f"{file} holds more weights than config.json names: copy or save the model again"
        )
    return files


def _said(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _weight_files(directory: Path, trained: bool) -> list[Path]:
    whole, index = directory / WEIGHTS_FILE, directory / INDEX_FILE
    if trained or whole.exists() or not index.exists():
        return [whole]
    names = read_json(index).get("weight_map")
    parts: list[Any] = [*names.values()] if isinstance(names, dict) else []
    if not parts or not all(is_plain_text(x) and _PART.fullmatch(x) for x in parts):
        raise ArtifactCorrupt(
            f"{index} names weights outside model.safetensors and its parts: riskclf reads no "
            "others; save the model again"
        )
    return [directory / name for name in sorted({*parts})]


def _todays_name(name: str) -> str:
    """The name of a weight in a classifier of today: in older files some have others."""
    if not name.startswith(("bert.", "classifier.", "cls.")):
        name = f"bert.{name}"
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
        "LayerNorm.beta", "LayerNorm.bias"
    )


def _shapes(config: Mapping[str, Any], labels: int | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each weight of an encoder with its shape; with pooler and head where there are `labels`."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    for table, rows in _TABLES.items():
        yield f"bert.embeddings.{table}_embeddings.weight", (config[rows], hidden)
    yield from _norm("bert.embeddings", hidden)
    for layer in range(config["num_hidden_layers"]):
        place = f"bert.encoder.layer.{layer}"
        for name in ("query", "key", "value"):
            yield from _linear(f"{place}.attention.self.{name}", hidden, hidden)
        for name, width in (("attention.output", hidden), ("output", inner)):
            yield from _linear(f"{place}.{name}.dense", hidden, width)
            yield from _norm(f"{place}.{name}", hidden)
        yield from _linear(f"{place}.intermediate.dense", inner, hidden)
    if labels is not None:
        yield from _linear("bert.pooler.dense", hidden, hidden)
        yield from _linear("classifier", labels, hidden)


def _linear(name: str, rows: int, columns: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (rows, columns)
    yield f"{name}.bias", (rows,)


def _norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.LayerNorm.weight", (width,)
    yield f"{name}.LayerNorm.bias", (width,)
