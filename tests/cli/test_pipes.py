"""`riskclf predict` between two pipes: every post comes out soon after it came in."""

from __future__ import annotations

import json
import os
import queue
import selectors
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.cli.helpers import only_line, program, records, run, stdin

FIRST = {
    "jsonl": '{"id": 1, "text": "天気"}\n',
    "csv": "id,text\n1,天気\n",
    "tsv": "id\ttext\n1\t天気\n",
    "lines": "天気\n",
}
SECOND = {
    "jsonl": '{"text": "雨"}\n{"id": 3, "text": "雪"}\n',
    "csv": '2,"雨"\n3,雪\n',
    "tsv": "2\t雨\n3\t雪\n",
    "lines": "雨\n雪\n",
}
_SECONDS = 20.0  # the start of a process on a busy machine, not the wait for a post


class Pipes:
    """A process that reads from one pipe, held open, and writes into another."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._stdin: IO[bytes] = process.stdin
        self._lines: queue.Queue[bytes] = queue.Queue()
        reading = threading.Thread(target=self._read, args=[process.stdout], daemon=True)
        reading.start()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(line)

    def write(self, text: str) -> None:
        self._stdin.write(text.encode())
        self._stdin.flush()

    def line(self) -> str:
        """The next line of the output; fails where none comes while the input is open."""
        return self._lines.get(timeout=_SECONDS).decode()


@contextmanager
def pipes(format: str, delay: float = 0) -> Iterator[Pipes]:
    command = program(delay, "predict", "--input", "-", "--format", format, "--output", "-")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield Pipes(process)
        finally:
            process.kill()


@pytest.mark.parametrize("format", list(FIRST))
def test_posts_come_out_while_the_pipe_stays_open(format: str) -> None:
    with pipes(format) as both:
        both.write(FIRST[format])
        if format in ("csv", "tsv"):
            assert both.line().startswith("id")
        assert "天気" in both.line()
        # Half a row waits for its other half, and holds nothing else up.
        text = SECOND[format]
        cut = text.index("雨") + 3
        both.write(text[:cut])
        both.write(text[cut:])
        assert "雨" in both.line()
        assert "雪" in both.line()
        _, errors = both.process.communicate(timeout=_SECONDS)
        assert both.process.returncode == 0, errors.decode()
        assert "3 posts" in errors.decode()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_named_pipe_is_a_stream_too(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    os.mkfifo(path)
    command = program(0, "predict", "--input", path, "--output", "-")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            both = Pipes(process)
            # Opened for both, so that it does not wait for the process, nor end before it is told.
            with os.fdopen(os.open(path, os.O_RDWR), "wb", buffering=0) as writing:
                writing.write(FIRST["csv"].encode())
                assert both.line().startswith("id")
                assert "天気" in both.line()
            _, errors = process.communicate(timeout=_SECONDS)
            assert process.returncode == 0, errors.decode()
        finally:
            process.kill()


def test_a_reject_is_counted_and_holds_nothing_up() -> None:
    with pipes("jsonl") as both:
        both.write('{\n{"other": 1}\n{"text": "天気"}\n{"text": 3}\n{"text": "雪"}\n')
        assert "天気" in both.line()
        assert "雪" in both.line()
        _, errors = both.process.communicate(timeout=_SECONDS)
        assert both.process.returncode == 1
        assert "3 rows were rejected" in errors.decode()


def test_a_later_row_may_have_another_column_but_none_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(monkeypatch, '{"text":"天気"}\n{"text":"雨","n":1}\n{"text":"雪","label":"mine"}\n')
    assert run("predict", "--input", "-", "--output", "-") == 1
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["text"] for row in rows] == ["天気", "雨"]
    assert rows[1]["n"] == 1
    assert "row 3: it has a column 'label', which the first row does not have" in err


def test_the_first_rows_of_a_stream_tell_the_columns_of_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stdin(monkeypatch, '{"text":"天気"}\n{"text":"雨","n":1}\n')
    assert run("predict", "--input", "-", "--output", tmp_path / "o.csv") == 0
    assert [row["n"] for row in records(tmp_path / "o.csv")] == ["", "1"]


@pytest.mark.parametrize("format", list(FIRST))
def test_posts_that_arrive_together_are_computed_together(format: str) -> None:
    with pipes(format, delay=0.1) as both:
        both.write(FIRST[format] + SECOND[format] * 300)
        for _ in range(601):
            both.line()
        _, errors = both.process.communicate(timeout=_SECONDS)
        # One at a time, the 601 posts would take a minute.
        seconds = float(errors.decode().split(" s, ")[0].split()[-1])
        assert seconds < 3


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_ctrl_c_while_it_waits_ends_it_in_one_line(format: str) -> None:
    with pipes(format) as both:
        both.write(FIRST[format])
        while "天気" not in both.line():
            pass
        both.process.send_signal(signal.SIGINT)
        _, errors = both.process.communicate(timeout=_SECONDS)
        assert both.process.returncode == 130
        assert only_line(errors.decode()).startswith("stopped; what was read from standard input")


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_reader_that_leaves_ends_it_quietly(format: str) -> None:
    command = program(0, "predict", "--input", "-", "--format", format, "--output", "-")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(FIRST[format].encode())
        process.stdin.flush()
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            assert ready.select(_SECONDS)
        process.stdout.close()
        _, errors = process.communicate(SECOND[format].encode(), timeout=_SECONDS)
    assert errors == b""
    assert process.returncode == 141
