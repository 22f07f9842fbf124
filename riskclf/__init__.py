"""Find the few posts in which a child may be about to be harmed, among many ordinary ones.

::

    from riskclf import RiskClassifier

    classifier = RiskClassifier.load()
    prediction = classifier.predict("部活おわった〜 おなかすいた")
    prediction.label, prediction.risk, prediction.decision

A prediction is a suggestion about a text. A person decides, and a person sends.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskclf.errors import RiskclfError
from riskclf.labels import Aspect, Explanation, Label, Prediction, Scenario, Span

if TYPE_CHECKING:
    from riskclf.classifier import RiskClassifier
    from riskclf.evaluation.evaluation import Evaluation, evaluate
    from riskclf.finetuning.finetuning import FineTuning, finetune
    from riskclf.optimization.optimization import Optimized, optimize
    from riskclf.suggestion.suggestion import Suggestions, suggest
    from riskclf.tables.sources import Columns
    from riskclf.volume.drift import StreamComparison, compare_streams
    from riskclf.volume.estimation import VolumeEstimate, estimate_volume

__all__ = [
    "Aspect",
    "Columns",
    "Evaluation",
    "Explanation",
    "FineTuning",
    "Label",
    "Optimized",
    "Prediction",
    "RiskClassifier",
    "RiskclfError",
    "Scenario",
    "Span",
    "StreamComparison",
    "Suggestions",
    "VolumeEstimate",
    "__version__",
    "compare_streams",
    "estimate_volume",
    "evaluate",
    "finetune",
    "metric_path",
    "optimize",
    "suggest",
]

__version__ = "0.1.0"

# Loaded on first use: torch and transformers take seconds to import, and so does scikit-learn.
_HOMES = {
    "Columns": "riskclf.tables.sources",
    "Evaluation": "riskclf.evaluation.evaluation",
    "FineTuning": "riskclf.finetuning.finetuning",
    "Optimized": "riskclf.optimization.optimization",
    "RiskClassifier": "riskclf.classifier",
    "StreamComparison": "riskclf.volume.drift",
    "Suggestions": "riskclf.suggestion.suggestion",
    "VolumeEstimate": "riskclf.volume.estimation",
    "compare_streams": "riskclf.volume.drift",
    "estimate_volume": "riskclf.volume.estimation",
    "evaluate": "riskclf.evaluation.evaluation",
    "finetune": "riskclf.finetuning.finetuning",
    "optimize": "riskclf.optimization.optimization",
    "suggest": "riskclf.suggestion.suggestion",
}


def metric_path() -> Path:
    """The file that `evaluate.load(str(riskclf.metric_path()))` opens, without a network.

    Raises:
        MissingExtra: the library `evaluate` is not installed.
    """
    from riskclf.errors import MissingExtra  # not a name of the package

    if find_spec("evaluate") is None:
        raise MissingExtra("the metric needs the library evaluate: pip install 'riskclf[metric]'")
    return Path(__file__).parent / "evaluation" / "metric.py"


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
