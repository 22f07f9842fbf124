"""What requests and answers hold, and what every endpoint refuses alike."""

# No `from __future__ import annotations`: FastAPI reads the types below, which are made here.

import asyncio
from typing import Annotated, Any, TypeVar

from fastapi import HTTPException
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from riskclf.classifier import RiskClassifier
from riskclf.labels import Prediction
from riskclf.serve.batching import Batcher, QueueFull
from riskclf.tables.predictions import prediction_columns, prediction_values

__all__ = ["REFUSALS", "Refusal", "Rows", "posts_type", "results_in_time"]

T = TypeVar("T")


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


def posts_type(name: str, most: int) -> Any:
    """The body of a request: `text`, one post or a list of at most so many."""
    texts = Annotated[list[str], Field(max_length=most)]
    given = Annotated[
        texts,
        BeforeValidator(
            lambda text: [text] if isinstance(text, str) else text,
            json_schema_input_type=str | texts,
        ),
        Field(description="One post, or a list of posts.", examples=[["部活おわった〜"]]),
    ]
    return create_model(name, __config__=ConfigDict(extra="forbid"), text=(given, ...))


class Rows:
    """Predictions as `riskclf predict` writes them; the schema has the labels of the model."""

    def __init__(self, classifier: RiskClassifier) -> None:
        """`classifier`: whose predictions they are."""
        self._columns = prediction_columns(classifier.labels)
        self._risk_labels = classifier.risk_labels
        fields: dict[str, Any] = {name: (kind, ...) for name, kind in self._columns.items()}
        self.type: Any = create_model(
            "Prediction", __doc__="What `riskclf predict` writes for a post.", **fields
        )

    def of(self, prediction: Prediction) -> dict[str, Any]:
        """A prediction as JSON values."""
        values = prediction_values(prediction, self._risk_labels)
        return dict(zip(self._columns, values, strict=True))


async def results_in_time(batcher: Batcher[T], posts: list[str], timeout: float) -> list[T]:
    """What a batcher gives.

    Raises:
        HTTPException: 429, too many posts wait; 503, it took longer than `timeout` seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            return await batcher.results(posts)
    except QueueFull as full:
        raise HTTPException(429, str(full), {"Retry-After": str(full.retry_after)}) from None
    except TimeoutError:
        raise HTTPException(503, f"no answer in {timeout:g} s") from None
