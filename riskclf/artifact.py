"""A model on disk: a plain Hugging Face directory and `riskclf.json` beside it.

`riskclf.json` says which labels are risks, how logits become decisions, which normaliser and which
dictionary the model was trained with, what its files hash to, and what it computed for a few probe
sentences when it was saved. All of it is checked at every load.

Fine-tuning starts from such a model, or from any BERT with that tokenizer (`locate_base`). Weights
are read from safetensors only, and no code that lies beside a model is ever run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.decide import OperatingPoint
from riskclf.encoder import TorchEncoder, quietly
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

__all__ = [
    "PROBE_SENTENCES",
    "Artifact",
    "Base",
    "Card",
    "check_place",
    "copy",
    "load",
    "locate_base",
    "save",
]

_FORMAT = 2
_CARD_FILE = "riskclf.json"
_MODEL_FILES = ("config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt")

_SMALL_FILES = ("config.json", "tokenizer_config.json", "vocab.txt")
_INDEX_FILE = "model.safetensors.index.json"

# What is fetched from a hub, of a model of ours (with its reports) and of a plain BERT: never a
# file that holds code or a pickle.
_OUR_FILES = (*_MODEL_FILES, _CARD_FILE, "finetuning.*", "report.*")
_PLAIN_FILES = (*_MODEL_FILES, _INDEX_FILE, "model-*.safetensors")

_PICKLED = "pytorch_model*.bin"
_OTHER_WEIGHTS = (_PICKLED, "tf_model*.h5", "flax_model*.msgpack")

# The hub's own bot proposes, as a pull request, weights in safetensors to those who have others.
_CONVERTER = "SFconvertbot"

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

# Nothing but the head, and the layer before it, may be new in a model that is to be fine-tuned.
_NEW_WEIGHTS = ("classifier.", "bert.pooler.")


@dataclass(frozen=True)
class Card:
    """What `riskclf.json` says beside the files themselves."""

    labels: tuple[str, ...]
    """In the order of the logits."""
    risk_labels: tuple[str, ...]
    """Those of them whose probabilities add up to the risk. None of them for a model of topics, of
    which no post is a risk; if all of them, the risk of every post is 1."""
    operating_points: Mapping[str, OperatingPoint]
    """By name; the first is used unless another is asked for. Empty without risk labels."""
    temperature: float
    prevalence: float
    """Share of risky posts among those that temperature and thresholds were chosen on: the base
    rate that the probabilities belong to. Between 0 and 1; exactly 0 without risk labels."""
    bias: float = 0.0
    """Added to the log-odds of the risk after the temperature; 0 without risk labels."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Base, data, recipe, licence: whatever tells where the model comes from. JSON values."""
    accepted: bool = True
    """False for a fine-tuned model that has lost what the model before it found."""


@dataclass(frozen=True)
class Artifact:
    """A loaded model: what `RiskClassifier` is made of."""

    directory: Path
    card: Card
    tokenizer: Tokenizer
    encoder: TorchEncoder
    manifest: Mapping[str, Any]
    """`riskclf.json` as it is on disk."""


