"""Clients that send no request, or half of one, do not keep others out."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import httpx2
import pytest

from riskclf.classifier import RiskClassifier
from riskclf.serve import connections
from riskclf.serve.connections import Connection
from tests.serve.helpers import running

HALF = b"POST /v1/predict HTTP/1.1\r\nHost: he"


@pytest.fixture
def client(classifier: RiskClassifier, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx2.Client]:
    monkeypatch.setattr(Connection, "seconds", 1.0)
    monkeypatch.setattr(connections, "MOST", 20)
    with running(classifier) as made:
        yield made


def connected(client: httpx2.Client, content: bytes) -> socket.socket:
    found = socket.create_connection(("127.0.0.1", client.base_url.port), timeout=10)
    found.sendall(content)
    return found


@pytest.mark.parametrize("content", [b"", HALF])
def test_a_connection_without_a_whole_head_is_closed_in_time(
    client: httpx2.Client, content: bytes
) -> None:
    with connected(client, content) as slow:
        begun = time.monotonic()
        assert slow.recv(1) == b""
        assert 0.5 < time.monotonic() - begun < 5


def test_a_head_that_comes_bit_by_bit_gains_no_time(client: httpx2.Client) -> None:
    with connected(client, b"") as slow, pytest.raises(OSError):
        begun = time.monotonic()
        while time.monotonic() - begun < 8:
            slow.sendall(b"P")
            time.sleep(0.1)


def test_half_a_head_after_a_good_request_is_closed_too(client: httpx2.Client) -> None:
    with connected(client, b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n") as slow:
        answer = b""
        while not answer.endswith(b"\r\n\r\nok"):
            answer += slow.recv(1)
        assert answer.startswith(b"HTTP/1.1 200")
        slow.sendall(HALF)
        assert slow.recv(1) == b""


def test_a_request_that_takes_longer_than_its_head_may_is_answered(client: httpx2.Client) -> None:
    body = '{"text": "雨が降る"}'.encode()
    head = b"POST /v1/predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
    with connected(client, head + b"Content-Length: %d\r\n\r\n" % len(body)) as slow:
        for start in range(0, len(body), 2):
            slow.sendall(body[start : start + 2])
            time.sleep(0.15)
        assert slow.recv(4096).startswith(b"HTTP/1.1 200")


def test_more_connections_than_there_may_be_are_closed_and_others_get_in_again(
    client: httpx2.Client,
) -> None:
    held = [connected(client, HALF) for _ in range(60)]
    try:
        closed = 0
        for each in held:
            each.settimeout(0.05)
            try:
                closed += each.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionResetError:
                closed += 1
        assert closed >= 25
        for each in held:
            each.settimeout(10)
            try:
                assert each.recv(1) == b""
            except ConnectionResetError:
                continue
        assert client.post("/v1/predict", json={"text": "雨が降る"}).status_code == 200
    finally:
        for each in held:
            each.close()
