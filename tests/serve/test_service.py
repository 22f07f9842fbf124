"""The service as its clients see it: a real server on a port of this computer, a real client."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from riskclf import cli
from riskclf.classifier import RiskClassifier
from riskclf.explanation.wording import sentence
from riskclf.language import speaking
from tests.serve.helpers import Gated, eventually, metric, running

TOKEN = "abcdefgh-12345678"
POST = "部活おわった〜 おなかすいた"


@pytest.fixture(scope="module")
def service(classifier: RiskClassifier) -> Iterator[httpx2.Client]:
    with running(classifier) as client:
        yield client


@pytest.fixture
def gated(classifier: RiskClassifier) -> Iterator[Gated]:
    found = Gated(classifier)
    yield found
    found.gate.set()


def raw(client: httpx2.Client, head: str, body: bytes = b"") -> socket.socket:
    """A connection on which a request was begun."""
    url = client.base_url
    opened = socket.create_connection((url.host, url.port), timeout=30)
    opened.sendall(f"{head}\r\nHost: x\r\nContent-Type: application/json\r\n".encode())
    opened.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body) or 100, body))
    return opened


# Answers ------------------------------------------------------------------------------------------


def test_a_prediction_is_what_riskclf_predict_writes(
    service: httpx2.Client, model_directory: Path, sentences: tuple[str, ...], tmp_path: Path
) -> None:
    posts = [*sentences, "", "\N{REPLACEMENT CHARACTER}" * 9, "雨 " * 5000]
    rows = "".join(json.dumps({"text": post}) + "\n" for post in posts)
    (tmp_path / "posts.jsonl").write_text(rows, encoding="utf-8")
    files = ("--input", str(tmp_path / "posts.jsonl"), "--output", str(tmp_path / "out.jsonl"))
    assert cli.main(["predict", *files, "--model", str(model_directory)]) == 0
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    answer = service.post("/v1/predict", json={"text": posts}).json()
    for post, line, found in zip(posts, lines, answer["predictions"], strict=True):
        written = json.loads(line)
        assert written.pop("text") == post
        assert [*found] == [*written]
        for name, value in written.items():
            assert found[name] == (
                pytest.approx(value, abs=1e-4) if type(value) is float else value
            )


def test_one_post_is_answered_like_a_list_of_one(
    service: httpx2.Client, classifier: RiskClassifier
) -> None:
    one, many, none = (
        service.post("/v1/predict", json={"text": text}).json() for text in (POST, [POST], [])
    )
    assert one == many
    assert one["model"] == none["model"] == classifier.fingerprint
    assert none["predictions"] == []


def test_an_explanation_is_that_of_the_library_in_the_language_asked_for(
    classifier: RiskClassifier,
) -> None:
    posts = [f"  {POST}", POST]
    with running(classifier, explain=True) as client:
        for query, language in (("", "en"), ("?lang=ja", "ja")):
            answer = client.post(f"/v1/explain{query}", json={"text": posts}).json()
            assert answer["model"] == classifier.fingerprint
            expected = classifier.explain_many(posts)
            for found, explanation in zip(answer["explanations"], expected, strict=True):
                places = [(span.start, span.end) for span in explanation.spans]
                assert [(x["start"], x["end"]) for x in found["spans"]] == places
                with speaking(language):
                    assert found["sentence"] == sentence(explanation.aspects)
                assert found["prediction"]["decision"] == explanation.prediction.decision
        assert POST not in client.post("/v1/explain", json={"text": posts}).text
        assert client.post("/v1/explain?lang=xx", json={"text": posts}).status_code == 422
        assert metric(client, "riskclf_explained_posts_total") == 6


def test_nothing_is_explained_unless_it_is_switched_on(service: httpx2.Client) -> None:
    assert service.post("/v1/explain", json={"text": POST}).status_code == 404
    assert "/v1/explain" not in service.get("/openapi.json").json()["paths"]


def test_64_clients_at_once_get_every_answer_in_its_place(
    service: httpx2.Client, classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    posts = [f"{sentence} {n}" for n in range(64) for sentence in sentences]
    risks = dict(zip(posts, (x.risk for x in classifier.predict_many(posts)), strict=True))
    # What this can tell apart: hardly two posts have the same risk.
    assert len({round(risk, 5) for risk in risks.values()}) > 0.9 * len(posts)
    before = metric(service, "riskclf_batch_posts_count")

    def ask(number: int) -> int:
        own = posts[number::64]
        with httpx2.Client(base_url=service.base_url, timeout=60, verify=False) as client:
            for size in (1, 5, len(own) - 6):
                part, own = own[:size], own[size:]
                found = client.post("/v1/predict", json={"text": part}).json()["predictions"]
                assert [x["risk"] for x in found] == pytest.approx(
                    [risks[post] for post in part], abs=1e-4
                )
        return len(posts[number::64])

    with ThreadPoolExecutor(64) as clients:
        assert sum(clients.map(ask, range(64))) == len(posts)
    assert metric(service, "riskclf_batch_posts_count") - before < 64 * 3


def test_the_operating_point_and_the_limits_of_the_command_reach_the_service(
    model_directory: Path,
) -> None:
    strict = RiskClassifier.load(model_directory, thresholds={"flag": 1e-6, "review": 1e-7})
    with running(strict, max_posts=2) as client:
        found = client.post("/v1/predict", json={"text": POST}).json()["predictions"]
        assert found[0]["decision"] == "flag"
        assert client.post("/v1/predict", json={"text": [POST] * 3}).status_code == 422


# Refusals -----------------------------------------------------------------------------------------


def test_a_full_queue_is_429_and_what_waited_is_answered(gated: Gated) -> None:
    with running(gated, queue=3) as client, ThreadPoolExecutor(2) as others:
        first = others.submit(client.post, "/v1/predict", json={"text": POST})
        eventually(lambda: gated.asked)
        second = others.submit(client.post, "/v1/predict", json={"text": [POST, "b"]})
        eventually(lambda: metric(client, "riskclf_waiting_posts") == 3)
        refused = client.post("/v1/predict", json={"text": "c"})
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        gated.gate.set()
        assert [len(x.result().json()["predictions"]) for x in (first, second)] == [1, 2]
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/predict", json={"text": "c"}).status_code == 200


def test_no_answer_in_time_is_503_and_the_posts_are_dropped(gated: Gated) -> None:
    with running(gated, timeout=0.2) as client:
        assert client.post("/v1/predict", json={"text": "a"}).status_code == 503
        assert client.post("/v1/predict", json={"text": "b"}).status_code == 503
        gated.gate.set()
        assert client.post("/v1/predict", json={"text": "c"}).status_code == 200
        assert gated.asked == ["a", "c"]


def test_the_posts_of_a_client_that_has_left_are_dropped(gated: Gated) -> None:
    with running(gated) as client, ThreadPoolExecutor(1) as others:
        first = others.submit(client.post, "/v1/predict", json={"text": "a"})
        eventually(lambda: gated.asked)
        with raw(client, "POST /v1/predict HTTP/1.1", b'{"text": "b"}'):
            eventually(lambda: metric(client, "riskclf_waiting_posts") == 2)
        eventually(lambda: metric(client, "riskclf_waiting_posts") == 1)
        gated.gate.set()
        assert first.result().status_code == 200
        assert client.post("/v1/predict", json={"text": "c"}).status_code == 200
        assert gated.asked == ["a", "c"]


def test_a_body_that_is_too_large_is_413_with_and_without_a_declared_length(
    classifier: RiskClassifier,
) -> None:
    with running(classifier, max_bytes=1000) as client:
        large = {"text": "a" * 1000}
        assert client.post("/v1/predict", json=large).status_code == 413
        chunks = (json.dumps(large).encode() for _ in range(2))
        headers = {"content-type": "application/json"}
        assert client.post("/v1/predict", content=chunks, headers=headers).status_code == 413
        assert client.post("/v1/predict", json={"text": "a" * 900}).status_code == 200


def test_a_body_that_does_not_arrive_is_408(classifier: RiskClassifier) -> None:
    with (
        running(classifier, timeout=0.2) as client,
        raw(client, "POST /v1/predict HTTP/1.1") as opened,
    ):
        assert opened.recv(100).startswith(b"HTTP/1.1 408 ")


def test_without_the_token_only_health_is_answered(classifier: RiskClassifier) -> None:
    with running(classifier, token=TOKEN, max_bytes=100) as client:
        wrong: list[dict[str, str]] = [{}, {"authorization": f"Basic {TOKEN}"}]
        wrong += [
            {"authorization": x} for x in ("Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x")
        ]
        for headers in wrong:
            # The body, which is too large, is not read.
            refused = client.post("/v1/predict", json={"text": "a" * 200}, headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            for path in ("/metrics", "/docs", "/openapi.json", "/no-such"):
                assert client.get(path, headers=headers).status_code == 401
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        right = {"authorization": f"bearer {TOKEN}"}
        assert client.post("/v1/predict", json={"text": POST}, headers=right).status_code == 200
        assert "Authorization" in client.get("/docs", headers=right).text


# What is said and written -------------------------------------------------------------------------


class Failing:
    """Fails, and says so with the text of a post."""

    labels = ("minor_solicitation", "benign")
    risk_labels = ("minor_solicitation",)
    fingerprint = "0123"

    def predict_many(self, posts: list[str]) -> Any:
        raise RuntimeError(f"cannot read {posts}")


def test_no_answer_and_no_log_holds_text_of_a_post(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "とくべつなことば"
    with running(Failing()) as client:
        answers = [
            client.post("/v1/predict", json=body)
            for body in (
                {"text": secret},
                {"text": [secret, 1]},
                {"text": {secret: secret}},
                {"text": secret, secret: secret},
                secret,
                [secret],
            )
        ]
        kind = {"content-type": "application/json"}
        broken = f'{{"text": "{secret}'.encode()
        answers.append(client.post("/v1/predict", content=broken, headers=kind))
        answers.append(client.post("/v1/predict", content=secret.encode(), headers=kind))
        answers.append(client.post("/v1/predict", content=secret.encode("cp932"), headers=kind))
        answers.append(client.get(f"/{secret}"))
        answers.append(client.get("/v1/predict", params={"text": secret}))
        answers.append(client.get("/metrics", params={"text": secret}))
        with raw(client, f"{secret.encode().hex()} /v1/predict HTTP/1.1", b"{}") as opened:
            answers.append(httpx2.Response(400, content=opened.recv(10_000)))
    assert [answer.status_code for answer in answers] == [500, *[422] * 7, 400, 404, 405, 200, 400]
    # httpx2 logs what it asks for; that is the client's own.
    written = "".join(capfd.readouterr()) + "".join(
        record.getMessage() + str(record.exc_info)
        for record in caplog.records
        if not record.name.startswith("httpx2") and not record.name.startswith("httpcore2")
    )
    assert "RuntimeError" in written and "POST /v1/predict 500" in written
    shapes = [secret, json.dumps(secret)[1:-1], repr(secret.encode())[2:-1], secret.encode().hex()]
    shapes.append(str(httpx2.QueryParams({"text": secret})))
    for text in (written, *(answer.text for answer in answers)):
        assert not [shape for shape in shapes if shape in text]


def test_requests_posts_and_decisions_are_counted(classifier: RiskClassifier) -> None:
    with running(classifier) as client:
        for text in ([POST, ""], "a"):
            client.post("/v1/predict", json={"text": text})
        client.post("/v1/predict", json={"text": 1})
        assert metric(client, 'riskclf_requests_total{path="/v1/predict",status="200"}') == 2
        assert metric(client, 'riskclf_requests_total{path="/v1/predict",status="422"}') == 1
        decisions = ("flag", "review", "clear")
        counts = [metric(client, f'riskclf_posts_total{{decision="{x}"}}') for x in decisions]
        assert sum(counts) == 3
        assert metric(client, "riskclf_batch_posts_sum") == 3
        assert classifier.fingerprint in client.get("/metrics").text


def test_the_page_for_people_asks_for_nothing_from_elsewhere(service: httpx2.Client) -> None:
    page = service.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"<script|<iframe|(src|href)=\"?(https?:)?//|url\(|@import", page.text)
    for path in service.get("/openapi.json").json()["paths"]:
        assert path in page.text
