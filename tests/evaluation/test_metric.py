"""The metric works with the `evaluate` library, offline, alone and together with others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import evaluate
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

import riskclf
from riskclf import RiskClassifier
from riskclf.evaluation.intervals import wilson

GOLD = ["benign", "minor", "adult", "benign", "minor", "benign", "adult", "benign"]
GIVEN = ["benign", "minor", "minor", "adult", "minor", "benign", "adult", "benign"]


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Any:
    # The library keeps what it is given in a cache; a test leaves nothing in the user's.
    with pytest.MonkeyPatch.context() as patch:
        place = str(tmp_path_factory.mktemp("cache"))
        for module in ("evaluate.config", "evaluate.loading"):
            patch.setattr(f"{module}.HF_MODULES_CACHE", place, raising=False)
        patch.setattr("evaluate.config.HF_METRICS_CACHE", place)
        yield evaluate.load(str(riskclf.metric_path()), cache_dir=place)


def test_it_equals_scikit_learn_and_has_intervals(metric: Any) -> None:
    found = metric.compute(references=GOLD, predictions=GIVEN)
    for name, function in (
        ("precision", precision_score),
        ("recall", recall_score),
        ("f1", f1_score),
    ):
        assert found[f"macro_{name}"] == pytest.approx(function(GOLD, GIVEN, average="macro"))
        each = function(GOLD, GIVEN, average=None, labels=["adult", "benign", "minor"])
        for label, value in zip(("adult", "benign", "minor"), each, strict=True):
            assert found[f"{name}_{label}"] == pytest.approx(value)
    assert (found["recall_benign_low"], found["recall_benign_high"]) == pytest.approx(wilson(3, 4))
    assert found["macro_f1_low"] <= found["macro_f1"] <= found["macro_f1_high"]
    assert found["support_benign"] == 4
    assert found["accuracy"] == 6 / 8


def test_it_takes_integers_and_a_choice_of_labels(metric: Any) -> None:
    names = ["adult", "benign", "minor", "never"]
    numbers = [[names.index(x) for x in column] for column in (GOLD, GIVEN)]
    found = metric.compute(references=numbers[0], predictions=numbers[1])
    assert found["recall_1"] == 3 / 4
    chosen = metric.compute(references=GOLD, predictions=GIVEN, labels=names)
    assert chosen["support_never"] == 0
    assert chosen["f1_never"] is None
    with pytest.raises(ValueError, match="2 labels occur that are not in"):
        metric.compute(references=GOLD, predictions=GIVEN, labels=["benign"])


def test_it_grows_in_batches(metric: Any) -> None:
    for half in (slice(0, 4), slice(4, 8)):
        metric.add_batch(references=GOLD[half], predictions=GIVEN[half])
    assert metric.compute() == metric.compute(references=GOLD, predictions=GIVEN)


SECOND = """
import datasets
import evaluate


class Agreeing(evaluate.Metric):
    def _info(self):
        kind = datasets.Value("string")
        features = datasets.Features({"predictions": kind, "references": kind})
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="", features=features
        )

    def _compute(self, predictions, references):
        return {"agreeing": sum(x == y for x, y in zip(predictions, references))}
"""


def test_it_combines_with_another_metric(metric: Any, tmp_path: Path) -> None:
    (tmp_path / "agreeing.py").write_text(SECOND)
    other = evaluate.load(str(tmp_path / "agreeing.py"), cache_dir=str(tmp_path))
    found = evaluate.combine([metric, other]).compute(references=GOLD, predictions=GIVEN)
    alone = metric.compute(references=GOLD, predictions=GIVEN)
    assert found == alone | {"agreeing": 6}


def test_the_evaluator_uses_it_on_a_model_directory(
    metric: Any, model_directory: Path, classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    data = datasets.Dataset.from_dict(
        {"text": list(sentences), "label": ["benign"] * len(sentences)}
    )
    found = evaluate.evaluator("text-classification").compute(
        model_or_pipeline=str(model_directory), data=data, metric=metric
    )
    predicted = [x.label for x in classifier.predict_many(sentences)]
    assert found["recall_benign"] == predicted.count("benign") / len(predicted)
    assert found["support_benign"] == len(sentences)
