"""A model on disk: a plain Hugging Face directory and `riskclf.json` beside it.

`riskclf.json` (`riskclf.manifest`) says which labels are risks, how outputs become decisions, which
normaliser and which dictionary the model was trained with, what its files hash to, and what it
computed for a few probe sentences when it was saved. All of it is checked at every load.

Weights are read from safetensors only, and no code that lies beside a model is ever run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskclf import hub, probes, signatures
from riskclf.aspects import Heads
from riskclf.bert import check_weights, read_config
from riskclf.decide import OperatingPoint
from riskclf.encoder import ENGINES, Engine, engines_to_try, load_engine
from riskclf.errors import ArtifactCorrupt, ArtifactError, RiskclfError
from riskclf.experts import NO_EXPERTS, Experts
from riskclf.files import replacing_directory
from riskclf.hashes import sha256, verify_files
from riskclf.manifest import (
    MANIFEST_FILE,
    MODEL_FILES,
    SIGNATURE_FILE,
    Manifest,
    digest,
    is_plain_name,
    manifest_json,
    parse_manifest,
    read_manifest_json,
    write_manifest,
)
from riskclf.mecab import dictionary_version
from riskclf.modelfiles import read_json
from riskclf.probes import PROBE_SENTENCES
from riskclf.text import NORMALISER_VERSION
from riskclf.tokens import Tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = [
    "Artifact",
    "check_place",
    "copy",
    "load",
    "opened",
    "save",
    "sign",
]

# The name of an operating point that a user has chosen.
_OWN = "own"


@dataclass(frozen=True)
class Artifact:
    """A loaded model: what `RiskClassifier` is made of."""

    directory: Path
    manifest: Manifest
    tokenizer: Tokenizer
    engine: Engine
    raw: Mapping[str, Any]
    """`riskclf.json` as it is on disk."""
    experts: Experts = NO_EXPERTS
    aspects: Heads | None = None
    """Heads of the questions behind the label; None where the model has none."""
    engine_name: str = ENGINES[0]
    """One of `riskclf.encoder.ENGINES`."""


def load(
    path_or_id: str | os.PathLike[str] | None,
    *,
    device: str,
    batch_size: int,
    engine: str = ENGINES[0],
    revision: str | None = None,
    threads: int | None = None,
    public_key: str | os.PathLike[str] | None = None,
) -> Artifact:
    """Load and verify a model.

    Args:
        path_or_id: a directory, a hub id such as `someone/model`, or None for the packaged model.
        device: as for `riskclf.encoder.load_engine`.
        batch_size: likewise.
        engine: one of `riskclf.encoder.ENGINES`; or "auto" for the fastest one that can be used
            here, for which the model has files, and which computes here what was saved.
        revision: of a hub id: a branch, a tag or a commit.
        threads: as for `riskclf.encoder.load_engine`.
        public_key: file of the key that must have signed the model; None: the one that the variable
            `riskclf.signatures.VARIABLE` names, for all but the packaged model, or none.

    Raises:
        ArtifactNotFound: there is no model.
        ArtifactCorrupt: a file is missing, altered or unreadable, a value is not a number, or
            weights that riskclf.json does not list lie beside the model.
        ArtifactMismatch: the model does not give the logits it was saved with.
        InputError: there is no such engine, the model has no files for it, or it cannot use the
            device.
        MissingExtra: the engine's package, or the one for signatures, is not installed.
        SignatureError: the model is not signed by the key.
        TokenizerError: its tokenizer cannot be used.
    """
    directory = hub.locate(path_or_id, hub.OUR_FILES, revision)
    return opened(
        directory,
        signatures.wanted_key(directory, public_key),
        device=device,
        batch_size=batch_size,
        engine=engine,
        threads=threads,
    )


def opened(
    directory: Path,
    key: str | os.PathLike[str] | None,
    *,
    device: str,
    batch_size: int,
    engine: str = ENGINES[0],
    threads: int | None = None,
) -> Artifact:
    """Load and verify the model of a directory, for `load` and for what is made here.

    Args:
        directory: of the model.
        key: file of the public key that must have signed it; None: it need not be signed.
        device: as for `load`.
        batch_size: likewise.
        engine: likewise.
        threads: likewise.

    Raises:
        RiskclfError: as for `load`.
    """
    raw = read_manifest_json(directory)
    if key is not None:
        signatures.verify(directory, raw["digest"], key)
    manifest = parse_manifest(raw, directory)
    verify_files(directory, raw["files"], raw.get("roles", {}))
    check_weights(directory)
    tokenizer = Tokenizer.load(directory)
    config = read_config(directory)
    if tuple(config["id2label"].values()) != manifest.labels:
        raise ArtifactCorrupt(
            f"{directory}: config.json and {MANIFEST_FILE} name different labels; save the model "
            "again"
        )
    files = _by_role(directory, raw.get("roles", {}))
    hidden = config["hidden_size"]
    experts = Experts.load(files, len(manifest.labels), hidden)
    if manifest.stacker is not None and not {*manifest.stacker.experts} <= experts.names:
        raise ArtifactCorrupt(
            f"{directory / MANIFEST_FILE} names an expert whose file is missing: copy the whole "
            "model directory again"
        )
    aspects = Heads.load(files["aspects"], hidden) if "aspects" in files else None
    *faster, last = engines_to_try(engine, directory, raw["files"], device)

    def loaded_into(name: str) -> Artifact:
        computing = load_engine(
            directory,
            pad_id=tokenizer.pad_id,
            device=device,
            batch_size=batch_size,
            threads=threads,
            name=name,
        )
        probes.verify(directory, raw, tokenizer, computing, experts, name)
        return Artifact(directory, manifest, tokenizer, computing, raw, experts, aspects, name)

    for name in faster:
        # Another processor or another version of the engine's package may not compute the same.
        with contextlib.suppress(ArtifactError):
            return loaded_into(name)
    return loaded_into(last)


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
    experts: Experts = NO_EXPERTS,
    aspects: Heads | None = None,
    support: Heads | None = None,
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
        experts: beside the transformer; those that the manifest's stacker reads.
        aspects: heads of the questions behind the label.
        support: the head that tells whether an apparent child seeks help; in a file of its own,
            which `load` does not read.
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
        parts = {
            "ngrams": experts.ngrams,
            "neighbours": experts.neighbours,
            "aspects": aspects,
            "support": support,
        }
        roles = dict.fromkeys(reports, "report")
        for role, part in parts.items():
            if part is not None:
                part.save(staged / f"{role}.safetensors")
                (staged / f"{role}.safetensors").chmod(0o644)
                roles[f"{role}.safetensors"] = role
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
        hidden = read_config(staged)["hidden_size"]
        stored = Experts.load(_by_role(staged, roles), len(manifest.labels), hidden)
        found = probes.outputs(PROBE_SENTENCES, tokenizer, engine, stored)
        values = manifest_json(
            manifest,
            normaliser=NORMALISER_VERSION,
            dictionary={
                "name": tokenizer.dictionary,
                "version": dictionary_version(tokenizer.dictionary),
            },
            probes=probes.written(PROBE_SENTENCES, found),
            files={name: sha256(staged / name) for name in (*MODEL_FILES, *roles)},
            roles=roles,
        )
        write_manifest(staged, values)
        # A new model has no signature yet.
        opened(staged, None, device="cpu", batch_size=len(PROBE_SENTENCES))


def copy(
    loaded: Artifact,
    directory: str | os.PathLike[str],
    point: OperatingPoint | None = None,
    *,
    engine: str | None = None,
    engine_files: Mapping[str, Path] = {},
    built: Mapping[str, Any] = {},
) -> None:
    """Write a loaded model to another directory, in the way of `save`.

    Args:
        loaded: the model.
        directory: where to.
        point: becomes its first operating point, named `own`; None leaves the points as they are.
        engine: give it these `engine_files` (by name), in place of those that it has.
        engine_files: see `engine`.
        built: what `riskclf.json` says of them (`riskclf.manifest`).

    Raises:
        ArtifactError: the new files do not compute what `built` says; nothing is written.
    """
    check_place(directory)
    values = dict(loaded.raw)
    if point is not None:
        others = {name: x for name, x in values["operating_points"].items() if name != _OWN}
        values["operating_points"] = {_OWN: asdict(point), **others}
    if engine is not None:
        hashes = {name: sha256(file) for name, file in engine_files.items()}
        values["files"] = {**values["files"], **hashes}
        values["roles"] = {**values.get("roles", {}), **dict.fromkeys(hashes, engine)}
        values["engines"] = {**values.get("engines", {}), engine: dict(built)}
    values["digest"] = digest(values)
    with replacing_directory(directory) as staged:
        for name in values["files"]:
            source = engine_files.get(name, loaded.directory / name)
            if name in MODEL_FILES or source.is_file():
                shutil.copyfile(source, staged / name)
        write_manifest(staged, values)
        signature = loaded.directory / SIGNATURE_FILE
        if values["digest"] == loaded.raw["digest"] and signature.is_file():
            shutil.copyfile(signature, staged / SIGNATURE_FILE)
        if engine is not None:
            opened(staged, None, device="cpu", batch_size=len(PROBE_SENTENCES), engine=engine)


def sign(directory: str | os.PathLike[str], key: str | os.PathLike[str]) -> str:
    """Sign a model, after it was loaded and has computed what it was saved with.

    Args:
        directory: of the model.
        key: file of the private key, see `riskclf.signatures.new_key`.

    Returns:
        The name of the key.

    Raises:
        ArtifactError: the model cannot be used.
        InputError: the key cannot be used, or the signature cannot be written.
        MissingExtra: the package cryptography is not installed.
        TokenizerError: its tokenizer cannot be used.
    """
    place = Path(directory)
    loaded = opened(place, None, device="cpu", batch_size=len(PROBE_SENTENCES))
    return signatures.sign(place, loaded.raw["digest"], key)


def _pytorch() -> Any:
    """By name: the spine does not depend on an engine, but what is trained is PyTorch's."""
    return import_module("riskclf.engines.pytorch")


def _by_role(directory: Path, roles: Mapping[str, str]) -> dict[str, Path]:
    return {role: directory / name for name, role in roles.items() if role != "report"}


def _change_json(file: Path, **changes: Any) -> None:
    values = {**read_json(file), **changes}
    file.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
