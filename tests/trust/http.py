"""Hostile requests to the service and to the officers' page, in this process, over ASGI."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskclf import RiskClassifier
from riskclf.casework.drafts import Templates
from riskclf.review.access import Access
from riskclf.review.app import make_app as make_page
from riskclf.review.desk import Desk
from riskclf.serve.app import make_app as make_service
from riskclf.serve.settings import Settings
from tests.conftest import ENGLISH, JAPANESE, model_below
from tests.review.helpers import new_case, new_store
from tests.trust.check import Check, Tried
from tests.trust.fuzzing import Target, failures, fuzz

__all__ = ["CHECK", "TARGETS", "Answer", "Asked"]

_TOKEN = "a-token-of-many-letters"
_MOST_BYTES = 1 << 14
_PLACES = (
    "home", "next", "take", "open", "act", "drafts", "undo", "hold", "support", "lists", "paste",
    "language",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class Asked:
    """An application that is asked without a network; its clock stands where nothing is asked."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        started: AbstractAsyncContextManager[Any] = app.router.lifespan_context(app)
        self._loop.run_until_complete(started.__aenter__())

    def ask(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[bytes, bytes]],
        parts: Sequence[bytes],
        query: bytes = b"",
    ) -> Answer:
        """The answer to a request whose body arrives in parts."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("utf-8", "surrogatepass"),
            "query_string": query,
            "root_path": "",
            "headers": [*headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        return self._loop.run_until_complete(self._answer(scope, [*parts]))

    async def _answer(self, scope: dict[str, Any], parts: list[bytes]) -> Answer:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not parts:
                await asyncio.Event().wait()  # the client stays and says no more
            body = parts.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(parts)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await asyncio.wait_for(self._app(scope, receive, send), 60)
        first, *rest = sent
        assert first["type"] == "http.response.start"
        assert all(message["type"] == "http.response.body" for message in rest)
        return Answer(
            first["status"], dict(first["headers"]), b"".join(x.get("body", b"") for x in rest)
        )


class _Logged(logging.Handler):
    """Everything that is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        for name in ("riskclf.serve", "riskclf.review", "asyncio"):
            logging.getLogger(name).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _request(content: bytes) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """Header lines, a blank line, and a body in parts that NUL bytes separate."""
    head, _, body = content.partition(b"\n\n")
    headers = [
        (name.strip().lower(), value.strip())
        for name, _, value in (line.partition(b":") for line in head.split(b"\n") if line)
    ]
    return headers, body.split(b"\0") if len(body) < 1 << 13 else [body]


def _service(work: Path) -> Callable[[bytes], None]:
    classifier = RiskClassifier.load(model_below(work), device="cpu", engine="pytorch")
    settings = Settings(token=_TOKEN, max_posts=20, max_bytes=_MOST_BYTES, timeout=20, explain=True)
    asked, logged = Asked(make_service(classifier, settings)), _Logged()
    token = (b"authorization", f"Bearer {_TOKEN}".encode())

    def check(content: bytes) -> None:
        logged.lines.clear()
        which, content = content[:1], content[1:]
        path = "/v1/predict" if which < b"\x80" else "/v1/explain"
        given, parts = _request(content)
        json_type = (b"content-type", b"application/json")
        found = asked.ask("POST", path, [token, json_type, *given], parts, content[:30])
        assert found.status in (200, 400, 401, 408, 413, 415, 422, 429), found.status
        json.loads(found.body)
        if found.status == 200:
            key = "predictions" if path.endswith("predict") else "explanations"
            text = json.loads(b"".join(parts))["text"]
            assert len(json.loads(found.body)[key]) == (1 if isinstance(text, str) else len(text))
        # With headers and a path that the request makes up as a whole.
        name = content.partition(b"\n")[0].decode("latin-1")
        other = asked.ask(name[:8], "/" + name, given, parts)
        assert other.status in (200, 307, 400, 401, 404, 405, 413, 422), other.status
        assert all("not logged" not in line for line in logged.lines), "the service failed"
        post = b"".join(parts).decode("utf-8", "replace")
        assert len(post) < 30 or all(post not in line for line in logged.lines), "text in the log"

    return check


