"""A run that is terminated, gets no memory, fails as nobody expected, or sleeps."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import Fake, only_line, program, run, start, wait_for_batches


def test_a_terminated_run_says_so_in_one_line_and_is_continued_to_the_same_bytes(
    tmp_path: Path, table: Path, fake: Fake
) -> None:
    unbroken, out = tmp_path / "u.csv", tmp_path / "o.csv"
    assert run("predict", "--input", table, "--output", unbroken) == 1
    process = start(0.5, "predict", "--input", table, "--output", out)
    wait_for_batches(tmp_path / "o.csv.resume", 1)
    process.terminate()
    err = process.communicate(timeout=30)[1]
    assert process.returncode == 143
    assert only_line(err) == "stopped; run the same command again to continue\n"
    assert not out.exists()
    assert run("predict", "--input", table, "--output", out) == 1
    assert out.read_bytes() == unbroken.read_bytes()


def test_a_run_leaves_the_signals_of_its_program_alone(table: Path, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert run("predict", "--input", table, "--output", tmp_path / "o.csv") == 1
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to 散歩")],
    ids=["Python's", "torch's"],
)
def test_too_little_memory_is_one_line_and_the_run_can_be_continued(
    tmp_path: Path,
    table: Path,
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    unbroken, out = tmp_path / "u.csv", tmp_path / "o.csv"
    assert run("predict", "--input", table, "--output", unbroken) == 1
    capsys.readouterr()
    whole = fake.predict_many

    def failing(posts: Any) -> Any:
        if len(fake.posts) >= 3500:
            raise error
        return whole(posts)

    monkeypatch.setattr(fake, "predict_many", failing)
    assert run("predict", "--input", table, "--output", out) == 2
    assert only_line(capsys.readouterr().err).startswith("error: there is not enough memory")
    assert not out.exists()
    monkeypatch.undo()
    fake.posts.clear()
    monkeypatch.setattr("riskclf.cli.options.load_classifier", lambda *_: fake)
    assert run("predict", "--input", table, "--output", out) == 1
    assert len(fake.posts) < 2498
    assert out.read_bytes() == unbroken.read_bytes()


def test_an_error_that_nobody_expected_is_told_without_its_message(
    tmp_path: Path,
    table: Path,
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def failing(posts: Any) -> Any:
        raise ZeroDivisionError(f"cannot compute {list(posts)!r}")

    monkeypatch.setattr(fake, "predict_many", failing)
    assert run("predict", "--input", table, "--output", tmp_path / "o.csv") == 2
    err = capsys.readouterr().err
    assert "散歩" not in err
    assert "in score_waiting" in err  # where it was
    assert err.splitlines()[-1].startswith("error: ZeroDivisionError, which riskclf did not expect")


def test_a_run_that_was_put_to_sleep_ends_as_if_it_had_not(
    tmp_path: Path, table: Path, fake: Fake
) -> None:
    unbroken, out = tmp_path / "u.csv", tmp_path / "o.csv"
    assert run("predict", "--input", table, "--output", unbroken) == 1
    process = start(0.1, "predict", "--input", table, "--output", out)
    wait_for_batches(tmp_path / "o.csv.resume", 1)
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGCONT)
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert out.read_bytes() == unbroken.read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has such a device")
@pytest.mark.parametrize("more", [[], ["--output", "-"]], ids=["screen", "table"])
def test_full_standard_output_is_named(table: Path, more: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            program(0, "predict", "--input", table, *more),
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == 2
    error = done.stderr.splitlines()[-1]
    assert error.startswith("error: standard output or a temporary file cannot be written")
    assert "make room" in error
