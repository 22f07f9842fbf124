"""The service does what its own schema says, asked what schemathesis thinks of."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode

from riskclf.classifier import RiskClassifier
from riskclf.serve.app import make_app
from riskclf.serve.settings import Settings


@pytest.mark.parametrize("token", [None, "abcdefgh-12345678"])
@pytest.mark.parametrize("mode", GenerationMode)
def test_the_service_keeps_to_its_schema(
    mode: GenerationMode, token: str | None, classifier: RiskClassifier
) -> None:
    app = make_app(classifier, Settings(max_posts=5, token=token, explain=True))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    schema: Any = schemathesis.openapi.from_asgi("/openapi.json", app, headers=headers)

    @hypothesis.given(schema.as_strategy(mode))
    @hypothesis.settings(max_examples=20, suppress_health_check=[*hypothesis.HealthCheck])
    def check(case: Any) -> None:
        case.call_and_validate(headers=headers)

    check()
