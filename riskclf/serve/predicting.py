"""`POST /v1/predict`: posts in, predictions out, as `riskclf predict` writes them."""

# No `from __future__ import annotations`: FastAPI reads the types below, which are made here.

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field, create_model

from riskclf.labels import Prediction
from riskclf.serve.batching import Batcher
from riskclf.serve.metrics import Metrics
from riskclf.serve.schema import REFUSALS, Rows, posts_type, results_in_time
from riskclf.serve.settings import Settings

__all__ = ["predicting"]


def predicting(
    fingerprint: str,
    rows: Rows,
    batcher: Batcher[Prediction],
    settings: Settings,
    metrics: Metrics,
) -> APIRouter:
    """The endpoint.

    Args:
        fingerprint: of the model.
        rows: its predictions as JSON.
        batcher: labels posts.
        settings: limits.
        metrics: where decisions are counted.
    """
    given = posts_type("Posts", settings.max_posts)
    answer_type = create_model(
        "Predictions",
        model=(str, Field(description="Fingerprint of the model, as `riskclf info` prints it.")),
        predictions=(
            list[rows.type],  # type: ignore[name-defined]
            Field(description="In the order of the posts."),
        ),
    )
    router = APIRouter()

    @router.post("/v1/predict", responses={200: {"model": answer_type}, **REFUSALS})
    async def predict(posts: given) -> JSONResponse:  # type: ignore[valid-type]
        """Label one post or many; the predictions are in the order of the posts.

        A label is a suggestion about a text. A person decides.
        """
        texts: list[str] = posts.text  # type: ignore[attr-defined]
        found = await results_in_time(batcher, texts, settings.timeout)
        metrics.labelled(found)
        return JSONResponse({"model": fingerprint, "predictions": [*map(rows.of, found)]})

    return router
