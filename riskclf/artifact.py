"""A model on disk: a plain Hugging Face directory and `riskclf.json` beside it.

`riskclf.json` (`riskclf.manifest`) says which labels are risks, how outputs become decisions, which
normaliser and which dictionary the model was trained with, what its files hash to, and what it
computed for a few probe sentences when it was saved. All of it is checked at every load.

Fine-tuning starts from such a model, or from any BERT with that tokenizer (`locate_base`). Weights
are read from safetensors only, and no code that lies beside a model is ever run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf import hub
from riskclf.encoder import Engine, load_engine
from riskclf.errors import (
    ArtifactCorrupt,
    ArtifactMismatch,
    ArtifactNotFound,
    RiskclfError,
)
from riskclf.files import replacing_directory
from riskclf.manifest import (
    MANIFEST_FILE,
    MODEL_FILES,
    Manifest,
    is_plain_name,
    manifest_json,
    parse_manifest,
    read_manifest_json,
)
from riskclf.text import NORMALISER_VERSION
from riskclf.tokens import Tokenizer, dictionary_version

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

__all__ = [
    "PROBE_SENTENCES",
    "Artifact",
    "Base",
    "check_place",
    "copy",
    "load",
    "locate_base",
    "save",
]

# Weights that a library might read beside the model's own: refused unless riskclf.json lists them.
_WEIGHTS = ("*.safetensors", "adapter_*", "model.safetensors.index.json")

# Logits of one model differ in the sixth digit between processors and batch shapes.
_PROBE_TOLERANCE = 0.01

PROBE_SENTENCES = (
    "駅前で傘を買ったら、すぐに雨がやんだ。",
    "ﾃﾚﾋﾞのﾘﾓｺﾝがみつからない！！",
    "Does anybody know when the library opens?",
    "오늘 점심은 뭐 먹지",
    "明天一起去图书馆吧",
    "✨新刊の見本が届きました📚✨",
)
"""Harmless sentences that cover the scripts; their logits are stored with a model."""

# Nothing but the head, and the layer before it, may be new in a model that is to be fine-tuned.
_NEW_WEIGHTS = ("classifier.", "bert.pooler.")


@dataclass(frozen=True)
class Artifact:
    """A loaded model: what `RiskClassifier` is made of."""

    directory: Path
    manifest: Manifest
    tokenizer: Tokenizer
    engine: Engine
    raw: Mapping[str, Any]
    """`riskclf.json` as it is on disk."""


@dataclass(frozen=True)
class Base:
    """What fine-tuning starts from."""

    directory: Path
    manifest: Manifest | None
    """None for a plain BERT, which riskclf has not saved."""


def load(path_or_id: str | os.PathLike[str] | None, *, device: str, batch_size: int) -> Artifact:
    """Load and verify a model.

    Args:
        path_or_id: a directory, a hub id such as `someone/model`, or None for the packaged model.
        device: as for `riskclf.encoder.load_engine`.
        batch_size: likewise.

    Raises:
        ArtifactNotFound: there is no model.
        ArtifactCorrupt: a file is missing, altered or unreadable, a value is not a number, or
            weights that riskclf.json does not list lie beside the model.
        ArtifactMismatch: the model does not give the logits it was saved with.
        TokenizerError: its tokenizer cannot be used.
    """
    directory = hub.locate(path_or_id, hub.OUR_FILES)
    raw = read_manifest_json(directory)
    manifest = parse_manifest(raw, directory)
    _verify_files(directory, raw["files"])
    tokenizer = Tokenizer.load(directory)
    if _labels_in(directory) != manifest.labels:
        raise ArtifactCorrupt(
            f"{directory}: config.json and {MANIFEST_FILE} name different labels; save the model "
            "again"
        )
    engine = load_engine(directory, pad_id=tokenizer.pad_id, device=device, batch_size=batch_size)
    _verify_probes(directory, raw, tokenizer, engine)
    return Artifact(directory, manifest, tokenizer, engine, raw)


def locate_base(path_or_id: str | os.PathLike[str] | None) -> Base:
    """Find and check what fine-tuning starts from.

    A hub is asked for ids only. Where a repository there has its weights in other formats, those
    of the pull request that the hub's own bot made are taken, if it made them from the same files.
    (transformers looks for it too; but if there is none it sends the model's name and the user's
    token to a converter, and then takes a pull request of that title whoever made it.)

    Args:
        path_or_id: as for `load`; but a directory or a hub id may also hold a plain BERT with a
            `BertJapaneseTokenizer` (MeCab and WordPiece), such as
            `tohoku-nlp/bert-base-japanese-v3`, with or without a head.

    Raises:
        ArtifactNotFound: there is no model, or none in safetensors.
        ArtifactCorrupt: a file is missing, altered or unreadable, or it is not a BERT.
        ArtifactMismatch: as for `load`.
        TokenizerError: its tokenizer cannot be used.
    """
    # What is small comes first: a model of another kind may have weights of many gigabytes.
    directory = hub.locate(path_or_id, (*hub.SMALL_FILES, MANIFEST_FILE))
    if (directory / MANIFEST_FILE).is_file():
        loaded = load(path_or_id, device="cpu", batch_size=len(PROBE_SENTENCES))
        return Base(loaded.directory, loaded.manifest)
    _check_kind(directory)
    Tokenizer.load(directory)
    if path_or_id is None or Path(path_or_id).is_dir():
        if not hub.has_weights(directory):
            raise hub.no_safetensors(str(directory), (file.name for file in directory.iterdir()))
    else:
        repository = str(path_or_id)
        directory = hub.fetch(repository, hub.PLAIN_FILES)
        if not hub.has_weights(directory):
            directory = hub.fetch_converted(repository)
    _check_encoder(directory)
    return Base(directory, None)


def check_place(directory: str | os.PathLike[str]) -> None:
    """Refuse, before hours of work, a directory that `save` would refuse after them.

    Raises:
        RiskclfError: `directory` exists and is not an artifact.
    """
    target = Path(directory)
    if target.exists() and not (
        target.is_dir() and ((target / MANIFEST_FILE).is_file() or not any(target.iterdir()))
    ):
        raise RiskclfError(f"{target} exists and is not a riskclf model: choose another directory")


def save(
    directory: str | os.PathLike[str],
    *,
    model: PreTrainedModel,
    tokenizer_directory: str | os.PathLike[str],
    manifest: Manifest,
    half_precision: bool = False,
    reports: Mapping[str, str] = {},
) -> None:
    """Write a model directory that `load` and transformers can open.

    It is written beside its place and renamed. An error or Ctrl-C leaves the old directory or the
    new one; a kill between the two renames leaves the old one in a hidden directory beside it.

    Args:
        directory: where to; an artifact that is there is replaced, anything else is refused.
        model: the classifier; its `id2label` must name the manifest's labels in order.
        tokenizer_directory: holds the vocab.txt and tokenizer_config.json it was trained with.
        manifest: labels, thresholds, provenance.
        half_precision: store the weights as float16; they are still computed with as float32.
        reports: names of further text files, with their text. They are hashed and copied with the
            model; but it can be used without them.

    Raises:
        ArtifactCorrupt: the result, read back, is not usable; nothing is written.
        RiskclfError: `directory` exists and is not an artifact.
        TokenizerError: the tokenizer cannot be used.
    """
    import torch

    for name in reports:
        if not is_plain_name(name) or name in (*MODEL_FILES, MANIFEST_FILE):
            raise ValueError(f"{name!r} cannot be the name of a report")
    # It is of the right kind: below we write so for all who read the directory.
    Tokenizer.load(Path(tokenizer_directory))
    check_place(directory)
    with replacing_directory(directory) as staged:
        dtype = torch.float16 if half_precision else torch.float32
        state = {name: x.to(dtype) for name, x in model.state_dict().items()}
        with _pytorch().quietly():
            model.save_pretrained(staged, state_dict=state)
        # safetensors makes files for their owner only, which an installed package must not be.
        (staged / "model.safetensors").chmod(0o644)
        # transformers 5 would compute with float16 weights in float16.
        _change_json(staged / "config.json", dtype="float32")
        for name in ("vocab.txt", "tokenizer_config.json"):
            shutil.copyfile(Path(tokenizer_directory) / name, staged / name)
        # Older models say it in config.json, where transformers no longer writes it.
        _change_json(staged / "tokenizer_config.json", tokenizer_class="BertJapaneseTokenizer")
        for name, text in reports.items():
            (staged / name).write_bytes(text.encode("utf-8", "backslashreplace"))
        tokenizer = Tokenizer.load(staged)
        # So that transformers, too, reads "[SEP]" in a post as text, and knows where to cut.
        _change_json(
            staged / "tokenizer_config.json",
            split_special_tokens=True,
            model_max_length=tokenizer.max_tokens,
        )
        # Read back, so that the probes hold what the stored (perhaps rounded) weights compute.
        engine = load_engine(
            staged, pad_id=tokenizer.pad_id, device="cpu", batch_size=len(PROBE_SENTENCES)
        )
        logits = _probe_logits(PROBE_SENTENCES, tokenizer, engine)
        values = manifest_json(
            manifest,
            normaliser=NORMALISER_VERSION,
            dictionary={
                "name": tokenizer.dictionary,
                "version": dictionary_version(tokenizer.dictionary),
            },
            probes=[
                {"text": text, "logits": [round(float(x), 5) for x in row]}
                for text, row in zip(PROBE_SENTENCES, logits, strict=True)
            ],
            files={name: _sha256(staged / name) for name in (*MODEL_FILES, *reports)},
            roles=dict.fromkeys(reports, "report"),
        )
        (staged / MANIFEST_FILE).write_text(
            json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        load(staged, device="cpu", batch_size=len(PROBE_SENTENCES))


def copy(loaded: Artifact, directory: str | os.PathLike[str]) -> None:
    """Write a loaded model to another directory, in the way of `save`."""
    check_place(directory)
    with replacing_directory(directory) as staged:
        for name in (*loaded.raw["files"], MANIFEST_FILE):
            if name in (*MODEL_FILES, MANIFEST_FILE) or (loaded.directory / name).is_file():
                shutil.copyfile(loaded.directory / name, staged / name)


def _pytorch() -> Any:
    """By name: the spine does not depend on an engine, but what is trained is PyTorch's."""
    return import_module("riskclf.engines.pytorch")


