"""What a service counts, for Prometheus. Nothing here holds text of a post."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from riskclf import __version__
from riskclf.labels import DECISIONS, Prediction

__all__ = ["Metrics"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_POSTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one service."""

    def __init__(self, fingerprint: str, waiting: Callable[[], float]) -> None:
        """
        Args:
            fingerprint: of the model that answers.
            waiting: how many posts wait or are computed; called when the metrics are read.
        """
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("riskclf", "Version and model.", registry=registry).info(
            {"version": __version__, "model": fingerprint}
        )
        self._requests = Counter(
            "riskclf_requests", "Requests.", ("path", "status"), registry=registry
        )
        self._seconds = Histogram(
            "riskclf_request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            ("path",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._posts = Counter(
            "riskclf_posts", "Posts that were labelled.", ("decision",), registry=registry
        )
        for decision in DECISIONS:
            self._posts.labels(decision)  # shown from the beginning, as 0
        self._batch = Histogram(
            "riskclf_batch_posts",
            "Posts that were computed together.",
            buckets=_POSTS,
            registry=registry,
        )
        self._computing = Counter(
            "riskclf_compute_seconds", "Seconds spent on computing.", registry=registry
        )
        self._explained = Counter(
            "riskclf_explained_posts", "Posts that were explained.", registry=registry
        )
        Gauge(
            "riskclf_waiting_posts", "Posts that wait or are computed.", registry=registry
        ).set_function(waiting)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request; `path` is one of the service's own."""
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)

    def batch(self, posts: int, seconds: float) -> None:
        """Count what was computed together."""
        self._batch.observe(posts)
        self._computing.inc(seconds)

    def explained(self, posts: int, seconds: float) -> None:
        """Count what was explained together."""
        self._explained.inc(posts)
        self._computing.inc(seconds)

    def labelled(self, predictions: Iterable[Prediction]) -> None:
        """Count the decisions."""
        for prediction in predictions:
            self._posts.labels(prediction.decision).inc()

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self._registry)
