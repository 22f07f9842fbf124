"""What is built, what it is installed with, and what is known about that."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from riskclf.files import write_text
from tests.trust.check import Check, Tried
from tests.trust.lock import LOCKED, ROOT, read_hashes

__all__ = ["CHECKS", "SBOM", "checkout", "counted", "run"]

SBOM = ROOT / "docs" / "sbom.cdx.json"
"""The list of components (CycloneDX) of an environment with every package of `LOCKED`."""


def run(*command: str | Path, at: Path, **environment: str) -> str:
    """The output of a command that must end well.

    Raises:
        RuntimeError: it did not; with the end of what it printed.
    """
    done = subprocess.run(
        command, cwd=at, env=os.environ | environment, check=False,
        capture_output=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def checkout(directory: Path) -> Path:
    """A clone of what is committed; the files have the times of this moment."""
    run("git", "clone", "--quiet", ROOT, directory, at=ROOT)
    return directory


def _built(source: Path, directory: Path, *kinds: str, **environment: str) -> dict[str, str]:
    """SHA-256 of the files that are built from a source tree, by file name."""
    options = ["--no-isolation", *kinds, "--outdir", str(directory)]
    run(sys.executable, "-m", "build", *options, source, at=source, **environment)
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in directory.iterdir()
    }


def _reproducible(work: Path, _scale: float) -> Tried:
    first = _built(checkout(work / "a"), work / "built-a")
    other = checkout(work / "a-longer-name")
    for file in other.rglob("*"):
        if file.is_file() and ".git" not in file.parts:
            os.utime(file, (1e9, 1e9))
            file.chmod(file.stat().st_mode & 0o700)
    elsewhere = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    second = _built(other, work / "built-b", **elsewhere)
    (archive,) = (work / "built-a").glob("*.tar.gz")
    shutil.unpack_archive(archive, work / "sdist", filter="data")
    (source,) = (work / "sdist").iterdir()
    third = _built(source, work / "built-c", "--wheel")
    failures = [f"{name} differs" for name in sorted(first) if first[name] != second.get(name)]
    failures += [f"{name} from the sdist differs" for name in third if third[name] != first[name]]
    return Tried({"files built, each at least twice": len(first)}, failures)


def _environment(work: Path) -> tuple[Path, Mapping[str, str]]:
    """An environment with every locked package and nothing else; and what keeps pip offline."""
    run(sys.executable, "-m", "venv", work / "environment", at=work)
    python = work / "environment" / "bin" / "python"
    first = [line for line in LOCKED.read_text(encoding="utf-8").splitlines() if "==" in line]
    builders = [line for line in first if re.match("setuptools==|wheel==", line)]
    (work / "builders.txt").write_text("\n".join(builders) + "\n", encoding="utf-8")
    hashed = ["--quiet", "--no-deps", "--require-hashes"]
    run(python, "-m", "pip", "install", *hashed, "-r", work / "builders.txt", at=work)
    run(
        python, "-m", "pip", "download", *hashed, "--no-build-isolation",
        "-r", LOCKED, "-d", work / "wheels", at=work,
    )  # fmt: skip
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(work / "wheels")}
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", LOCKED, at=work, **offline)
    return python, offline


def _installed(work: Path, _scale: float) -> Tried:
    _built(checkout(work / "source"), work / "built", "--wheel")
    python, offline = _environment(work)
    (wheel,) = (work / "built").glob("*.whl")
    shutil.copy(wheel, work / "wheels")
    run(python, "-m", "pip", "install", "--quiet", "riskclf", at=work, **offline)
    run(python, "-m", "pip", "check", at=work)
    posts = work / "source" / "riskclf" / "example_posts.csv"
    command = work / "environment" / "bin" / "riskclf"
    run(command, "predict", "--input", posts, "--output", work / "scored.csv", at=work)
    scored = (work / "scored.csv").read_text(encoding="utf-8-sig").splitlines()
    failures = [] if len(scored) == 13 else [f"{len(scored) - 1} of 12 posts scored"]
    text = run(
        sys.executable, "-m", "cyclonedx_py", "environment", python,
        "--pyproject", ROOT / "pyproject.toml", "--output-reproducible", "--of", "JSON", at=work,
    )  # fmt: skip
    found = _with_hashes(json.loads(text))
    write_text(SBOM, json.dumps(found, indent=1, sort_keys=True) + "\n")
    return Tried({"packages installed": len(found["components"]), "posts scored": 12}, failures)


def _with_hashes(found: dict[str, Any]) -> dict[str, Any]:
    """The list with the hash of each file, without descriptions and links, which change."""
    hashes = read_hashes()
    found["metadata"].pop("tools", None)
    for component in found["components"]:
        component.pop("description", None)
        component.pop("externalReferences", None)
        digest = hashes.get(canonicalize_name(component["name"]))
        if digest is not None:
            component["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return found


def counted(printed: str) -> dict[str, int]:
    """How many tests passed and were skipped, from pytest's closing line."""
    (last,) = printed.splitlines()[-1:] or [""]
    return {
        f"tests {what}": int(found[1])
        for what in ("passed", "skipped")
        if (found := re.search(rf"(\d+) {what}", last))
    }


