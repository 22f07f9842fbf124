"""A running page over a store with harmless cases, and an agency's drafts that can be copied."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from riskclf.casework import Store
from riskclf.casework.drafts import Templates, sample
from riskclf.casework.intake import DeskPost
from riskclf.casework.purge import OUTCOMES
from riskclf.casework.triage import Because, NewCase
from riskclf.classifier import RiskClassifier
from riskclf.language import Language
from riskclf.review.access import Access
from riskclf.review.app import make_app
from riskclf.review.desk import Desk, Limits
from riskclf.serve.server import bound, server_of
from tests.serve.helpers import eventually

__all__ = ["OFFICER", "Running", "Walltime", "new_case", "new_store", "own_drafts", "running"]

OFFICER = "officer-7"


class Walltime:
    """The clock of a store; a test moves it on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def new_case(
    classifier: RiskClassifier,
    reference: str,
    *texts: str,
    context: str | None = None,
    support: bool = False,
    priority: float = 1.0,
) -> NewCase:
    posted = datetime.now(UTC) - timedelta(hours=3)
    posts = [
        DeskPost(n, text, reference if n == 1 else f"{reference}-{n}", posted, context)
        for n, text in enumerate(texts, start=1)
    ]
    because = Because.SUPPORT if support else Because.RISK
    return NewCase(posts, classifier.predict(texts[0]), because, priority, support)


def new_store(
    place: Path, cases: Sequence[NewCase], *, model: str, clock: Walltime | None = None
) -> Store:
    store = Store.create(
        str(place),
        purpose="child protection",
        legal_basis="a statute",
        source="public posts",
        retention=dict.fromkeys(OUTCOMES, 30),
        clock=clock,
    )
    if cases:
        store.add(cases, model=model, officer="chief")
    return store


def own_drafts(place: Path) -> Path:
    """The samples as an agency's own file, with its names and numbers filled in."""
    own = sample().replace("sample = true", "sample = false")
    place.write_text(re.sub(r'^(\w+) = ""(?!")', r'\1 = "(\1)"', own, flags=re.M), encoding="utf-8")
    return place


@dataclass
class Running:
    """A page that answers, and what it knows."""

    desk: Desk
    access: Access
    client: httpx2.Client
    """Has not entered yet."""

    @property
    def url(self) -> str:
        return f"http://{self.access.host}"

    def enter(self) -> None:
        answer = self.client.get(self.access.address, follow_redirects=True)
        assert answer.status_code == 200

    def post(self, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        sent = {"X-CSRF-Token": self.access.csrf, **headers}
        return self.client.post(path, json=body or {}, headers=sent)


@contextmanager
def running(
    store: Store,
    classifier: RiskClassifier,
    *,
    templates: Path | None = None,
    language: Language = Language.ENGLISH,
    limits: Limits | None = None,
    **how: Any,
) -> Iterator[Running]:
    """The page on a free port, in a thread."""
    desk = Desk(
        store,
        OFFICER,
        classifier,
        Templates.read(templates),
        language=language,
        limits=limits,
        **how,
    )
    listening = bound("127.0.0.1", 0)
    access = Access(listening.getsockname()[1])
    server = server_of(make_app(desk, access), 30)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        eventually(lambda: server.started)
        with httpx2.Client(base_url=f"http://{access.host}", timeout=60) as client:
            yield Running(desk, access, client)
    finally:
        server.should_exit = True
        thread.join()