def _page(work: Path) -> Callable[[bytes], None]:
    classifier = RiskClassifier.load(model_below(work), device="cpu", engine="pytorch")
    cases = [new_case(classifier, f"r{number}", text) for number, text in enumerate(JAPANESE[:4])]
    store = new_store(work / "cases.db", cases, model=classifier.fingerprint)
    access = Access(1234)
    desk = Desk(store, "officer-7", classifier, Templates.read(None))
    asked, logged = Asked(make_page(desk, access)), _Logged()
    cookie = f"{access.cookie}={access.session}".encode()
    good = [
        (b"host", access.host.encode()),
        (b"cookie", cookie),
        (b"x-csrf-token", access.csrf.encode()),
        (b"content-type", b"application/json"),
    ]

    def check(content: bytes) -> None:
        logged.lines.clear()
        which, content = content[0] if content else 0, content[1:]
        path = f"/api/{_PLACES[which % len(_PLACES)]}"
        given, parts = _request(content)
        length = (b"content-length", str(sum(map(len, parts))).encode())
        found = asked.ask("POST", path, [*good, length, *given], parts)
        assert found.status in (200, 400, 403, 409, 413, 415, 421, 422), found.status
        json.loads(found.body)
        # Without the cookie nothing is answered, whatever else is said.
        others = [(name, value) for name, value in given if name not in (b"cookie", b"host")]
        host = (b"host", access.host.encode())
        assert asked.ask("POST", path, [host, *others], parts).status == 403
        got = asked.ask("GET", "/enter", [host, *others], [b""], b"token=" + content[:50])
        assert got.status == 403
        assert b"default-src 'none'" in got.headers[b"content-security-policy"]
        assert all("not logged" not in line for line in logged.lines), "the page failed"

    return check


_BODIES: tuple[Any, ...] = (
    {"text": JAPANESE[0]},
    {"text": [*ENGLISH[:3], "", "\n"]},
    {"text": [1, None]},
    {"text": "a", "other": 10**400},
    {"text": ["\x00\u202e"]},
    [],
)
SERVICE = tuple(
    which + b"\n\n" + json.dumps(body, ensure_ascii=False).encode()
    for which in (b"\x01", b"\x81")
    for body in _BODIES
)
STRANGE = (
    b'\x01\n\n{"text": "\\ud800"}',
    b'\x01content-length: -1\ncontent-type: text/plain\n\n{"text": "a"}',
    b'\x01content-encoding: gzip\ntransfer-encoding: chunked\n\n{"te\0xt": "a"}',
    b"\x01authorization: Bearer x\nauthorization: Basic \xff\n\n{}",
    b'\x01content-type: application/json; charset=utf-16\n\n\xff\xfe{\x00"\x00',
    b"\x01\n\n" + b"[" * 3000,
    b'\x01\n\n{"text": ' + b'{"a":' * 3000,
    b'\x01\n\n{"text": 1' + b"0" * 5000 + b"}",
    b'\x01\n\n{"text": NaN, "text": 1e999}',
    b"\x01\n\n" + b" " * 15_000 + b" ",
)
PAGE = tuple(
    bytes([_PLACES.index(place)]) + b"\n\n" + json.dumps(body).encode()
    for place, body in (
        *((name, {}) for name in ("home", "next", "undo", "support", "lists")),
        *((name, {"case": 1}) for name in ("take", "open")),
        ("take", {"case": 10**30}),
        ("take", {"case": -1}),
        ("act", {"case": 1, "action": "decide", "decision": "benign", "note": "a"}),
        ("act", {"case": 1, "action": "decide", "decision": "unclear", "next": True}),
        ("act", {"case": 2, "action": "secure_evidence"}),
        ("drafts", {"case": 1, "language": "en"}),
        ("hold", {"case": 1, "on": True}),
        ("language", {"language": "ja"}),
        ("paste", {"text": f"reference\ttext\nr9\t{ENGLISH[0]}\n"}),
        ("paste", {"text": '1\t"\ud800\n\t2'}),
    )
)

TARGETS = (
    Target("the service", 300, _service, (*SERVICE, *STRANGE)),
    Target("the officers' page", 300, _page, (*PAGE, *STRANGE)),
)


def _run(work: Path, scale: float) -> Tried:
    return Tried(fuzz(__name__, TARGETS, work, scale), failures(work))


CHECK = Check(
    "hostile-requests",
    "Any request to the service or the officers' page is answered or refused: nothing answers "
    "500, and the page answers nothing without its cookie.",
    "Coverage-guided fuzzing (atheris) of headers and bodies, in this process, for 10 of the 60 "
    "minutes of processor time.",
    "The officers' page answered 500 to a pasted post with half of a surrogate pair, which no "
    "database holds, and to the number of a case beyond what a database counts. Such texts are "
    "stored with U+FFFD, also by `triage`, which failed as a whole; such numbers name no case.",
    _run,
)
