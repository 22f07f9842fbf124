"""Collect riskclf for a Windows computer without internet: one folder with all that it needs.

::

    pip install uv
    python docs/offline/collect.py --output riskclf-offline

Run it from a checkout on a computer with internet, on any system. It needs Python 3.11 or later and
`uv`, which finds out which packages Windows needs; `pip download` alone would go by this system.
docs/offline.md says what to do with the folder.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
BUNDLE = Path(__file__).parent / "bundle"

SOURCE_ONLY = ("unidic-lite",)
"""PyPI has only the source of these. It is plain Python and data, so a wheel that is built here
runs on Windows too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect the folder; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="Folder to make.")
    parser.add_argument(
        "--python",
        default="3.12",
        metavar="X.Y",
        help="Python version of the Windows computer: 3.11, 3.12, 3.13 or 3.14. Default: 3.12.",
    )
    options = parser.parse_args(arguments)
    if not re.fullmatch(r"3\.1[1-4]", options.python):
        parser.error(f"--python {options.python}: give 3.11, 3.12, 3.13 or 3.14")
    output: Path = options.output
    if output.exists():
        parser.error(f"{output} exists: give a new folder, or delete it first")
    if shutil.which("uv") is None:
        parser.error("uv is not installed: pip install uv")
    wheels = output / "wheels"
    wheels.mkdir(parents=True)
    try:
        download(pinned(options.python), wheels, options.python)
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} failed: the lines above say why. Delete {output}, and try again.")
        return 1
    copy_bundle(output, options.python)
    write_requirements(output)
    write_hashes(output)
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    print(f"{output}: {len(list(wheels.iterdir()))} packages, {size / 1e6:,.0f} MB")
    return 0


def pinned(python: str) -> list[str]:
    """What riskclf needs on Windows, with the versions of constraints.txt, as ``NAME==VERSION``."""
    command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python-platform", "windows", "--python-version", python]
    command += ["--constraint", str(ROOT / "constraints.txt"), str(ROOT / "pyproject.toml")]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line.strip() for line in found.splitlines() if "==" in line]


def download(requirements: Sequence[str], wheels: Path, python: str) -> None:
    """Fetch the wheels for Windows; build those that are plain Python, and riskclf."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    built = [x for x in requirements if x.partition("==")[0] in SOURCE_ONLY]
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        listed = place / "requirements.txt"
        listed.write_text("\n".join(x for x in requirements if x not in built), encoding="utf-8")
        target = ["--platform", "win_amd64", "--python-version", python, "--implementation", "cp"]
        fetch = ["download", "--no-deps", "--only-binary", ":all:", "--dest", str(wheels)]
        subprocess.run([*pip, *fetch, *target, "--requirement", str(listed)], check=True)
        build = ["wheel", "--no-deps", "--wheel-dir", str(place)]
        subprocess.run([*pip, *build, *built, str(ROOT)], check=True)
        for wheel in place.glob("*.whl"):
            if not wheel.name.endswith("-none-any.whl"):
                raise SystemExit(f"{wheel.name} was built for this system, not for Windows")
            shutil.copy(wheel, wheels)


def copy_bundle(output: Path, python: str) -> None:
    """Put the files beside the wheels that install and start riskclf."""
    for file in sorted(BUNDLE.iterdir()):
        if file.is_file():
            # Windows' own programs expect its line ends; Python takes both.
            text = file.read_text(encoding="utf-8").replace("\n", "\r\n")
            (output / file.name).write_bytes(text.encode("utf-8"))
    shutil.copy(ROOT / "riskclf" / "example_posts.csv", output)
    shutil.copy(ROOT / "LICENSE", output / "LICENSE.txt")
    (output / "python-version.txt").write_bytes(f"{python}\r\n".encode("ascii"))


def write_requirements(output: Path) -> None:
    """List every wheel with its hash, so that pip installs these files and no others."""
    lines = []
    for wheel in sorted((output / "wheels").glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        lines.append(f"{name}=={version} --hash=sha256:{sha256(wheel)}\n")
    (output / "requirements.txt").write_text("".join(lines), encoding="ascii", newline="\n")


def write_hashes(output: Path) -> None:
    """List the hash of every file, in the form that ``sha256sum --check`` reads."""
    files = sorted(file for file in output.rglob("*") if file.is_file())
    lines = [f"{sha256(file)}  {file.relative_to(output).as_posix()}\n" for file in files]
    (output / "SHA256SUMS").write_text("".join(lines), encoding="utf-8", newline="\n")


def sha256(file: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