def _minimum(work: Path, _scale: float) -> Tried:
    source = checkout(work / "m")
    run(sys.executable, "-m", "venv", work / "environment", at=work)
    python = work / "environment" / "bin" / "python"
    uv = [sys.executable, "-m", "uv", "pip"]
    lowest = ["--resolution", "lowest-direct", "--quiet"]
    run(*uv, "install", *lowest, "--python", python, "-e", f"{source}[test]", at=source)
    # One test compares what is installed with the pins, which are other versions.
    left_out = "tests/test_install.py::test_every_dependency_is_pinned"
    done = subprocess.run(
        [
            python,
            "-m",
            "pytest",
            "-n",
            "2",
            "-rfE",
            "-p",
            "no:cacheprovider",
            "--deselect",
            left_out,
        ],
        cwd=source,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    failures = [line[:200] for line in lines if line.startswith(("FAILED", "ERROR"))]
    if done.returncode and not failures:
        failures = [f"pytest ended with {done.returncode}"]
    return Tried(counted(done.stdout), failures)


def _vulnerabilities(work: Path, _scale: float) -> Tried:
    listed = re.sub(r"\+cpu| --hash=\S+", "", LOCKED.read_text(encoding="utf-8"))
    (work / "listed.txt").write_text(listed, encoding="utf-8")
    options = ["--no-deps", "--disable-pip", "--format", "json", "-r", str(work / "listed.txt")]
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", *options], capture_output=True, text=True, check=False
    )
    if not done.stdout:
        raise RuntimeError(f"pip-audit: {done.stderr[-500:]}")
    found = json.loads(done.stdout)["dependencies"]
    asked = [each for each in found if "vulns" in each]
    failures = [f"{x['name']} {x['version']}: {v['id']}" for x in asked for v in x["vulns"]]
    failures += [f"{x['name']}: {x['skip_reason']}" for x in found if "skip_reason" in x]
    return Tried({"packages looked up": len(asked)}, failures)


CHECKS = (
    Check(
        "reproducible-build",
        "Whoever builds a version gets the same wheel and the same source archive, byte by byte.",
        "Built from two clones with other paths, times, permissions, time zones and hash seeds; "
        "the wheel again from the source archive.",
        "Nothing to mend.",
        _reproducible,
    ),
    Check(
        "clean-install",
        "The wheel works with the pinned versions and nothing else, and these are listed.",
        "All packages of `.ci/locked.txt` are downloaded, compared with their hashes and installed "
        "without an index; twelve posts are scored; docs/sbom.cdx.json (CycloneDX) is written.",
        "Source packages had taken their build tools from the index, without a hash: these are "
        "locked too.",
        _installed,
    ),
    Check(
        "minimum-versions",
        "It works with the oldest versions that `pyproject.toml` allows.",
        "All tests, with each direct dependency in its lowest version (`uv`, lowest-direct).",
        "Seven lowest versions were too low, and are raised. Users would have felt four: rich 13.9 "
        "put an empty line before each message, tokenizers 0.22.1 told of every fork, "
        "python-calamine 0.4 left `_x000D_` in cells, and a training that went on with accelerate "
        "1.6 ended with other weights.",
        _minimum,
    ),
    Check(
        "known-vulnerabilities",
        "No pinned version has a published vulnerability that is not named here.",
        "`pip-audit` looks up every package of `.ci/locked.txt`; it needs the network.",
        "Where it was tried so far, its database could not be reached.",
        _vulnerabilities,
    ),
)