@dataclass(frozen=True)
class Base:
    """What fine-tuning starts from."""

    directory: Path
    card: Card | None
    """None for a plain BERT, which riskclf has not saved."""


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
    directory = _locate(path_or_id, _OUR_FILES)
    manifest = _read_manifest(directory)
    card = _read_card(manifest, directory)
    _verify_files(directory, manifest["files"])
    tokenizer = Tokenizer.load(directory)
    model = _read_model(directory, new=())
    if tuple(name for _, name in sorted(model.config.id2label.items())) != card.labels:
        raise ArtifactCorrupt(
            f"{directory}: config.json and {_CARD_FILE} name different labels; save the model again"
        )
    encoder = TorchEncoder(model, pad_id=tokenizer.pad_id, device=device, batch_size=batch_size)
    _verify_probes(directory, manifest, tokenizer, encoder)
    return Artifact(directory, card, tokenizer, encoder, manifest)


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
    directory = _locate(path_or_id, (*_SMALL_FILES, _CARD_FILE))
    if (directory / _CARD_FILE).is_file():
        loaded = load(path_or_id, device="cpu", batch_size=len(PROBE_SENTENCES))
        return Base(loaded.directory, loaded.card)
    _check_kind(directory)
    Tokenizer.load(directory)
    if path_or_id is None or Path(path_or_id).is_dir():
        if not _has_weights(directory):
            raise _no_safetensors(str(directory), (file.name for file in directory.iterdir()))
    else:
        repository = str(path_or_id)
        directory = _fetch(repository, _PLAIN_FILES)
        if not _has_weights(directory):
            directory = _fetch_converted(repository)
    _read_model(directory, new=_NEW_WEIGHTS)
    return Base(directory, None)


def check_place(directory: str | os.PathLike[str]) -> None:
    """Refuse, before hours of work, a directory that `save` would refuse after them.

    Raises:
        RiskclfError: `directory` exists and is not an artifact.
    """
    target = Path(directory)
    if target.exists() and not (
        target.is_dir() and ((target / _CARD_FILE).is_file() or not any(target.iterdir()))
    ):
        raise RiskclfError(f"{target} exists and is not a riskclf model: choose another directory")


def save(
    directory: str | os.PathLike[str],
    *,
    model: PreTrainedModel,
    tokenizer_directory: str | os.PathLike[str],
    card: Card,
    half_precision: bool = False,
    extra_files: Mapping[str, str] = {},
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
        extra_files: names of further files, such as a report, with their text. They are hashed and
            copied with the model; but it can be used without them.

    Raises:
        ArtifactCorrupt: the result, read back, is not usable; nothing is written.
        RiskclfError: `directory` exists and is not an artifact.
        TokenizerError: the tokenizer cannot be used.
    """
    import torch

    for name in extra_files:
        if not _is_plain_name(name) or name in (*_MODEL_FILES, _CARD_FILE):
            raise ValueError(f"{name!r} cannot be the name of an extra file")
    # It is of the right kind: below we write so for all who read the directory.
    Tokenizer.load(Path(tokenizer_directory))

    with _staged(Path(directory)) as staged:
        dtype = torch.float16 if half_precision else torch.float32
        state = {name: x.to(dtype) for name, x in model.state_dict().items()}
        with quietly():
            model.save_pretrained(staged, state_dict=state)
        # safetensors makes files for their owner only, which an installed package must not be.
        (staged / "model.safetensors").chmod(0o644)
        # transformers 5 would compute with float16 weights in float16.
        _change_json(staged / "config.json", dtype="float32")
        for name in ("vocab.txt", "tokenizer_config.json"):
            shutil.copyfile(Path(tokenizer_directory) / name, staged / name)
        # Older models say it in config.json, where transformers no longer writes it.
        _change_json(staged / "tokenizer_config.json", tokenizer_class="BertJapaneseTokenizer")
        for name, text in extra_files.items():
            (staged / name).write_bytes(text.encode("utf-8", "backslashreplace"))
        tokenizer = Tokenizer.load(staged)
        # So that transformers, too, reads "[SEP]" in a post as text, and knows where to cut.
        _change_json(
            staged / "tokenizer_config.json",
            split_special_tokens=True,
            model_max_length=tokenizer.max_tokens,
        )
        # Read back, so that the probes hold what the stored (perhaps rounded) weights compute.
        encoder = TorchEncoder(
            _read_model(staged, new=()),
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
            "files": {name: _sha256(staged / name) for name in (*_MODEL_FILES, *extra_files)},
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
        for name in (*loaded.manifest["files"], _CARD_FILE):
            if name in (*_MODEL_FILES, _CARD_FILE) or (loaded.directory / name).is_file():
                shutil.copyfile(loaded.directory / name, staged / name)


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """An empty directory that takes the place of `target` when the block ends without an error."""
    check_place(target)
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


def _locate(path_or_id: str | os.PathLike[str] | None, wanted: Sequence[str]) -> Path:
    """The directory of a model; of a hub's, the files whose names fit one of `wanted` are had."""
    if path_or_id is None:
        return Path(str(resources.files("riskclf"))) / "default_model"
    directory = Path(path_or_id)
    if str(path_or_id) and directory.is_dir():
        return directory
    if not isinstance(path_or_id, str) or not _HUB_ID.fullmatch(path_or_id) or directory.exists():
        raise ArtifactNotFound(
            f"there is no model directory {str(path_or_id)!r}: give the directory of a "
            "model, a hub id such as name/model, or nothing for the packaged model"
        )
    return _fetch(path_or_id, wanted)


def _fetch(repository: str, wanted: Sequence[str], revision: str | None = None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=[*wanted]))
    except Exception as error:  # the client raises some twenty kinds, network errors included
        raise ArtifactNotFound(
            f"{repository!r} is no directory here and could not be had from the hub "
            f"({type(error).__name__}): check the name and the network"
        ) from error


