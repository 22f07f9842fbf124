"""Precision, recall and F1 with intervals, as a metric for the `evaluate` library.

::

    import evaluate, riskclf

    metric = evaluate.load(str(riskclf.metric_path()))      # needs no network
    metric.compute(references=["benign", "minor_solicitation"], predictions=["benign", "benign"])

It needs ``pip install 'riskclf[metric]'``. Labels are strings or integers. It stands on its own in
`evaluate.combine`, and serves as `metric` of `evaluate.evaluator("text-classification")`.
"""

from typing import Any

import datasets
import evaluate
import numpy as np

from riskclf.evaluation.figures import Estimate, Proportion
from riskclf.evaluation.metrics import label_figures

__all__ = ["LabelMetric"]

_DESCRIPTION = "Precision, recall and F1 of every label and their means, with 95 % intervals."
_USAGE = """
Args:
    predictions: labels that were given, strings or integers.
    references: right labels, of the same type.
    labels: the labels to report, in order; without it those that occur, sorted.
Returns:
    macro_precision, macro_recall, macro_f1, accuracy, and precision_LABEL, recall_LABEL, f1_LABEL
    and support_LABEL for each label; each figure also with _low and _high, its interval.
    What nothing can be counted on is None.
"""


class LabelMetric(evaluate.Metric):  # type: ignore[misc]
    """What `evaluate.load` finds in this file."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_USAGE,
            features=[
                datasets.Features(
                    {"predictions": datasets.Value(kind), "references": datasets.Value(kind)}
                )
                for kind in ("int64", "string")
            ],
        )

    def _compute(
        self, predictions: list[Any], references: list[Any], labels: list[Any] | None = None
    ) -> dict[str, Any]:
        names = sorted({*predictions, *references}) if labels is None else list(labels)
        places = {name: index for index, name in enumerate(names)}
        unknown = [x for x in {*predictions, *references} if x not in places]
        if unknown:
            raise ValueError(f"{len(unknown)} labels occur that are not in labels={names}")
        found = label_figures(
            tuple(map(str, names)),
            np.array([places[x] for x in references], dtype=np.int64),
            np.array([places[x] for x in predictions], dtype=np.int64),
        )
        figures: dict[str, Estimate | Proportion] = {
            "macro_precision": found.macro.precision,
            "macro_recall": found.macro.recall,
            "macro_f1": found.macro.f1,
            "accuracy": found.accuracy,
        }
        supports = {}
        for label, own in found.labels.items():
            figures[f"precision_{label}"] = own.precision
            figures[f"recall_{label}"] = own.recall
            figures[f"f1_{label}"] = own.f1
            supports[f"support_{label}"] = own.support
        result: dict[str, Any] = {}
        for name, figure in figures.items():
            result[name] = figure.value
            result[f"{name}_low"], result[f"{name}_high"] = figure.low, figure.high
        return result | supports
