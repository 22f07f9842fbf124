"""Standard output that nobody reads, or that is closed: no traceback, and the usual status."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.helpers import ROOT, program

COMMANDS = [
    ("--help",),
    ("predict", "--help"),
    ("info",),
    ("audit", "--help"),
    ("predict", "図書館で本を借りた"),
    ("explain", "図書館で本を借りた"),
]


def started(
    arguments: tuple[str, ...], stdout: int, stderr: int = subprocess.PIPE
) -> tuple[int, str]:
    done = subprocess.run(
        program(0, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        encoding="utf-8",
        cwd=ROOT,
    )
    return done.returncode, done.stderr or ""


def unread_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_reader_that_has_left_ends_every_command_quietly(arguments: tuple[str, ...]) -> None:
    pipe = unread_pipe()
    try:
        assert started(arguments, pipe) == (141, "")
    finally:
        os.close(pipe)


def test_an_error_that_nobody_reads_is_quiet_too() -> None:
    pipe = unread_pipe()
    try:
        status, _ = started(("predict", "--input", "missing.csv"), subprocess.DEVNULL, pipe)
    finally:
        os.close(pipe)
    assert status == 141


@pytest.mark.skipif(sys.platform == "win32", reason="a shell closes it so")
def test_input_that_is_closed_is_empty() -> None:
    command = ["sh", "-c", '"$@" <&-', "sh", *program(0, "predict", "--input", "-")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr == "error: standard input is empty; there is nothing to read\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a shell closes it so")
@pytest.mark.parametrize("arguments", [("--version",), ("info",)], ids=" ".join)
def test_output_that_is_closed_is_one_line(arguments: tuple[str, ...]) -> None:
    command = ["sh", "-c", '"$@" >&-', "sh", *program(0, *arguments)]
    done = subprocess.run(command, stderr=subprocess.PIPE, encoding="utf-8", cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr == "error: standard output cannot be written: Bad file descriptor\n"
