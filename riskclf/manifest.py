"""What a model declares: `riskclf.json`, read and checked, or made and written.

It lists every file of the model with its SHA-256 and, for files beside the four of a Hugging Face
model, what they are for (`roles`). A file whose role this version does not know makes the model
refused, for it may decide on posts. `engines` holds, for each engine that has files of its own, the
precision, the probe sentences with what it computes for them, the versions it was built with, and
how far it agrees with PyTorch. Format 4 has a stacker and a label threshold; format 3, which has
neither, and format 2, which has no roles either, are read too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.decide import OperatingPoint
from riskclf.encoder import ENGINE_FILES, PRECISIONS
from riskclf.errors import ArtifactCorrupt, ArtifactNotFound, OperatingPointError
from riskclf.modelfiles import is_plain_text, read_json, shown
from riskclf.stacker import EXPERTS, Cascade, Stacker

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FORMAT",
    "MANIFEST_FILE",
    "MODEL_FILES",
    "SIGNATURE_FILE",
    "WEIGHTS",
    "Manifest",
    "digest",
    "is_plain_name",
    "manifest_json",
    "names_of",
    "parse_manifest",
    "read_manifest_json",
    "write_manifest",
]

FORMAT = 4
_READ_FORMATS = (2, 3, 4)
MANIFEST_FILE = "riskclf.json"
SIGNATURE_FILE = "riskclf.sig"
"""Of a model that was signed (`riskclf.signatures`)."""
MODEL_FILES = ("config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt")
"""Every model has these."""

WEIGHTS = ("ngrams", "neighbours", "aspects", "support")
"""Roles of experts and heads; each is in a file of its own, such as ngrams.safetensors."""

_ROLES = (*WEIGHTS, "report", *ENGINE_FILES)
"""What files beside those may be for. A report, or the files of an engine, may be missing: the
model computes the same."""

# Far beyond what any calibration gives; outside, a probability is 0 or 1 whatever the logits say.
_TEMPERATURES = (1e-3, 1e3)
_MAX_BIAS = 100.0
_MAX_WEIGHT = 100.0

# Of probe sentences, and of each one. Every load computes them.
_MOST_PROBES = 100
_MOST_CHARACTERS = 1000

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
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
    stacker: Stacker | None = None
    """Makes one probability of what several experts say, in place of temperature and bias; None
    where there is the transformer alone."""
    cascade: Cascade | None = None
    """A first stage, which is used where it is asked for; None where there is none."""
    label_threshold: float | None = None
    """A post with less risk is given the likeliest of the labels that are no risks; one with more
    gets the likelier risky label. Where it does not lie between the two thresholds that are used,
    the nearer of these counts. None: the likeliest label of all."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Base, data, training config, licence: where the model comes from. JSON values."""
    accepted: bool = True
    """False for a fine-tuned model that has lost what the model before it found."""

    @property
    def is_risk(self) -> NDArray[np.bool_]:
        """Which of `labels` are risks, shape (labels,)."""
        return np.array([label in self.risk_labels for label in self.labels], dtype=bool)

    def point(self, name: str | None = None) -> OperatingPoint:
        """An operating point by its name; None is the first.

        Raises:
            OperatingPointError: there is none of that name.
        """
        points = self.operating_points
        if name is None:
            return next(iter(points.values()))
        if name not in points:
            raise OperatingPointError(
                f"the model has no operating point {name!r}: it has {', '.join(points)}"
            )
        return points[name]


def manifest_json(
    manifest: Manifest,
    *,
    normaliser: str,
    dictionary: Mapping[str, str],
    probes: list[dict[str, Any]],
    files: Mapping[str, str],
    roles: Mapping[str, str],
) -> dict[str, Any]:
    """The content of `riskclf.json`.

    Args:
        manifest: of the model.
        normaliser: version of `riskclf.text`.
        dictionary: name and version of the MeCab dictionary.
        probes: sentences with their logits.
        files: name of every file, with its SHA-256.
        roles: of those that are not among `MODEL_FILES`.
    """
    values = {
        "format": FORMAT,
        **{key: value for key, value in asdict(manifest).items() if key != "provenance"},
        "normaliser": normaliser,
        "dictionary": dict(dictionary),
        "probes": probes,
        "files": dict(files),
        "roles": dict(roles),
        "provenance": manifest.provenance,
    }
    return values | {"digest": digest(values)}


