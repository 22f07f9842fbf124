"""SHA-256 of a model's files, and their check before anything else is read."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from riskclf.encoder import ENGINE_FILES
from riskclf.errors import ArtifactCorrupt
from riskclf.headers import MOST_BYTES
from riskclf.manifest import MANIFEST_FILE, MODEL_FILES
from riskclf.modelfiles import open_regular, shown

__all__ = ["refuse_unlisted", "sha256", "verify_file", "verify_files"]

# Weights that a library might read beside the model's own: refused unless riskclf.json lists them.
_WEIGHTS = ("*.safetensors", "adapter_*", "model.safetensors.index.json")

# The model computes the same without files of these roles.
_MAY_LACK = ("report", "support", *ENGINE_FILES)


def verify_files(directory: Path, hashes: Mapping[str, str], roles: Mapping[str, str]) -> None:
    """Compare the files of a model with their hashes.

    Args:
        directory: of the model.
        hashes: name of every file, with its SHA-256.
        roles: of those that are not among `MODEL_FILES` (`riskclf.manifest`).

    Raises:
        ArtifactCorrupt: a file is missing or altered, or weights lie there that are not listed.
    """
    for name in hashes:
        verify_file(directory, name, hashes[name], roles.get(name, "report"))
    refuse_unlisted(directory, hashes)


def verify_file(directory: Path, name: str, expected: str, role: str) -> bool:
    """Compare one file of a model with its hash.

    Args:
        directory: of the model.
        name: of the file.
        expected: its SHA-256.
        role: of a file that is not among `MODEL_FILES`.

    Returns:
        Whether it is there.

    Raises:
        ArtifactCorrupt: it is altered, or missing and needed.
    """
    file = directory / name
    if not file.exists() and not file.is_symlink():
        if name not in MODEL_FILES and role in _MAY_LACK:
            return False
        raise ArtifactCorrupt(f"{file} is missing: copy the whole model directory again")
    if sha256(file) != expected:
        raise ArtifactCorrupt(
            f"{file} is not the file that was saved, its SHA-256 differs: copy the model again"
        )
    return True


def refuse_unlisted(directory: Path, listed: Container[str]) -> None:
    """Refuse weights that a library might read beside a model's own.

    Raises:
        ArtifactCorrupt: there are some that `riskclf.json` does not list.
    """
    for file in sorted(directory.iterdir()):
        if file.name not in listed and any(fnmatchcase(file.name, x) for x in _WEIGHTS):
            raise ArtifactCorrupt(
                f"{directory / shown(file.name)} holds weights that {MANIFEST_FILE} does not list: "
                "remove it, or copy the model again"
            )


def sha256(file: Path) -> str:
    """SHA-256 of a file of a model, in hexadecimal digits.

    Raises:
        ArtifactCorrupt: it is no regular file of its directory (`riskclf.modelfiles`).
    """
    with open_regular(file, MOST_BYTES) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
