"""Find the few posts in which a child may be about to be harmed, among many ordinary ones.

::

    from riskclf import RiskClassifier

    classifier = RiskClassifier.load()
    prediction = classifier.predict("部活おわった〜 おなかすいた")
    prediction.label, prediction.risk, prediction.decision

A prediction is a suggestion about a text. A person decides, and a person sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from riskclf.errors import RiskclfError
from riskclf.labels import Label, Prediction

if TYPE_CHECKING:
    from riskclf.classifier import RiskClassifier

__all__ = ["Label", "Prediction", "RiskClassifier", "RiskclfError", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Loaded on first use: torch and transformers take seconds to import.
    if name == "RiskClassifier":
        from riskclf.classifier import RiskClassifier

        return RiskClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