def read_manifest_json(directory: Path) -> dict[str, Any]:
    """`riskclf.json` of a model directory, as it is on disk, with its format and digest checked.

    Raises:
        ArtifactNotFound: there is none.
        ArtifactCorrupt: it cannot be read, or is not the file that was saved.
    """
    file = directory / MANIFEST_FILE
    if not file.is_symlink() and not file.exists():
        raise ArtifactNotFound(
            f"{directory} is not a riskclf model, it has no {MANIFEST_FILE}: give the directory "
            "that riskclf saved"
        )
    values = read_json(file)
    if type(values.get("format")) is not int or values["format"] not in _READ_FORMATS:
        raise ArtifactCorrupt(
            f"{file} is not of format {' or '.join(map(str, _READ_FORMATS))}: another version of "
            "riskclf saved it; install that version or save the model again"
        )
    if values.get("digest") != digest(values):
        raise ArtifactCorrupt(
            f"{file} is not the file that was saved, its digest differs: copy the model again"
        )
    return values


def write_manifest(directory: Path, values: Mapping[str, Any]) -> None:
    """Write `riskclf.json` into a directory that is not yet in its place."""
    text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    (directory / MANIFEST_FILE).write_text(text, encoding="utf-8")


def parse_manifest(values: Mapping[str, Any], directory: Path) -> Manifest:
    """What the JSON values say, checked.

    Raises:
        ArtifactCorrupt: a value is missing, of the wrong type, or contradicts another.
    """
    file = directory / MANIFEST_FILE
    try:
        manifest = Manifest(
            labels=tuple(_list(values["labels"])),
            risk_labels=tuple(_list(values["risk_labels"])),
            operating_points={
                name: OperatingPoint(**point) for name, point in values["operating_points"].items()
            },
            temperature=_number(values["temperature"]),
            prevalence=_number(values["prevalence"]),
            bias=_number(values.get("bias", 0.0)),
            provenance=dict(values["provenance"]),
            accepted=values.get("accepted", True),
            stacker=_stacker(values.get("stacker")),
            cascade=_cascade(values.get("cascade")),
            label_threshold=(
                None
                if values.get("label_threshold") is None
                else _number(values["label_threshold"])
            ),
        )
        complete = _is_complete(manifest) and _are_files_complete(values, manifest)
        roles = dict(values.get("roles", {}))
        unknown = sorted(name for name, role in roles.items() if role not in _ROLES)
    except (AttributeError, KeyError, TypeError, ValueError, OperatingPointError) as error:
        raise ArtifactCorrupt(
            f"{file} cannot be used ({type(error).__name__}: {shown(error)}): copy or save the "
            "model again"
        ) from None
    if not complete:
        raise ArtifactCorrupt(
            f"{file} is incomplete or contradicts itself: copy or save the model again"
        )
    if unknown:
        raise ArtifactCorrupt(
            f"{file}: this version of riskclf does not know what {shown(unknown[0])} is for; "
            "install the version that saved the model"
        )
    return manifest


def _stacker(values: Mapping[str, Any] | None) -> Stacker | None:
    if values is None:
        return None
    return Stacker(
        experts=tuple(_list(values["experts"])),
        risk=tuple(map(_number, _list(values["risk"]))),
        side=tuple(map(_number, _list(values["side"]))),
        bias=_number(values["bias"]),
    )


def _cascade(values: Mapping[str, Any] | None) -> Cascade | None:
    if values is None:
        return None
    stacker = _stacker(values["stacker"])
    if stacker is None:
        raise ValueError("a cascade without a stacker")
    return Cascade(stacker, _number(values["threshold"]))


