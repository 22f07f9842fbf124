"""Reasons for a prediction: `RiskClassifier.explain`."""

from __future__ import annotations

from riskclf.labels import Aspect, Explanation, Scenario, Span

__all__ = ["Aspect", "Explanation", "Scenario", "Span"]
