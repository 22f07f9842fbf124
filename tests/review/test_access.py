"""Who gets in, what every answer carries, and what no log holds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from riskclf.casework import State, Store
from riskclf.classifier import RiskClassifier
from tests.review.helpers import Running, new_case, new_store, running

TEXT = "猫がキーボードの上で寝ている"


@pytest.fixture
def store(classifier: RiskClassifier, tmp_path: Path) -> Store:
    cases = [new_case(classifier, "https://example.org/1", TEXT)]
    return new_store(tmp_path / "cases.db", cases, model=classifier.fingerprint)


@pytest.fixture
def page(store: Store, classifier: RiskClassifier) -> Iterator[Running]:
    with running(store, classifier) as found:
        yield found


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "[::1]"])
def test_a_request_that_names_another_host_gets_nothing(page: Running, host: str) -> None:
    page.enter()
    for port in (f":{page.access.port}", "", ":1"):
        named = host + port
        if named == page.access.host:
            continue
        assert page.client.get("/", headers={"Host": named}).status_code == 421
        assert page.post("/api/next", Host=named).status_code == 421
        entering = page.client.get(page.access.address, headers={"Host": named})
        assert entering.status_code == 421


@pytest.mark.parametrize("path", ["/", "/static/review.js", "/static/review.css", "/other"])
def test_nothing_is_answered_before_the_token_is_given(page: Running, path: str) -> None:
    assert page.client.get(path).status_code == 403
    assert page.post("/api/next").status_code == 403


def test_the_token_works_once(page: Running) -> None:
    address = page.access.address
    wrong = page.client.get(f"{page.url}/enter?token=wrong")
    assert (wrong.status_code, wrong.headers.get("set-cookie")) == (403, None)
    assert page.client.head(address).status_code == 403
    entered = page.client.get(address)
    assert entered.status_code == 303 and entered.headers["location"] == "/"
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert page.access.session not in address
    assert page.client.get("/").status_code == 200
    with httpx2.Client() as other:
        again = other.get(address)
        assert (again.status_code, again.headers.get("set-cookie")) == (403, None)
        assert other.get(f"{page.url}/enter").status_code == 403
        assert other.get(f"{page.url}/enter?token=None").status_code == 403


def test_a_request_of_another_page_changes_nothing(page: Running, store: Store) -> None:
    page.enter()
    for headers in (
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "wrong"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
    ):
        assert page.post("/api/next", **headers).status_code == 403
    assert store.case(1).state is State.NEW
    assert page.post("/api/next", Origin=page.url).status_code == 200
    assert store.case(1).state is State.ASSIGNED


def test_every_answer_forbids_what_the_page_does_not_need(page: Running) -> None:
    refused = page.client.get("/")
    page.enter()
    answers = [
        refused,
        page.client.get("/"),
        page.client.get("/static/review.js"),
        page.client.get("/static/none"),
        page.client.get("/", headers={"Host": "evil.example"}),
        page.post("/api/next"),
        page.post("/api/act", {"nothing": 1}),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert set(policy.split("; ")) == {
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        }
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/static/../app.py"])
def test_there_is_nothing_else(page: Running, path: str) -> None:
    page.enter()
    assert page.client.get(path).status_code == 404


def test_a_body_that_is_too_large_is_refused_unread(page: Running) -> None:
    page.enter()
    answer = page.post("/api/paste", {"text": "x" * (4 * 2**20)})
    assert answer.status_code == 413


def test_a_refused_request_is_not_repeated(page: Running) -> None:
    page.enter()
    for body in ({"case": TEXT}, {"case": 1, "other": TEXT}, {TEXT: 1}):
        answer = page.post("/api/take", body)
        assert answer.status_code == 422
        assert "猫" not in answer.text and "\\u732b" not in answer.text


class _Fails:
    """A classifier whose error message holds the post."""

    fingerprint = "f" * 64

    def explain_many(self, posts: Iterable[str]) -> Any:
        raise ValueError(f"cannot explain {[*posts]}")


def test_no_log_holds_a_text_a_reference_or_the_token(
    store: Store, classifier: RiskClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    failing: Any = _Fails()
    for one in (classifier, failing):
        with running(store, one) as page:
            token = page.access.token or ""
            page.enter()
            page.post("/api/next")
            status = page.post("/api/open", {"case": 1}).status_code
            assert status == (200 if one is classifier else 500)
            page.post("/api/paste", {"text": f"r9\t{TEXT}\n{TEXT}"})
            page.post("/api/act", {"case": 1, "action": TEXT})
            page.client.get(f"/{TEXT}?q={TEXT}")
    assert "ValueError" in caplog.text  # errors are logged, without their message
    ours = "\n".join(x.getMessage() for x in caplog.records if not x.name.startswith("http"))
    for secret in (TEXT, "example.org", token, page.access.csrf, page.access.session):
        assert secret not in ours
