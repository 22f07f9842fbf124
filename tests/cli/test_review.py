"""`riskclf review` as a program: what it prints, who can reach it, what it refuses."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from riskclf.classifier import RiskClassifier
from tests.cli.helpers import ROOT, only_line, run
from tests.review.helpers import new_case, new_store


def test_without_the_extra_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "riskclf.cli.review.find_spec", lambda name: None if name == "uvicorn" else find(name)
    )
    assert run("review", "cases.db", "--officer", "officer-7") == 2
    assert only_line(capsys.readouterr().err) == (
        "error: riskclf review needs uvicorn: pip install 'riskclf[review]'\n"
    )


def test_a_store_that_is_not_there_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("review", tmp_path / "none.db", "--officer", "officer-7") == 2
    assert "riskclf casework init" in only_line(capsys.readouterr().err)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_the_printed_address_opens_the_page_on_this_computer_only(
    classifier: RiskClassifier, model_directory: Path, tmp_path: Path
) -> None:
    case = new_case(classifier, "r1", "猫がキーボードの上で寝ている")
    new_store(tmp_path / "cases.db", [case], model=classifier.fingerprint)
    # Whoever runs the tests in the background has Ctrl-C ignored, also in what they start.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from riskclf.cli.app import main; sys.exit(main())"
    )
    options = ["--model", str(model_directory), "--device", "cpu", "--lang", "ja"]
    log = tmp_path / "log"
    with log.open("w") as file:
        started = subprocess.Popen(
            [
                *[sys.executable, "-c", code, "review", str(tmp_path / "cases.db")],
                *["--officer", "officer-7", *options],
            ],
            stderr=file,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        for _ in range(4000):
            if "startup complete" in log.read_text():
                break
            time.sleep(0.05)
        (address, port) = re.findall(r"(http://127\.0\.0\.1:(\d+)/enter\S+)", log.read_text())[0]
        if sys.platform == "linux":  # where all of 127.0.0.0/8 is this computer
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", int(port)), timeout=5)
        with httpx2.Client(follow_redirects=True) as client:
            page = client.get(address)
            assert page.status_code == 200 and "officer-7" in page.text
            assert '<html lang="ja"' in page.text
        started.send_signal(signal.SIGINT)
        assert started.wait(30) == 130
    finally:
        started.kill()
    assert "GET" not in log.read_text()  # requests are not logged
