"""Write down the files that CI installs, with their hashes: ``python -m tests.trust.lock``.

`.ci/locked.txt` names one file a package: of CPython 3.11 on Linux (x86-64), with the CPU build of
torch. `.ci/run` downloads these, compares each with its hash, and installs from nothing else. It is
written anew whenever `constraints.txt` or the extras change; a test compares the versions.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.utils import canonicalize_name
from rich.console import Console

from riskclf.files import write_text
from training.command import run_command

__all__ = ["BUILD_NEEDS", "LOCKED", "PLATFORM", "ROOT", "read_hashes", "read_locked"]

ROOT = Path(__file__).parents[2]

LOCKED = ROOT / ".ci" / "locked.txt"

PLATFORM = "CPython 3.11 Linux x86_64"
"""Where the files of `LOCKED` can be installed."""

BUILD_NEEDS = ("editables", "hatchling", "setuptools", "wheel")
"""What builds this package and those that come as source."""


def here() -> str:
    """This interpreter and system, in the words of `PLATFORM`."""
    version = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.python_implementation()} {version} {platform.system()} {platform.machine()}"


def read_locked() -> dict[str, str]:
    """Version by canonical name.

    Raises:
        ValueError: a line has no version or no hash.
    """
    return {name: version for name, version, _ in _lines()}


def read_hashes() -> dict[str, str]:
    """SHA-256 of the file by canonical name.

    Raises:
        ValueError: as for `read_locked`.
    """
    return {name: digest for name, _, digest in _lines()}


def _lines() -> Iterator[tuple[str, str, str]]:
    for line in LOCKED.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            requirement, digest = line.split(" --hash=sha256:")
            name, version = requirement.split("==")
            if len(digest) != 64:
                raise ValueError(f"{LOCKED.name}: {name} has no SHA-256")
            yield canonicalize_name(name), version, digest


def main() -> None:
    """Ask pip what it would install, and write `.ci/locked.txt`."""
    if here() != PLATFORM:
        sys.exit(f"error: run this with {PLATFORM}; this is {here()}")
    with TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed",
             "--report", report, "-c", ROOT / "constraints.txt",
             f"{ROOT}[docs,test]", *BUILD_NEEDS],
            check=True,
        )  # fmt: skip
        installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    lines = []
    for found in installed:
        if "archive_info" in found["download_info"]:  # all but this project itself
            name = canonicalize_name(found["metadata"]["name"])
            digest = found["download_info"]["archive_info"]["hashes"]["sha256"]
            lines.append(f"{name}=={found['metadata']['version']} --hash=sha256:{digest}")
    head = f"# {PLATFORM}, CPU build of torch. Written by python -m tests.trust.lock.\n"
    write_text(LOCKED, head + "\n".join(sorted(lines)) + "\n")
    Console().print(f"{len(lines)} packages in {LOCKED.name}")


if __name__ == "__main__":
    run_command(main)
