"""The figures of MODEL_CARD.md, measured with `riskclf.evaluate`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from riskclf import Evaluation, Label, RiskClassifier, artifact, evaluate
from riskclf.artifact import Artifact
from riskclf.engines.pytorch import open_classifier
from riskclf.evaluation.baselines import Baseline
from riskclf.evaluation.compare import compare
from riskclf.evaluation.figures import Proportion
from riskclf.evaluation.intervals import Intervals, precision_at
from riskclf.evaluation.metrics import ALARMS, figures_of, intervals_of
from riskclf.evaluation.scored import Coded, ScoredRows
from training.experiments.baselines import baseline_rows, predictions
from training.experiments.predicted import labelled_rows
from training.posts.corpora import Corpora
from training.posts.post import Post
from training.posts.post import rows as evaluation_rows
from training.recipe.calibrate import calibrate
from training.recipe.choose import behind, measure_buried

__all__ = [
    "RISKY_IN_STREAM",
    "base_rates",
    "measure",
    "measure_calibrators",
    "measure_natural",
    "measure_pairs",
    "measure_split",
    "measure_test",
    "officers_hour",
    "proportion",
]

PAIRS = Path(__file__).parents[1] / "posts" / "pairs" / "group_terms.jsonl"
_PREVALENCES = (0.01, 0.001, 0.0001)
_STREAM, _DRAWS = 10_000, 1_000
RISKY_IN_STREAM = 10
"""Risky posts among the lines of `officers_hour`."""


def measure_split(
    classifier: RiskClassifier, posts: Sequence[Post], *splits: str
) -> tuple[Evaluation, dict[str, Any]]:
    """Figures on posts whose families were not trained on, and the evaluation behind them."""
    chosen = [post for post in posts if post.split in splits]
    result = evaluate(list(evaluation_rows(chosen)), model=classifier)
    rows, found = result.rows, result.figures.to_dict()
    kept = ("counts", "labels", "macro", "operating_points", "other_risk_label", "unclear")
    figures = {name: found[name] for name in kept}
    figures["calibration"] = _calibration_of(result)
    figures["languages"] = {
        name: figures_of(rows.only(_is(rows.language, name))).macro.f1.to_dict()
        for name in _names(rows.language)
    }
    figures["slices"] = {
        name: {x: part[x] for x in ("recall", "false_positive_rate", "false_positive_rate_flag")}
        for name, part in found["slices"].items()
    }
    return result, figures


def measure_test(
    classifier: RiskClassifier,
    posts: Sequence[Post],
    natural: Mapping[str, ScoredRows],
) -> dict[str, Any]:
    """Figures on the test and transfer splits, against TF-IDF, and what they mean on a stream."""
    test, figures = measure_split(classifier, posts, "test")
    moved = measure_split(classifier, posts, "transfer")[1]
    chosen = [post for post in posts if post.split == "test"]
    labels = predictions(posts, "test")["TF-IDF"]
    theirs = evaluate(list(labelled_rows(chosen, labels))).rows
    baseline = Baseline("", "", theirs.decision > 0, predicted=theirs.predicted)
    compared = compare(test.rows, baseline)[0].to_dict()
    return {
        "split": figures,
        "transfer": moved,
        "tfidf": {
            "macro_f1": compared["macro_f1"]["theirs"],
            "difference": compared["difference"]["macro_f1"],
        },
        "base_rates": base_rates(figures, natural),
        "hour": _hours("test", test.rows, natural),
    }


def measure_calibrators(loaded: Artifact, posts: Sequence[Post]) -> list[dict[str, Any]]:
    """Temperature and bias against a temperature alone, on posts that they were not fitted to.

    Fitted on calibration and measured on dev, where training stopped, and the other way round.
    """
    model, _ = open_classifier(loaded.directory)
    found = []
    for fitted_on, measured_on in (("calibration", "dev"), ("dev", "calibration")):
        fitting = [replace(post, split="calibration") for post in posts if post.split == fitted_on]
        measured = list(evaluation_rows(post for post in posts if post.split == measured_on))
        results = []
        for biased in (False, True):
            fitted = calibrate(model, loaded.directory, fitting, biased=biased)
            results.append(
                evaluate(measured, model=RiskClassifier(replace(loaded, manifest=fitted)))
            )
        alone, both = results
        difference, error = behind(both.rows, alone.rows)
        found.append(
            {
                "splits": f"{fitted_on}, {measured_on}",
                "temperature": _calibration_of(alone),
                "temperature and bias": _calibration_of(both),
                "difference": {"cross_entropy": difference, "standard_error": error},
            }
        )
    return found


def _calibration_of(result: Evaluation) -> dict[str, float]:
    calibration = result.figures.calibration.to_dict()
    return {x: calibration[x] for x in ("ece", "ece_p_value", "brier")}


def _hours(
    name: str, rows: ScoredRows, natural: Mapping[str, ScoredRows]
) -> dict[str, dict[str, Any]]:
    japanese = np.concatenate([x.risk for file, x in natural.items() if "_ja_" in file])
    every = np.concatenate([x.risk for x in natural.values()])
    return {
        f"{name} posts in Japanese lines": officers_hour(
            japanese, rows.risk[rows.risky & _is(rows.language, "ja")]
        ),
        f"{name} posts in lines of all languages": officers_hour(every, rows.risk[rows.risky]),
    }


def measure_natural(
    classifier: RiskClassifier, corpora: Corpora
) -> tuple[dict[str, ScoredRows], dict[str, Any]]:
    """Figures on each held-out corpus, all of whose lines are taken for benign."""
    scored, figures = {}, {}
    for source in corpora.of("heldout"):
        lines = ({"text": line, "label": str(Label.BENIGN)} for line in source.lines())
        result = evaluate(lines, model=classifier)
        name, rows = source.path.name, result.rows
        scored[name] = rows
        figures[name] = {
            "risk_label": intervals_of(rows)
            .proportion(rows.predicted_risky, rows.clearly)
            .to_dict(),
            **{
                alarm: point.false_positive_rate.to_dict()
                for alarm, point in result.figures.operating_points.items()
            },
        }
    return scored, figures


def measure_pairs(classifier: RiskClassifier) -> dict[str, Any]:
    """Share of benign pairs that differ in one group term only and are decided alike, by group."""
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    one, other = (
        [x.decision for x in classifier.predict_many(pair[side] for pair in pairs)]
        for side in ("one", "other")
    )
    alike = np.array([a == b for a, b in zip(one, other, strict=True)])
    groups = np.array([pair["group"] for pair in pairs])
    return {
        name: proportion(alike[groups == name] if name != "all" else alike).to_dict()
        for name in ("all", *sorted(set(groups)))
    }


def officers_hour(natural: np.ndarray[Any, Any], risky: np.ndarray[Any, Any]) -> dict[str, Any]:
    """How many of ten risky posts are among the 20 riskiest of 10,000 natural lines and them.

    Args:
        natural: risks of natural lines, shape (lines,).
        risky: risks of risky posts, shape (posts,).

    Returns:
        Mean over 1,000 draws, and the central 95 % of the draws.
    """
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_DRAWS):
        lines = np.sort(rng.choice(natural, min(_STREAM, len(natural)), replace=False))
        drawn = rng.choice(risky, RISKY_IN_STREAM, replace=False)
        # Of equal risks the natural lines come first, so that the count is not optimistic.
        place = np.argsort(-np.concatenate([lines, drawn]), kind="stable")[:20]
        found.append(int((place >= len(lines)).sum()))
    low, high = np.percentile(found, [2.5, 97.5])
    return {"mean": float(np.mean(found)), "low": float(low), "high": float(high)}


def base_rates(split: Mapping[str, Any], natural: Mapping[str, ScoredRows]) -> list[dict[str, Any]]:
    """Precision of flag and of flag or review where risky posts are rare among natural lines."""
    result = []
    for name, lowest in ALARMS.items():
        alarm = np.concatenate([rows.decision >= lowest for rows in natural.values()])
        false = proportion(alarm)
        recall = Proportion(**split["operating_points"][name]["recall"])
        result += [
            {"prevalence": share, "alarm": name, **precision_at(share, recall, false).to_dict()}
            for share in _PREVALENCES
        ]
    return result


def _names(column: Coded | None) -> tuple[str, ...]:
    return () if column is None else tuple(sorted(column.names))


def _is(column: Coded | None, name: str) -> Any:
    assert column is not None
    return column.codes == column.names.index(name)


def proportion(hits: Any) -> Proportion:
    """A share with its interval, of rows that are independent of each other."""
    return Intervals(len(hits)).proportion(hits, np.ones(len(hits), dtype=bool))


def measure(corpora: Corpora, posts: Sequence[Post], with_test: bool) -> dict[str, Any]:
    """Everything that results.json holds; the test split only if asked for."""
    classifier = RiskClassifier.load(device="cpu")
    info = classifier.info()
    dev, figures = measure_split(classifier, posts, "dev")
    scored, natural = measure_natural(classifier, corpora)
    return {
        "model": {
            "SHA-256 of model.safetensors": info["saved_as"]["files"]["model.safetensors"],
            "parameters": f"{info['parameters']:,}",
            "longest input, tokens": str(info["max_tokens"]),
            "minutes of adaptation on two cores, other work beside": str(
                info["saved_as"]["provenance"]["base"]["adaptation"]["minutes"]
            ),
            "temperature": f"{info['saved_as']['temperature']:.4f}",
            "bias of the risk's log-odds": f"{info['saved_as']['bias']:.4f}",
            "share of risky posts it is calibrated at": f"{info['saved_as']['prevalence']:.4f}",
            **{
                f"{name}: flag and review from a risk of": f"{x['flag']:.4f}, {x['review']:.4f}"
                for name, x in info["saved_as"]["operating_points"].items()
            },
        },
        "baselines": baseline_rows(posts),
        "dev": figures,
        "buried": measure_buried(classifier, posts, corpora),
        "calibrators": measure_calibrators(artifact.load(None, device="cpu", batch_size=64), posts),
        "pairs": measure_pairs(classifier),
        "natural": natural,
        "base_rates": base_rates(figures, scored),
        "hour": _hours("dev", dev.rows, scored),
        **({"test": measure_test(classifier, posts, scored)} if with_test else {}),
    }
