"""The folder for a Windows computer: how it is put together, and its two programs, run here."""

from __future__ import annotations

import hashlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import riskclf

OFFLINE = Path(riskclf.__file__).parent.parent / "docs" / "offline"
POSTS = Path(riskclf.__file__).parent / "example_posts.csv"
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def _tiny_wheel(wheels: Path) -> Path:
    """A package named riskclf that installs in a moment."""
    info = "riskclf-0.1.0.dist-info"
    code = (
        "class RiskClassifier:\n"
        "    load = classmethod(lambda cls: cls())\n"
        "    predict = lambda self, post: print('computed')\n"
    )
    with zipfile.ZipFile(wheels / "riskclf-0.1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("riskclf/__init__.py", code)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: riskclf\nVersion: 0.1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheels / "riskclf-0.1.0-py3-none-any.whl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder for this Python, with one tiny package in it."""
    collect = runpy.run_path(str(OFFLINE / "collect.py"))
    output = tmp_path / "offline"
    (output / "wheels").mkdir(parents=True)
    _tiny_wheel(output / "wheels")
    collect["copy_bundle"](output, HERE)
    collect["write_requirements"](output)
    collect["write_hashes"](output)
    return output


def _install(folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: x for name, x in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(folder / "install.py")],
        capture_output=True,
        encoding="utf-8",
        env=environment | {"LOCALAPPDATA": str(home), "PYTHONUTF8": "1"},
        check=False,
    )


def test_every_file_is_listed_with_its_hash(folder: Path) -> None:
    listed = {}
    for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ")
        listed[name] = digest
    files = {x.relative_to(folder).as_posix() for x in folder.rglob("*") if x.is_file()}
    assert set(listed) == files - {"SHA256SUMS"}
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert {"install.bat", "start.bat", "no-python.txt", "example_posts.csv"} <= files


@pytest.mark.parametrize("name", ["install.bat", "start.bat"])
def test_a_batch_file_is_ascii_with_the_line_ends_of_windows(folder: Path, name: str) -> None:
    # cmd.exe may lose its place in a batch file with other characters: those are in text files.
    text = (folder / name).read_bytes().decode("ascii")
    assert text.count("\r\n") == text.count("\n") > 10
    shown = re.findall(r"(?:%~dp0)?([a-z-]+\.txt)", text)
    assert shown
    assert not [file for file in shown if not (folder / file).is_file()]


def test_it_installs_from_the_folder_alone_and_refuses_a_changed_file(
    folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = _install(folder, home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "computed" in done.stdout
    assert "完了しました" in done.stdout
    assert (home / "riskclf" / "start.bat").is_file()
    with (folder / "wheels" / "riskclf-0.1.0-py3-none-any.whl").open("ab") as file:
        file.write(b"\0")
    done = _install(folder, home)
    assert done.returncode == 2
    assert "The installation failed" in done.stdout


def test_it_says_which_python_it_needs(folder: Path, tmp_path: Path) -> None:
    (folder / "python-version.txt").write_text("3.10\n")
    done = _install(folder, tmp_path / "home")
    assert done.returncode == 2
    assert f"These files need Python 3.10, 64 bit; this is Python {HERE}." in done.stdout
    assert not (tmp_path / "home").exists()


@pytest.fixture(scope="module")
def start() -> Any:
    return runpy.run_path(str(OFFLINE / "bundle" / "start.py"))["main"]


def test_a_file_is_labelled_beside_itself_and_no_result_is_replaced(
    start: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    posts = tmp_path / "投稿 1.csv"
    shutil.copy(POSTS, posts)
    older = tmp_path / "投稿 1_riskclf.csv"
    older.write_text("an officer's notes")
    assert start([str(posts)]) == 0
    assert older.read_text() == "an officer's notes"
    assert "decision" in (tmp_path / "投稿 1_riskclf_2.csv").read_text(encoding="utf-8-sig")
    assert "投稿 1_riskclf_2.csv にあります" in capsys.readouterr().out


def test_what_cannot_be_labelled_is_said_in_both_languages(
    start: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: f'"{tmp_path / "none.csv"}"')
    assert start([]) == 2
    said = capsys.readouterr().out
    assert "none.csv is not a file" in said and "none.csv が見つかりません" in said
    assert start(["one.csv", "two.csv"]) == 2
    assert "一つだけ" in capsys.readouterr().out
