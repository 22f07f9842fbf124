"""`POST /v1/explain`: why posts got their predictions, as `RiskClassifier.explain` says it."""

# No `from __future__ import annotations`: FastAPI reads the types below, which are made here.

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, create_model

from riskclf.explanation.wording import explanation_values
from riskclf.labels import Explanation, Strength
from riskclf.language import Language, speaking
from riskclf.serve.batching import Batcher
from riskclf.serve.schema import REFUSALS, Rows, posts_type, results_in_time
from riskclf.serve.settings import Settings

__all__ = ["COST", "Aspect", "Span", "explaining"]

COST = 50
"""About what an explanation costs, in posts that are only labelled."""


class Aspect(BaseModel):
    """The answer to one of the questions behind a label."""

    question: str
    answers: list[str]
    probabilities: dict[str, float]


class Span(BaseModel):
    """A phrase of the post."""

    start: int = Field(description="Offset into the post as it was sent, in characters.")
    end: int = Field(description="Offset behind the phrase.")
    for_risk: bool = Field(description="It speaks for the risk; otherwise against it.")
    strength: Strength
    question: str = Field(description="The question that it answers; empty where it answers none.")


def explaining(
    fingerprint: str, rows: Rows, batcher: Batcher[Explanation], settings: Settings
) -> APIRouter:
    """The endpoint.

    Args:
        fingerprint: of the model.
        rows: its predictions as JSON.
        batcher: explains posts.
        settings: limits; a request may hold as many posts as cost what `max_posts` cost to label.
    """
    given = posts_type("PostsToExplain", max(1, settings.max_posts // COST))
    explanation_type = create_model(
        "Explanation",
        __doc__="Why a post got its prediction; without text of the post.",
        sentence=(str, Field(description="The answers in words.")),
        prediction=(rows.type, ...),
        aspects=(list[Aspect], Field(description="Empty where the decision is `clear`.")),
        spans=(
            list[Span],
            Field(description="First one for each question, then the others, by weight."),
        ),
        window=(list[int], Field(description="Offsets of the part that was explained.")),
        partial=(bool, Field(description="The post is longer than that.")),
    )
    answer_type = create_model(
        "Explanations",
        model=(str, Field(description="Fingerprint of the model, as `riskclf info` prints it.")),
        explanations=(list[explanation_type], Field(description="In the order of the posts.")),  # type: ignore[valid-type]
    )
    router = APIRouter()

    @router.post("/v1/explain", responses={200: {"model": answer_type}, **REFUSALS})
    async def explain(
        posts: given,  # type: ignore[valid-type]
        lang: Language = Language.ENGLISH,
    ) -> JSONResponse:
        """Explain predictions, in the order of the posts. It costs some 50 times a prediction.

        What is shown beside a post sways whoever decides on it. A person decides.
        """
        texts: list[str] = posts.text  # type: ignore[attr-defined]
        found = await results_in_time(batcher, texts, settings.timeout)
        with speaking(lang):
            explanations = [_values(explanation, rows) for explanation in found]
        return JSONResponse({"model": fingerprint, "explanations": explanations})

    return router


def _values(explanation: Explanation, rows: Rows) -> dict[str, Any]:
    """As `riskclf explain --json` prints it, but the prediction as `riskclf predict` writes it."""
    return explanation_values(explanation) | {"prediction": rows.of(explanation.prediction)}
