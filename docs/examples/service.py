"""Label posts over HTTP, for other programs on this computer.

::

    pip install fastapi uvicorn
    uvicorn service:app --host 127.0.0.1 --port 8000
    curl http://127.0.0.1:8000/predict --json '{"posts": ["部活おわった〜"]}'

It has no login and no encryption: put it behind a server that has both before others use it. It
writes no post to a log. ``RISKCLF_MODEL`` names another model directory.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Lock
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from riskclf import RiskClassifier


class Posts(BaseModel):
    """What is asked."""

    posts: list[Annotated[str, Field(max_length=10_000)]] = Field(max_length=1_000)


class Answer(BaseModel):
    """What is said of one post."""

    label: str
    side: str
    decision: str
    risk: float


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model before the first request, not in it."""
    app.state.classifier = RiskClassifier.load(os.environ.get("RISKCLF_MODEL"))
    app.state.computing = Lock()
    yield


app = FastAPI(title="riskclf", lifespan=lifespan)


@app.get("/health")
def health(request: Request) -> dict[str, str]:
    """Say which model answers."""
    return {"model": request.app.state.classifier.fingerprint}


@app.post("/predict")
def predict(asked: Posts, request: Request) -> list[Answer]:
    """Label posts; the answers are in their order."""
    # A plain `def`, so that FastAPI calls it in a thread and stays reachable. One request computes
    # at a time: it uses all cores already.
    with request.app.state.computing:
        predictions = request.app.state.classifier.predict_many(asked.posts)
    return [
        Answer(label=p.label, side=p.side, decision=p.decision, risk=p.risk) for p in predictions
    ]


@app.exception_handler(RequestValidationError)
def refused(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong with a request; FastAPI's own answer would repeat the posts."""
    detail = [{"loc": list(x["loc"]), "msg": x["msg"]} for x in error.errors()]
    return JSONResponse({"detail": detail}, status_code=422)
