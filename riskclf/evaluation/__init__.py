"""How good a model is on labelled posts, and how sure that is: `riskclf.evaluate`.

Scored rows (`scored`) become figures (`figures`, computed in `metrics`, `reliability` and
`intervals`), thresholds (`thresholds`), comparisons (`baselines`, `compare`) and a report
(`report`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from riskclf.evaluation.evaluation import Evaluation, evaluate
    from riskclf.evaluation.figures import Estimate, Figures, Proportion

__all__ = ["Estimate", "Evaluation", "Figures", "Proportion", "evaluate"]

_HOMES = {
    "Estimate": "figures",
    "Evaluation": "evaluation",
    "Figures": "figures",
    "Proportion": "figures",
    "evaluate": "evaluation",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: scikit-learn takes a second to import.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
