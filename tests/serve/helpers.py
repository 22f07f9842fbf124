"""A running service, and a classifier that waits until it is told to compute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from riskclf.classifier import RiskClassifier
from riskclf.labels import Prediction
from riskclf.serve.app import make_app
from riskclf.serve.server import bound, server_of
from riskclf.serve.settings import Settings


class Gated:
    """A real classifier that computes only while its gate is open."""

    def __init__(self, classifier: RiskClassifier) -> None:
        self.labels, self.risk_labels = classifier.labels, classifier.risk_labels
        self.fingerprint = classifier.fingerprint
        self.gate = threading.Event()
        self.asked: list[str] = []
        self._classifier = classifier

    def predict_many(self, posts: Iterable[str]) -> list[Prediction]:
        posts = list(posts)
        self.asked += posts
        assert self.gate.wait(30)
        return self._classifier.predict_many(posts)


@contextmanager
def running(classifier: Any, **settings: Any) -> Iterator[httpx2.Client]:
    """A service on a free port, in a thread, and a client of it."""
    chosen = Settings(**settings)
    listening = bound("127.0.0.1", 0)
    server = server_of(make_app(classifier, chosen), chosen.timeout)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        eventually(lambda: server.started)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx2.Client(base_url=url, timeout=60, verify=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def eventually(is_so: Callable[[], object]) -> None:
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it was not so within 10 s")


def metric(client: httpx2.Client, name: str) -> float:
    """The value of a metric, such as ``riskclf_waiting_posts``."""
    lines = client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(name + " ")).split()[-1])
