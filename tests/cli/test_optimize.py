"""`riskclf optimize`."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskclf import RiskClassifier
from tests.cli.helpers import command, run


def test_a_model_is_built_measured_and_used(
    model_directory: Path,
    sentences: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    posts = tmp_path / "posts.tsv"
    posts.write_text("post\n" + "\n".join(sentences) + "\n", encoding="utf-8")
    arguments = ["--output", str(tmp_path / "fast"), "--precision", "f32", "--text-column", "post"]
    assert run("optimize", str(model_directory), *arguments, "--calibration", str(posts)) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "same label 100.00%" in said.err
    assert f"written to {tmp_path / 'fast'}" in said.err
    assert not any(text in said.err for text in sentences)
    assert RiskClassifier.load(tmp_path / "fast", engine="openvino").info()["engine"] == "openvino"
    done = command("predict", sentences[0], "--model", tmp_path / "fast", "--engine", "openvino")
    assert done.returncode == 0, done.stderr


def test_an_engine_that_there_is_not_is_an_error(model_directory: Path) -> None:
    done = command("predict", "雨", "--model", model_directory, "--engine", "abacus")
    assert done.returncode == 2
    assert "use one of: auto, pytorch, openvino" in done.stderr