def _number(value: Any) -> float:
    """A number that is no text and no truth value; it is finite (`riskclf.modelfiles`)."""
    if type(value) not in (int, float):
        raise ValueError(f"{type(value).__name__} in place of a number")
    return float(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{type(value).__name__} in place of a list")
    return value


def _is_usable(stacker: Stacker) -> bool:
    count = len(stacker.experts)
    return (
        len({*stacker.experts} & {*EXPERTS}) == count > 0
        and len(stacker.risk) == len(stacker.side) == count
        and all(0 <= x <= _MAX_WEIGHT for x in (*stacker.risk, *stacker.side))
        and abs(stacker.bias) <= _MAX_BIAS
    )


def _is_complete(manifest: Manifest) -> bool:
    threshold, stacker, cascade = manifest.label_threshold, manifest.stacker, manifest.cascade
    if 0 < len(manifest.risk_labels) < len(manifest.labels):
        if threshold is not None and not 0 < threshold < 1:
            return False
        if stacker is not None and not _is_usable(stacker):
            return False
        if cascade is not None and not (
            stacker is not None
            and cascade.stacker.experts == ("ngrams",)
            and "ngrams" in stacker.experts
            and _is_usable(cascade.stacker)
            and 0 < cascade.threshold < 1
        ):
            return False
    elif threshold is not None or stacker is not None or cascade is not None:
        return False
    if manifest.risk_labels:
        decides = len(manifest.operating_points) > 0 and 0 < manifest.prevalence < 1
    else:
        decides = len(manifest.operating_points) == 0 and manifest.prevalence == manifest.bias == 0
    least, most = _TEMPERATURES
    return (
        decides
        and len(set(manifest.labels)) == len(manifest.labels)
        and all(map(is_plain_text, (*manifest.labels, *manifest.operating_points)))
        and set(manifest.risk_labels) <= set(manifest.labels)
        and least <= manifest.temperature <= most
        and abs(manifest.bias) <= _MAX_BIAS  # and so a number
        and isinstance(manifest.accepted, bool)
    )


def _are_files_complete(values: Mapping[str, Any], manifest: Manifest) -> bool:
    files, engines = values["files"], values.get("engines", {})
    roles = values.get("roles", {})
    return (
        isinstance(files, dict)
        and set(MODEL_FILES) <= set(files)
        and files.keys().isdisjoint((MANIFEST_FILE, SIGNATURE_FILE))
        and all(map(is_plain_name, files))
        and all(isinstance(x, str) and _SHA256.fullmatch(x) for x in files.values())
        and set(roles) <= set(files) - set(MODEL_FILES)
        and (values["format"] == 2 or set(roles) == set(files) - set(MODEL_FILES))
        and all(name in names_of(role) for name, role in roles.items() if names_of(role))
        and set(engines) == {role for role in roles.values() if role in ENGINE_FILES}
        and all({*ENGINE_FILES[name]} <= set(files) for name in engines)
        and all(engine["precision"] in PRECISIONS for engine in engines.values())
        and is_plain_text(values["normaliser"])
        and is_plain_text(values["dictionary"]["version"])
        and all(_are_probes(x["probes"], len(manifest.labels)) for x in (values, *engines.values()))
    )


def names_of(role: str) -> tuple[str, ...]:
    """What the files of a role are called; empty where they may have any name."""
    if role in ENGINE_FILES:
        return ENGINE_FILES[role]
    return () if role not in WEIGHTS else (f"{role}.safetensors",)


def _are_probes(probes: Any, labels: int) -> bool:
    """Whether each has a text and, from each of the same experts, a logit of every label."""
    names = {frozenset(probe) for probe in _list(probes)}
    return (
        0 < len(probes) <= _MOST_PROBES
        and len(names) == 1
        and {"text", "logits"} <= next(iter(names))
        and all(
            isinstance(probe["text"], str)
            and len(probe["text"]) <= _MOST_CHARACTERS
            and all(
                len(_list(logits)) == labels and all(type(x) in (int, float) for x in logits)
                for name, logits in probe.items()
                if name != "text"
            )
            for probe in probes
        )
    )


def is_plain_name(name: str) -> bool:
    """Whether it names a file in the directory itself, on every system."""
    return is_plain_text(name) and name not in (".", "..") and not set(name) & set("/\\:")


def digest(values: Mapping[str, Any]) -> str:
    """SHA-256 of all of `riskclf.json` but the digest itself."""
    content = {name: x for name, x in values.items() if name != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()