def _fetch_converted(repository: str) -> Path:
    """The same model with the weights that the hub's bot converted to safetensors.

    Whoever may open a pull request may give it any title, so it counts who made it; and as the
    model may have changed since, it counts that the bot's branch still holds the files of today.
    """
    from huggingface_hub import HfApi

    api = HfApi()

    def blobs(revision: str | None = None) -> dict[str, str]:
        files = api.list_repo_tree(repository, revision=revision)
        return {file.path: getattr(file, "blob_id", "") for file in files}

    def originals(files: Mapping[str, str]) -> dict[str, str]:
        return {name: x for name, x in files.items() if _fits(name, (_PICKLED, *_SMALL_FILES))}

    try:
        today = blobs()
        if any(_fits(name, (_PICKLED,)) for name in today):
            for pull in api.get_repo_discussions(
                repository, author=_CONVERTER, discussion_type="pull_request"
            ):
                if pull.author != _CONVERTER or pull.status != "open" or not pull.git_reference:
                    continue
                # The commit, not the branch: what is compared is what is fetched.
                commit = api.model_info(repository, revision=pull.git_reference).sha
                if commit and originals(blobs(commit)) == originals(today):
                    directory = _fetch(repository, _PLAIN_FILES, commit)
                    if _has_weights(directory):
                        return directory
    except ArtifactNotFound:
        raise
    except Exception as error:  # see _fetch
        raise ArtifactNotFound(
            f"{repository!r} came without model.safetensors, and the hub could not be asked for a "
            f"conversion ({type(error).__name__}): check the network, or give a directory that has "
            "it"
        ) from error
    raise _no_safetensors(repository, today)


def _no_safetensors(name: str, files: Iterable[str]) -> ArtifactNotFound:
    others = sorted(file for file in files if _fits(file, _OTHER_WEIGHTS))
    if not others:
        return ArtifactNotFound(
            f"{name} holds no weights: a model directory has config.json, model.safetensors, "
            "tokenizer_config.json and vocab.txt; copy the model again"
        )
    return ArtifactNotFound(
        f"{name} has its weights as {others[0]} and not as model.safetensors; riskclf reads no "
        "other format, since reading it may run code: convert it where you trust it, with "
        "AutoModel.from_pretrained(...).save_pretrained(DIRECTORY) of transformers, put "
        "tokenizer_config.json and vocab.txt beside it, and give that directory"
    )


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_plain_name(name: str) -> bool:
    """Of a file in the directory itself, on every system."""
    return name not in ("", ".", "..") and not set(name) & set("/\\:\0")


def _has_weights(directory: Path) -> bool:
    return any((directory / name).is_file() for name in ("model.safetensors", _INDEX_FILE))


