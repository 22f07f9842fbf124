"""Text of a post is only where it was asked for; nothing reaches another computer."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from tests.trust.canary import Canary
from tests.trust.leaks import ROOT, Leaks

CANARY = Canary.drawn(1)


@pytest.mark.parametrize(
    "content",
    [
        CANARY.post.encode(),
        CANARY.post.encode("utf-16"),
        json.dumps(CANARY.post).encode(),
        urllib.parse.quote(CANARY.post).encode(),
        base64.b64encode(CANARY.post.encode()),
        base64.b64encode(b"x" + CANARY.post.encode()),
        base64.b64encode(b"xx" + CANARY.post.encode()),
        gzip.compress(CANARY.post.encode(), mtime=0),
        repr(CANARY.post.encode()).encode(),
        CANARY.kana[:4].encode() + b"\n  " + CANARY.kana[4:].encode(),
        CANARY.letters.upper().encode(),
    ],
)
def test_the_search_finds_the_post_in_any_form(content: bytes) -> None:
    assert CANARY.found_in(b"before " + content + b" behind" if content[:1] != b"\x1f" else content)
    assert not Canary.drawn(2).found_in(content)


def test_commands_and_the_service_put_no_post_where_it_was_not_asked_for(
    model_directory: Path, tmp_path: Path
) -> None:
    shutil.copytree(model_directory, tmp_path / "model")
    leaks = Leaks(tmp_path, CANARY)
    leaks.write_inputs()
    leaks.run(
        [
            *("predict-csv", "predict-xlsx", "predict-broken", "predict-json"),
            *("explain-text", "explain-broken", "suggest", "suggest-broken", "init"),
            *("triage-store", "triage-broken", "next", "act", "act-wrong", "handover", "export"),
            *("audit-verify", "audit-merge"),
        ]
    )
    leaks.serve()
    leaks.search()
    assert leaks.failures == []
    # The search looked at files that do hold the post.
    assert CANARY.files_with(tmp_path / "work" / "asked")


def test_to_reach_another_computer_is_refused_and_told(tmp_path: Path) -> None:
    code = (
        "import socket, sys; from pathlib import Path\n"
        "from tests.trust.driven import refuse_network\n"
        "refuse_network(Path(sys.argv[1]))\n"
        "for reach in (lambda: socket.create_connection(('192.0.2.1', 80)),\n"
        "              lambda: socket.getaddrinfo('example.org', 443)):\n"
        "    try:\n"
        "        reach()\n"
        "    except OSError as error:\n"
        "        print(error)\n"
    )
    told = tmp_path / "network.txt"
    done = subprocess.run(
        [sys.executable, "-c", code, str(told)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout.count("refused") == 2
    assert len(told.read_text(encoding="utf-8").splitlines()) == 2
