"""`riskclf serve` as a program: what it refuses, what it prints, how it ends."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from riskclf.errors import InputError
from tests.cli.helpers import ROOT, only_line, run


def test_an_open_address_without_a_token_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RISKCLF_TOKEN", raising=False)
    assert run("serve", "--host", "0.0.0.0", "--port", "0") == 2
    assert "--token-file" in only_line(capsys.readouterr().err)


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run("serve", "--port", str(taken.getsockname()[1])) == 2
    assert "--port" in only_line(capsys.readouterr().err)


def test_a_cascade_is_asked_of_the_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(*given: Any) -> None:
        raise InputError(f"cascade {given[3]['cascade']}")

    monkeypatch.setattr("riskclf.cli.options.load_classifier", load)
    assert run("serve", "--port", "0", "--cascade") == 2
    assert "cascade True" in only_line(capsys.readouterr().err)


def test_without_the_extra_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    missing = "uvicorn"
    monkeypatch.setattr(
        "riskclf.cli.serve.find_spec", lambda name: None if name == missing else find(name)
    )
    assert run("serve") == 2
    assert only_line(capsys.readouterr().err) == (
        "error: riskclf serve needs uvicorn: pip install 'riskclf[serve]'\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_a_request_that_has_begun_when_it_is_stopped_is_answered(
    model_directory: Path, tmp_path: Path
) -> None:
    code = "import sys; from riskclf.cli.app import main; sys.exit(main())"
    (tmp_path / "token").write_text("abcdefgh-12345678")
    options = ["--port", "0", "--model", str(model_directory), "--device", "cpu"]
    options += ["--token-file", str(tmp_path / "token")]
    log = tmp_path / "log"
    with log.open("w") as file:
        started = subprocess.Popen(
            [sys.executable, "-c", code, "serve", *options],
            stderr=file,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        _wait_for(log, "application startup complete")
        (port,) = re.findall(r"listening on http://127\.0\.0\.1:(\d+)/docs", log.read_text())
        posts = [f"今日は図書館で本を{n}冊借りました。" for n in range(300)]
        body = json.dumps({"text": posts}).encode()
        with socket.create_connection(("127.0.0.1", int(port)), timeout=60) as opened:
            opened.sendall(
                b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Authorization: Bearer abcdefgh-12345678\r\nExpect: 100-continue\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body)
            )
            assert opened.recv(100).startswith(b"HTTP/1.1 100 ")  # so the request has begun
            started.send_signal(signal.SIGTERM)
            _wait_for(log, "Shutting down")
            opened.sendall(body)
            answer = b""
            while part := opened.recv(1 << 16):
                answer += part
        head, _, content = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert len(json.loads(content)["predictions"]) == len(posts)
        assert started.wait(30) == 0
    finally:
        started.kill()
    written = log.read_text()
    assert "POST /v1/predict 200" in written
    assert "図書館" not in written and "abcdefgh" not in written


def _wait_for(log: Path, line: str) -> None:
    for _ in range(4000):
        if line.lower() in log.read_text().lower():
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())
