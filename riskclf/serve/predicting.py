"""`POST /v1/predict`: posts in, predictions out, as `riskclf predict` writes them."""

# No `from __future__ import annotations`: FastAPI reads the types below, which are made here.

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from riskclf.classifier import RiskClassifier
from riskclf.serve.batching import Batcher, QueueFull
from riskclf.serve.metrics import Metrics
from riskclf.serve.settings import Settings
from riskclf.tables.predictions import prediction_columns, prediction_values

__all__ = ["REFUSALS", "Refusal", "predicting"]


class Refusal(BaseModel):
    """Why there is no answer; never with text of a post."""

    detail: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Refusal, "description": "The body is not JSON."},
    408: {"model": Refusal, "description": "The body did not arrive in time."},
    413: {"model": Refusal, "description": "The body is too large."},
    429: {
        "model": Refusal,
        "description": "Too many posts are waiting; ask again after Retry-After seconds.",
        "headers": {"Retry-After": {"schema": {"type": "integer"}}},
    },
    500: {"model": Refusal, "description": "The service failed; its log says where."},
    503: {"model": Refusal, "description": "No answer in time; ask again, with fewer posts."},
}
"""What an endpoint below `/v1/` may answer beside 200 and 422, for its schema."""


def predicting(
    classifier: RiskClassifier, batcher: Batcher, settings: Settings, metrics: Metrics
) -> APIRouter:
    """The endpoint; its schema has the labels of the model."""
    columns = prediction_columns(classifier.labels)
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in columns.items()}
    risk_labels = classifier.risk_labels

    texts = Annotated[list[str], Field(max_length=settings.max_posts)]
    given = Annotated[
        texts,
        BeforeValidator(
            lambda text: [text] if isinstance(text, str) else text,
            json_schema_input_type=str | texts,
        ),
        Field(description="One post, or a list of posts.", examples=[["部活おわった〜"]]),
    ]
    posts_type = create_model("Posts", __config__=ConfigDict(extra="forbid"), text=(given, ...))
    prediction_type = create_model(
        "Prediction",
        __doc__="What `riskclf predict` writes for a post.",
        **fields,
    )
    answer_type = create_model(
        "Predictions",
        model=(str, Field(description="Fingerprint of the model, as `riskclf info` prints it.")),
        predictions=(
            list[prediction_type],  # type: ignore[valid-type]
            Field(description="In the order of the posts."),
        ),
    )
    router = APIRouter()

    @router.post("/v1/predict", responses={200: {"model": answer_type}, **REFUSALS})
    async def predict(posts: posts_type) -> JSONResponse:  # type: ignore[valid-type]
        """Label one post or many; the predictions are in the order of the posts.

        A label is a suggestion about a text. A person decides.
        """
        try:
            async with asyncio.timeout(settings.timeout):
                found = await batcher.predict(posts.text)  # type: ignore[attr-defined]
        except QueueFull as full:
            raise HTTPException(429, str(full), {"Retry-After": str(full.retry_after)}) from None
        except TimeoutError:
            raise HTTPException(503, f"no answer in {settings.timeout:g} s") from None
        metrics.labelled(found)
        rows = [
            dict(zip(columns, prediction_values(prediction, risk_labels), strict=True))
            for prediction in found
        ]
        return JSONResponse({"model": classifier.fingerprint, "predictions": rows})

    return router