def _check_kind(directory: Path) -> None:
    """Refuse what is no model at all, or no BERT."""
    file = directory / "config.json"
    if not file.is_file():
        raise ArtifactNotFound(
            f"{directory} is not a model, it has neither {MANIFEST_FILE} nor config.json: give the "
            "directory that riskclf saved, or that of a BERT"
        )
    kind = _pytorch().read_config(directory).get("model_type")
    if kind != "bert":
        raise ArtifactCorrupt(
            f"{file} is of model_type {kind!r}: riskclf fine-tunes BERT only; choose a model of "
            "model_type 'bert' with BertJapaneseTokenizer"
        )


def _check_encoder(directory: Path) -> None:
    """Refuse a plain BERT that lacks weights of its encoder, or has some that are no numbers."""
    pytorch = _pytorch()
    model, missing = pytorch.open_classifier(directory, ignore_mismatched_sizes=True)
    if any(not name.startswith(_NEW_WEIGHTS) for name in missing):
        raise ArtifactCorrupt(
            f"{directory / 'model.safetensors'} lacks weights of the encoder: it is not a trained "
            "model, or it is damaged"
        )
    pytorch.check_finite(model, directory)


def _labels_in(directory: Path) -> tuple[str, ...]:
    """The labels of config.json, in the order of the logits."""
    names = _pytorch().read_config(directory).get("id2label")
    try:
        return tuple(names[str(index)] for index in range(len(names)))
    except (KeyError, TypeError):
        raise ArtifactCorrupt(
            f"{directory / 'config.json'}: id2label does not name the labels; save the model again"
        ) from None


