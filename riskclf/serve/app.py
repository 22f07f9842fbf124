"""The application: every endpoint, around one classifier.

A further endpoint is a module like `predicting`, whose router is included in `make_app`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST

from riskclf import __version__
from riskclf.classifier import RiskClassifier
from riskclf.serve.batching import Batcher
from riskclf.serve.explaining import COST, explaining
from riskclf.serve.guard import HEALTH, Guard
from riskclf.serve.metrics import Metrics
from riskclf.serve.page import page_of
from riskclf.serve.predicting import predicting
from riskclf.serve.schema import Rows
from riskclf.serve.settings import Settings

__all__ = ["make_app"]

_ABOUT = """\
Finds posts in which a child may be about to be harmed. It finds and sorts; a person decides, and
a person sends. `clear` does not mean safe.
"""

# FastAPI would report to OpenTelemetry, and of a refused request what was wrong with its values.
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}

# What a message may name of a request: all else in a location may be text of a post.
_PARTS = ("body", "text", "query", "lang")


def make_app(classifier: RiskClassifier, settings: Settings) -> FastAPI:
    """The application; it computes between its start and its shutdown (ASGI's lifespan)."""
    metrics = Metrics(classifier.fingerprint, lambda: sum(one.waiting for one in batchers))
    rows = Rows(classifier)
    thread = ThreadPoolExecutor(1, "riskclf-compute")
    batcher = Batcher(classifier.predict_many, thread, capacity=settings.queue, tell=metrics.batch)
    batchers: list[Batcher[Any]] = [batcher]
    routers = [predicting(classifier.fingerprint, rows, batcher, settings, metrics)]
    if settings.explain:
        explainer = Batcher(
            classifier.explain_many,
            thread,
            capacity=settings.queue,
            tell=metrics.explained,
            weight=COST,
        )
        batchers.append(explainer)
        routers.append(explaining(classifier.fingerprint, rows, explainer, settings))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        for one in batchers:
            one.start()
        yield
        for one in batchers:
            await one.stop()
        thread.shutdown(wait=False)

    app = FastAPI(
        title="riskclf",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's page loads scripts from elsewhere
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    app.add_exception_handler(RequestValidationError, _refused)
    # The guard checks the token, before the body is read; this only says so in the schema.
    bearer = HTTPBearer(auto_error=False, description="The token of the service.")
    needs_token: dict[str, Any] = {}
    if settings.token is not None:
        kind = {"schema": {"$ref": "#/components/schemas/Refusal"}}
        needs_token = {
            "dependencies": [Security(bearer)],
            "responses": {
                401: {
                    "description": "The token is missing or wrong.",
                    "content": {"application/json": kind},
                }
            },
        }
    for router in routers:
        app.include_router(router, **needs_token)

    @app.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> PlainTextResponse:
        """200 while the service runs."""
        return PlainTextResponse("ok")

    @app.get(
        "/readyz",
        response_class=PlainTextResponse,
        responses={503: {"description": "The queue is full."}},
    )
    async def readyz() -> PlainTextResponse:
        """200 while further posts are taken."""
        ready = all(one.is_ready for one in batchers)
        return PlainTextResponse("ready" if ready else "the queue is full", 200 if ready else 503)

    @app.get("/metrics", response_class=PlainTextResponse, **needs_token)
    async def show_metrics() -> Response:
        """Counters for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(
            page_of(app.openapi()),
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )

    paths = {*app.openapi()["paths"], "/docs", "/openapi.json", *HEALTH}
    app.add_middleware(Guard, settings=settings, metrics=metrics, paths=paths)
    return app


def _refused(_request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a request; FastAPI's own answer would repeat the posts."""
    assert isinstance(error, RequestValidationError)
    detail = [
        {
            "loc": [x if isinstance(x, int) or x in _PARTS else "(unknown)" for x in found["loc"]],
            "msg": found["msg"],
            "type": found["type"],
        }
        for found in error.errors()
    ]
    return JSONResponse({"detail": detail}, 422)
