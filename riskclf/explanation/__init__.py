"""Reasons for a prediction: `RiskClassifier.explain`."""