def _verify_files(directory: Path, hashes: Mapping[str, str]) -> None:
    for name in hashes:
        file = directory / name
        if not file.is_file():
            if name not in MODEL_FILES:
                continue  # a report: the model computes the same without it
            raise ArtifactCorrupt(f"{file} is missing: copy the whole model directory again")
        if _sha256(file) != hashes[name]:
            raise ArtifactCorrupt(
                f"{file} is not the file that was saved, its SHA-256 differs: copy the model again"
            )
    for file in sorted(directory.iterdir()):
        if file.name not in hashes and any(fnmatchcase(file.name, x) for x in _WEIGHTS):
            raise ArtifactCorrupt(
                f"{file} holds weights that {MANIFEST_FILE} does not list: remove it, or copy the "
                "model again"
            )


def _probe_logits(
    texts: Sequence[str], tokenizer: Tokenizer, engine: Engine
) -> NDArray[np.float32]:
    return engine.compute([tokenizer.encode(text).head.ids for text in texts]).logits


def _verify_probes(
    directory: Path, raw: Mapping[str, Any], tokenizer: Tokenizer, engine: Engine
) -> None:
    stored = np.array([probe["logits"] for probe in raw["probes"]])
    found = _probe_logits([probe["text"] for probe in raw["probes"]], tokenizer, engine)
    if np.abs(stored - found).max() <= _PROBE_TOLERANCE:
        return
    saved = (raw["normaliser"], raw["dictionary"]["version"])
    here = (NORMALISER_VERSION, dictionary_version(tokenizer.dictionary))
    raise ArtifactMismatch(
        f"{directory} does not compute what it was saved with: it was saved with normaliser "
        f"{saved[0]} and {tokenizer.dictionary} {saved[1]}, here are {here[0]} and {here[1]}; "
        "install those versions or train it again"
    )


def _change_json(file: Path, **changes: Any) -> None:
    values = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    file.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
