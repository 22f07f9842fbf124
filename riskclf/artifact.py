"""A model on disk: a plain Hugging Face directory and `riskclf.json` beside it.

`riskclf.json` says which labels are risks, how logits become decisions, which normaliser and which
dictionary the model was trained with, what its files hash to, and what it computed for a few probe
sentences when it was saved. All of it is checked at every load.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.decide import OperatingPoint
from riskclf.encoder import TorchEncoder
from riskclf.errors import (
    ArtifactCorrupt,
    ArtifactMismatch,
    ArtifactNotFound,
    OperatingPointError,
    RiskclfError,
)
from riskclf.text import NORMALISER_VERSION
from riskclf.tokens import Tokenizer, dictionary_version

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["PROBE_SENTENCES", "Artifact", "Card", "copy", "load", "save"]

_FORMAT = 2
_CARD_FILE = "riskclf.json"
_MODEL_FILES = ("config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt")

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

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class Card:
    """What `riskclf.json` says beside the files themselves."""

    labels: tuple[str, ...]
    """In the order of the logits."""
    risk_labels: tuple[str, ...]
    """Those of them whose probabilities add up to the risk."""
    operating_points: Mapping[str, OperatingPoint]
    """By name; the first is used unless another is asked for."""
    temperature: float
    prevalence: float
    """Share of risky posts among those that temperature and thresholds were chosen on: the base
    rate that the probabilities belong to."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Base, data, recipe, licence: whatever tells where the model comes from. JSON values."""


@dataclass(frozen=True)
class Artifact:
    """A loaded model: what `RiskClassifier` is made of."""

    directory: Path
    card: Card
    tokenizer: Tokenizer
    encoder: TorchEncoder
    manifest: Mapping[str, Any]
    """`riskclf.json` as it is on disk."""


def load(path_or_id: str | os.PathLike[str] | None, *, device: str, batch_size: int) -> Artifact:
    """Load and verify a model.

    Args:
        path_or_id: a directory, a hub id such as `someone/model`, or None for the packaged model.
        device: as for `TorchEncoder`.
        batch_size: as for `TorchEncoder`.

    Raises:
        ArtifactNotFound: there is no model.
        ArtifactCorrupt: a file is missing, altered or unreadable.
        ArtifactMismatch: the model does not give the logits it was saved with.
        TokenizerError: its tokenizer cannot be used.
    """
    directory = _locate(path_or_id)
    manifest = _read_manifest(directory)
    card = _read_card(manifest, directory)
    _verify_files(directory, manifest["files"])
    tokenizer = Tokenizer.load(directory)
    model = _read_model(directory)
    if tuple(name for _, name in sorted(model.config.id2label.items())) != card.labels:
        raise ArtifactCorrupt(
            f"{directory}: config.json and {_CARD_FILE} name different labels; save the model again"
        )
    encoder = TorchEncoder(model, pad_id=tokenizer.pad_id, device=device, batch_size=batch_size)
    _verify_probes(directory, manifest, tokenizer, encoder)
    return Artifact(directory, card, tokenizer, encoder, manifest)


