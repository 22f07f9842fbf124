"""Every check of a model, one by one, with what was found: `riskclf info --verify`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np

from riskclf import artifact, hub, probes, signatures
from riskclf.artifact import Artifact
from riskclf.aspects import Heads
from riskclf.bert import check_weights, read_config
from riskclf.encoder import ENGINE_FILES, ENGINES, PRECISIONS
from riskclf.errors import ArtifactMismatch, MissingExtra, RiskclfError
from riskclf.hashes import refuse_unlisted, verify_file
from riskclf.manifest import MANIFEST_FILE, SIGNATURE_FILE, parse_manifest, read_manifest_json
from riskclf.modelfiles import shown
from riskclf.probes import PROBE_SENTENCES

__all__ = ["Checked", "Verification", "verify"]

Status = Literal["ok", "failed", "skipped"]

_MOST_DIFFERENCE = 0.01
"""Between two engines that both compute in 32 bits."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One check."""

    what: str
    """A file, or what was looked at."""
    status: Status
    """`skipped` where there is nothing to check, or what comes before has failed."""
    found: str
    """In words, on one line."""


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of a model."""

    model: str
    fingerprint: str
    """Empty where `riskclf.json` cannot be read."""
    checks: tuple[Checked, ...]
    unlisted: tuple[str, ...]
    """Names in the directory that `riskclf.json` does not list; they are never read."""

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(check.status != "failed" for check in self.checks)


class _Checks:
    """Runs one check after the other, and none that needs what has failed."""

    def __init__(self) -> None:
        self.done: list[Checked] = []

    @property
    def failed(self) -> bool:
        return any(check.status == "failed" for check in self.done)

    def run(self, what: str, check: Callable[[], str], *, needs_all: bool = False) -> None:
        """Add what a check found; one that `needs_all` is left out after a failure."""
        status: Status = "ok"
        if needs_all and self.failed:
            self.done.append(Checked(what, "skipped", "not checked, since a check above failed"))
            return
        try:
            found = check()
        except MissingExtra as error:
            if not needs_all:  # a signature that cannot be checked
                raise
            status, found = "skipped", str(error)
        except RiskclfError as error:
            status, found = "failed", str(error)
        self.done.append(Checked(what, status, found))

    def skip(self, what: str, why: str) -> None:
        self.done.append(Checked(what, "skipped", why))


def verify(
    path_or_id: str | os.PathLike[str] | None,
    *,
    public_key: str | os.PathLike[str] | None = None,
) -> Verification:
    """Check a model: its files, its signature, its weights, and what each engine computes.

    Args:
        path_or_id: as for `RiskClassifier.load`.
        public_key: likewise.

    Raises:
        ArtifactNotFound: there is no model.
        InputError: the key cannot be used.
        MissingExtra: a key was given, and the package for signatures is not installed.
    """
    directory = hub.locate(path_or_id, hub.OUR_FILES)
    checks = _Checks()
    raw: dict[str, Any] = {}

    def manifest() -> str:
        found = read_manifest_json(directory)
        parse_manifest(found, directory)
        raw.update(found)
        return f"format {found['format']}, its digest agrees"

    checks.run(MANIFEST_FILE, manifest)
    if raw:
        key = signatures.wanted_key(directory, public_key)
        if key is not None:
            checks.run("signature", partial(_signed, directory, raw["digest"], key))
        else:
            is_signed = (directory / SIGNATURE_FILE).is_file()
            there = "there is one" if is_signed else "there is none"
            checks.skip(
                "signature", f"{there}, and no public key was given ({signatures.VARIABLE})"
            )
        _check_files(checks, directory, raw)
        _check_computing(checks, directory, raw)
    listed = {MANIFEST_FILE, SIGNATURE_FILE, *raw.get("files", ())}
    unlisted = [x.name + ("/" if x.is_dir() else "") for x in directory.iterdir()]
    return Verification(
        str(directory),
        raw.get("digest", ""),
        tuple(checks.done),
        tuple(sorted(shown(name) for name in unlisted if name not in listed)),
    )


def _signed(directory: Path, digest: str, key: str | os.PathLike[str]) -> str:
    return f"by the key {signatures.verify(directory, digest, key)}"


def _check_files(checks: _Checks, directory: Path, raw: Mapping[str, Any]) -> None:
    roles: Mapping[str, str] = raw.get("roles", {})

    def same(name: str) -> str:
        there = verify_file(directory, name, raw["files"][name], roles.get(name, "report"))
        return "its SHA-256 agrees" if there else "is not there, and need not be"

    def alone() -> str:
        refuse_unlisted(directory, raw["files"])
        return "none lie beside the model"

    for name in raw["files"]:
        checks.run(name, partial(same, name))
    checks.run("weights that are not listed", alone)


def _check_computing(checks: _Checks, directory: Path, raw: Mapping[str, Any]) -> None:
    """What the files say, and what each engine makes of them."""
    computed: dict[str, Artifact] = {}

    def weights() -> str:
        check_weights(directory)
        return "fit config.json, and all numbers are finite"

    def computes(name: str) -> str:
        loaded = artifact.opened(
            directory, None, device="cpu", batch_size=len(PROBE_SENTENCES), engine=name
        )
        computed[name] = loaded
        difference = probes.verify(
            directory, raw, loaded.tokenizer, loaded.engine, loaded.experts, name
        )
        return f"computes what was saved, logits within {difference:.2g}"

    def support(name: str) -> str:
        Heads.load(directory / name, read_config(directory)["hidden_size"])
        return "fits the model"

    checks.run("weights", weights, needs_all=True)
    for engine in ENGINES:
        needed = ENGINE_FILES.get(engine, ())
        if all((directory / name).is_file() and name in raw["files"] for name in needed):
            checks.run(f"engine {engine}", partial(computes, engine), needs_all=True)
        else:
            checks.skip(f"engine {engine}", "the model has no files for it")
    for one, other in combinations(computed, 2):
        checks.run(
            f"{one} and {other}", partial(_agree, computed[one], computed[other]), needs_all=True
        )
    for name, role in raw.get("roles", {}).items():
        if role == "support" and (directory / name).is_file():
            checks.run("support", partial(support, name), needs_all=True)


def _agree(one: Artifact, other: Artifact) -> str:
    """Compare all that two engines give, also what no logit is computed from."""
    texts = [probe["text"] for probe in one.raw["probes"]]
    here, there = (
        probes.outputs(texts, x.tokenizer, x.engine, x.experts).columns for x in (one, other)
    )
    most = {name: float(np.abs(here[name] - there[name]).max()) for name in here}
    said = ", ".join(f"{name} {difference:.2g}" for name, difference in most.items())
    built = one.raw["engines"][other.engine_name]
    # Rounded ones differ more, as riskclf.json says of each ("agreement").
    if built["precision"] == PRECISIONS[0] and not max(most.values()) <= _MOST_DIFFERENCE:
        raise ArtifactMismatch(f"differ on the probe sentences: {said}")
    return f"differ on the probe sentences by at most: {said}"