def _check_kind(directory: Path) -> None:
    """Refuse what is no model at all, or no BERT."""
    file = directory / "config.json"
    if not file.is_file():
        raise ArtifactNotFound(
            f"{directory} is not a model, it has neither {_CARD_FILE} nor "
            "config.json: give the directory that riskclf saved, or that of a BERT"
        )
    kind = _read_config(directory).get("model_type")
    if kind != "bert":
        raise ArtifactCorrupt(
            f"{file} is of model_type {kind!r}: riskclf fine-tunes BERT only; choose a model of "
            "model_type 'bert' with BertJapaneseTokenizer"
        )


def _read_config(directory: Path) -> dict[str, Any]:
    file = directory / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactCorrupt(
            f"{file} cannot be read ({type(error).__name__}): copy or save the model again"
        ) from None
    if not isinstance(config, dict):
        raise ArtifactCorrupt(f"{file} is not a JSON object: copy or save the model again")
    return config


def _check_safetensors_only(directory: Path) -> None:
    """Refuse a directory that leads transformers to weights of another format."""
    index = directory / _INDEX_FILE
    names = []
    if index.is_file() and not (directory / "model.safetensors").is_file():
        try:
            names = [*json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()]
        except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
            raise ArtifactCorrupt(
                f"{index} cannot be read ({type(error).__name__}): copy the model again"
            ) from None
    if "transformers_weights" in _read_config(directory) or not all(
        isinstance(name, str) and _is_plain_name(name) and name.endswith(".safetensors")
        for name in names
    ):
        raise ArtifactCorrupt(
            f"{directory} names weights outside model.safetensors and its parts: riskclf reads no "
            "others; save the model again"
        )


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
            bias=float(manifest.get("bias", 0.0)),
            provenance=dict(manifest["provenance"]),
            accepted=manifest.get("accepted", True),
        )
        if card.risk_labels:
            decides = len(card.operating_points) > 0 and 0 < card.prevalence < 1
        else:
            decides = len(card.operating_points) == 0 and card.prevalence == card.bias == 0
        complete = (
            set(card.risk_labels) <= set(card.labels)
            and card.temperature > 0
            and np.isfinite(card.bias)
            and decides
            and isinstance(card.accepted, bool)
            and isinstance(manifest["files"], dict)
            and set(_MODEL_FILES) <= set(manifest["files"])
            and all(map(_is_plain_name, manifest["files"]))
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
        raise ArtifactCorrupt(
            f"{directory / _CARD_FILE} is incomplete or contradicts itself: save the model again"
        )
    return card


def _verify_files(directory: Path, hashes: Mapping[str, str]) -> None:
    for name in hashes:
        file = directory / name
        if not file.is_file():
            if name not in _MODEL_FILES:
                continue  # a report: the model computes the same without it
            raise ArtifactCorrupt(f"{file} is missing: copy the whole model directory again")
        if _sha256(file) != hashes[name]:
            raise ArtifactCorrupt(
                f"{file} is not the file that was saved, its SHA-256 differs: copy the model again"
            )


def _read_model(directory: Path, *, new: tuple[str, ...]) -> Any:
    """The classifier; weights whose names begin like one of `new` may be lacking."""
    import torch
    from transformers import AutoModelForSequenceClassification

    _check_safetensors_only(directory)
    try:
        with quietly():
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
    missing = [name for name in loading["missing_keys"] if not name.startswith(new)]
    if missing or loading["mismatched_keys"]:
        raise ArtifactCorrupt(
            f"{directory / 'model.safetensors'} lacks weights of the "
            f"{'encoder' if new else 'classifier'}: it is not a trained model, or it is damaged"
        )
    return model


def _probe_logits(texts: Sequence[str], tokenizer: Tokenizer, encoder: TorchEncoder) -> Any:
    return encoder.logits([tokenizer.encode(text).head for text in texts])


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


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