def save(
    directory: str | os.PathLike[str],
    *,
    model: PreTrainedModel,
    tokenizer_directory: str | os.PathLike[str],
    card: Card,
    half_precision: bool = False,
) -> None:
    """Write a model directory that `load` and transformers can open.

    It is written beside and renamed. An error or Ctrl-C leaves the old directory or the new one; a
    kill between the two renames leaves the old one in a hidden directory beside it.

    Args:
        directory: where to; an artifact that is there is replaced, anything else is refused.
        model: the classifier; its `id2label` must name `card.labels` in order.
        tokenizer_directory: holds the vocab.txt and tokenizer_config.json it was trained with.
        card: labels, thresholds, provenance.
        half_precision: store the weights as float16; they are still computed with as float32.

    Raises:
        ArtifactCorrupt: the result, read back, is not usable; nothing is written.
        RiskclfError: `directory` exists and is not an artifact.
    """
    import torch

    with _staged(Path(directory)) as staged:
        dtype = torch.float16 if half_precision else torch.float32
        state = {name: x.to(dtype) for name, x in model.state_dict().items()}
        with _no_progress_bars():
            model.save_pretrained(staged, state_dict=state)
        # safetensors makes files for their owner only, which an installed package must not be.
        (staged / "model.safetensors").chmod(0o644)
        # transformers 5 would compute with float16 weights in float16.
        _change_json(staged / "config.json", dtype="float32")
        for name in ("vocab.txt", "tokenizer_config.json"):
            shutil.copyfile(Path(tokenizer_directory) / name, staged / name)
        tokenizer = Tokenizer.load(staged)
        # So that transformers, too, reads "[SEP]" in a post as text, and knows where to cut.
        _change_json(
            staged / "tokenizer_config.json",
            split_special_tokens=True,
            model_max_length=tokenizer.max_tokens,
        )
        # Read back, so that the probes hold what the stored (perhaps rounded) weights compute.
        encoder = TorchEncoder(
            _read_model(staged),
            pad_id=tokenizer.pad_id,
            device="cpu",
            batch_size=len(PROBE_SENTENCES),
        )
        manifest = {
            "format": _FORMAT,
            **{key: value for key, value in asdict(card).items() if key != "provenance"},
            "normaliser": NORMALISER_VERSION,
            "dictionary": {
                "name": tokenizer.dictionary,
                "version": dictionary_version(tokenizer.dictionary),
            },
            "probes": [
                {"text": text, "logits": [round(float(x), 5) for x in row]}
                for text, row in zip(
                    PROBE_SENTENCES, _probe_logits(PROBE_SENTENCES, tokenizer, encoder), strict=True
                )
            ],
            "files": {name: _sha256(staged / name) for name in _MODEL_FILES},
            "provenance": card.provenance,
        }
        manifest["digest"] = _digest(manifest)
        (staged / _CARD_FILE).write_text(
            json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        load(staged, device="cpu", batch_size=len(PROBE_SENTENCES))


def copy(loaded: Artifact, directory: str | os.PathLike[str]) -> None:
    """Write a loaded model to another directory, in the way of `save`."""
    with _staged(Path(directory)) as staged:
        for name in (*_MODEL_FILES, _CARD_FILE):
            shutil.copyfile(loaded.directory / name, staged / name)


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """An empty directory that takes the place of `target` when the block ends without an error."""
    if target.exists() and not (
        target.is_dir() and ((target / _CARD_FILE).is_file() or not any(target.iterdir()))
    ):
        raise RiskclfError(f"{target} exists and is not a riskclf model: choose another directory")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        staged = Path(scratch) / "new"
        staged.mkdir()
        yield staged
        old = Path(scratch) / "old"
        if target.exists():
            target.rename(old)
        try:
            staged.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise


def _locate(path_or_id: str | os.PathLike[str] | None) -> Path:
    if path_or_id is None:
        return Path(str(resources.files("riskclf"))) / "default_model"
    directory = Path(path_or_id)
    if str(path_or_id) and directory.is_dir():
        return directory
    if not isinstance(path_or_id, str) or not _HUB_ID.fullmatch(path_or_id) or directory.exists():
        raise ArtifactNotFound(
            f"there is no model directory {str(path_or_id)!r}: give a directory that holds "
            f"{_CARD_FILE}, a hub id such as name/model, or nothing for the packaged model"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(path_or_id, allow_patterns=[*_MODEL_FILES, _CARD_FILE]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ArtifactNotFound(
            f"{path_or_id!r} is no directory here and could not be had from the hub "
            f"({type(error).__name__}): check the name and the network"
        ) from error


def _read_manifest(directory: Path) -> dict[str, Any]:
    file = directory / _CARD_FILE
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactNotFound(
            f"{directory} is not a riskclf model, it has no {_CARD_FILE}: give the directory that "
            "riskclf saved"
        ) from None
    except (OSError, ValueError) as error:
        raise ArtifactCorrupt(
            f"{file} cannot be read ({type(error).__name__}): copy or save the model again"
        ) from None
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        raise ArtifactCorrupt(
            f"{file} is not of format {_FORMAT}: it comes from another version of riskclf; install "
            "that version or save the model again"
        )
    if manifest.get("digest") != _digest(manifest):
        raise ArtifactCorrupt(
            f"{file} is not the file that was saved, its digest differs: copy the model again"
        )
    return manifest


def _read_card(manifest: Mapping[str, Any], directory: Path) -> Card:
    try:
        card = Card(
            labels=tuple(manifest["labels"]),
            risk_labels=tuple(manifest["risk_labels"]),
            operating_points={
                str(name): OperatingPoint(**point)
                for name, point in manifest["operating_points"].items()
            },
            temperature=float(manifest["temperature"]),
            prevalence=float(manifest["prevalence"]),
            provenance=dict(manifest["provenance"]),
        )
        complete = (
            set(card.risk_labels) <= set(card.labels)
            and card.temperature > 0
            and len(card.operating_points) > 0
            and 0 < card.prevalence < 1
            and isinstance(manifest["files"], dict)
            and set(_MODEL_FILES) <= set(manifest["files"])
            and isinstance(manifest["normaliser"], str)
            and isinstance(manifest["dictionary"]["version"], str)
            and all(isinstance(probe["text"], str) for probe in manifest["probes"])
            and np.array([probe["logits"] for probe in manifest["probes"]], dtype=float).shape
            == (len(manifest["probes"]), len(card.labels))
        )
    except (AttributeError, KeyError, TypeError, ValueError, OperatingPointError) as error:
        raise ArtifactCorrupt(
            f"{directory / _CARD_FILE} cannot be used ({type(error).__name__}: {error}): copy or "
            "save the model again"
        ) from None
    if not complete:
        raise ArtifactCorrupt(f"{directory / _CARD_FILE} is incomplete: save the model again")
    return card


def _verify_files(directory: Path, hashes: Mapping[str, str]) -> None:
    for name in _MODEL_FILES:
        file = directory / name
        if not file.is_file():
            raise ArtifactCorrupt(f"{file} is missing: copy the whole model directory again")
        if _sha256(file) != hashes[name]:
            raise ArtifactCorrupt(
                f"{file} is not the file that was saved, its SHA-256 differs: copy the model again"
            )


def _read_model(directory: Path) -> Any:
    import torch
    from transformers import AutoModelForSequenceClassification

    try:
        with _no_progress_bars():
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                directory,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:
        # transformers and safetensors raise a dozen unrelated types for an unusable directory.
        raise ArtifactCorrupt(
            f"{directory} does not load as a sequence classifier ({type(error).__name__}): copy or "
            "save the model again"
        ) from error
    # transformers fills missing weights with random numbers and only logs it.
    if loading["missing_keys"] or loading["mismatched_keys"]:
        raise ArtifactCorrupt(
            f"{directory / 'model.safetensors'} lacks weights of the classifier: it is not a "
            "trained model, or it is damaged"
        )
    return model


def _probe_logits(texts: Sequence[str], tokenizer: Tokenizer, encoder: TorchEncoder) -> Any:
    return encoder.logits([tokenizer.encode(text).windows[0] for text in texts])


def _verify_probes(
    directory: Path, manifest: Mapping[str, Any], tokenizer: Tokenizer, encoder: TorchEncoder
) -> None:
    stored = np.array([probe["logits"] for probe in manifest["probes"]])
    texts = [probe["text"] for probe in manifest["probes"]]
    found = _probe_logits(texts, tokenizer, encoder)
    if np.abs(stored - found).max() <= _PROBE_TOLERANCE:
        return
    saved = (manifest["normaliser"], manifest["dictionary"]["version"])
    here = (NORMALISER_VERSION, dictionary_version(tokenizer.dictionary))
    raise ArtifactMismatch(
        f"{directory} does not compute what it was saved with: it was saved with normaliser "
        f"{saved[0]} and {tokenizer.dictionary} {saved[1]}, here are {here[0]} and {here[1]}; "
        "install those versions or train it again"
    )


def _change_json(file: Path, **changes: Any) -> None:
    values = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    file.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of all of `riskclf.json` but the digest itself."""
    content = {name: x for name, x in manifest.items() if name != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """transformers shows a bar for every load and save, however small the model."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
