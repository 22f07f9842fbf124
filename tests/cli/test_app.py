"""The command line as a whole: help, usage errors, and errors in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import riskclf
from riskclf.errors import ArtifactNotFound
from tests.cli.helpers import (
    ROOT,
    Fake,
    only_line,
    program,
    run,
)


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"riskclf {riskclf.__version__}\n"
    assert run("--help") == 0
    assert {"predict", "info"} <= set(capsys.readouterr().out.split())
    assert run("predict", "--help") == 0
    assert "Exit status: 0 success, 1 finished but some rows" in capsys.readouterr().out


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "pyarrow", "numpy", "scipy", "sklearn", "fugashi")
    code = f"import sys, riskclf.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict"], "give either posts as TEXT or a file with --input"),
        (["predict", "hello", "--input", "a.csv"], "give either posts as TEXT or a file"),
        (["predict", "hello", "--output", "a.csv"], "--output, --rejects, --format"),
        (["predict", "--nonsense"], "--nonsense"),
        (["predict", "hello", "--batch-size", "0"], "batch-size"),
        (["nonsense"], "nonsense"),
        (["predict", "--input", "gone.csv"], "gone.csv does not exist"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert only_line(err).startswith("error: ")
    assert message in err
    assert out == ""


def test_errors_of_the_model_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ArtifactNotFound("there is no model in nowhere")

    monkeypatch.setattr("riskclf.cli.options.load_classifier", fail)
    assert run("predict", "hello", "--model", "nowhere") == 2
    assert only_line(capsys.readouterr().err) == "error: there is no model in nowhere\n"
    assert run("info", "--model", "nowhere") == 2


def test_model_device_and_batch_size_reach_the_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def load(*arguments: object) -> Fake:
        seen.extend(arguments)
        return Fake()

    monkeypatch.setattr("riskclf.cli.options.load_classifier", load)
    assert run("predict", "hi", "--model", "dir", "--device", "cpu", "--batch-size", "8") == 0
    assert seen[:3] == ["dir", "cpu", 8]


def test_an_unforeseen_error_does_not_print_variables(table: Path, tmp_path: Path) -> None:
    command = program(None, "predict", "--input", table, "--output", "-")
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert "TypeError" in done.stderr
    assert "散歩" not in done.stderr
