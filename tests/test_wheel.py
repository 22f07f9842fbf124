"""What a user gets who installs the package: the code, its types and the packaged model."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import riskclf

ROOT = Path(riskclf.__file__).parent.parent
MODEL_FILES = (
    "config.json",
    "model.safetensors",
    "riskclf.json",
    "tokenizer_config.json",
    "vocab.txt",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout without a network."""
    directory = tmp_path_factory.mktemp("wheel")
    options = ["--wheel", "--no-isolation", "--outdir", str(directory)]
    done = subprocess.run(
        [sys.executable, "-m", "build", *options, str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("file", MODEL_FILES)
def test_packaged_model_is_in_the_wheel(names: set[str], file: str) -> None:
    assert f"riskclf/default_model/{file}" in names


def test_packaged_model_is_whole_in_the_wheel(wheel: Path) -> None:
    directory = ROOT / "riskclf" / "default_model"
    with zipfile.ZipFile(wheel) as archive:
        for file in directory.rglob("*"):
            if file.is_file():
                name = file.relative_to(ROOT).as_posix()
                assert archive.getinfo(name).file_size == file.stat().st_size


def test_every_module_and_the_type_marker_are_in_the_wheel(names: set[str]) -> None:
    modules = {file.relative_to(ROOT).as_posix() for file in (ROOT / "riskclf").rglob("*.py")}
    assert modules <= names
    assert "riskclf/py.typed" in names
    assert "riskclf/locale/ja/LC_MESSAGES/riskclf.mo" in names


def test_the_page_for_officers_is_whole_in_the_wheel(names: set[str]) -> None:
    review = ROOT / "riskclf" / "review"
    parts = [x for x in review.rglob("*") if x.suffix in (".j2", ".js", ".css", ".svg")]
    assert len(parts) > 10
    assert {part.relative_to(ROOT).as_posix() for part in parts} <= names


def test_only_the_package_is_in_the_wheel(names: set[str]) -> None:
    top = {name.partition("/")[0] for name in names}
    assert top == {"riskclf", f"riskclf-{riskclf.__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name]


def test_the_licence_and_the_command_are_in_the_wheel(wheel: Path, names: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
    with zipfile.ZipFile(wheel) as archive:
        assert "riskclf = riskclf.cli:main" in archive.read(entry_points).decode()


def test_the_package_works_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import riskclf\n"
        "prediction = riskclf.RiskClassifier.load(device='cpu').predict('今日は図書館に行った')\n"
        "print(riskclf.__file__, riskclf.__version__, prediction.label in set(riskclf.Label))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site"), "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    init = tmp_path / "site" / "riskclf" / "__init__.py"
    assert done.stdout.split() == [str(init), riskclf.__version__, "True"]
