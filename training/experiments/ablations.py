"""What each part of the recipe is worth: every variant in one table, on dev and on natural text.

``python -m training.experiments.ablations --corpora DIR --work DIR`` makes what is not yet in the
work directory (hours on two cores; it resumes where it was interrupted), measures, and writes
`ablations.json` after each variant. One seed where none is named. All variants stop early on dev,
where they are compared, so every figure is optimistic to the same degree. The test split is not
used. `training.recipe.choose` says how models are compared.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from riskclf import Label, RiskClassifier, evaluate
from riskclf.evaluation.baselines import Baseline
from riskclf.evaluation.compare import compare
from riskclf.evaluation.scored import ScoredRows
from riskclf.files import write_text
from training.command import run_command
from training.experiments.baselines import predictions
from training.experiments.predicted import labelled_rows
from training.posts.corpora import Corpora
from training.posts.post import load_posts
from training.posts.post import rows as evaluation_rows
from training.recipe.choose import behind, losses, measure_buried
from training.recipe.variants import VARIANTS, Variant, make

__all__ = ["RESULTS", "best", "main", "smallest"]

RESULTS = Path(__file__).parent / "ablations.json"

_NATURAL_LINES = 1_000
"""Lines drawn of each held-out corpus."""

_SEED = 20261122


def best(variants: Mapping[str, Mapping[str, Any]]) -> Variant:
    """The whole recipe with the lowest cross-entropy on dev; the others are compared with it."""
    return min(_whole(variants), key=lambda x: variants[x.directory]["cross_entropy"])


def smallest(variants: Mapping[str, Mapping[str, Any]]) -> str:
    """The smallest whole recipe within one paired standard error of the best of these on dev."""
    first = best(variants).directory
    for variant in sorted(_whole(variants), key=lambda x: x.layers):
        behind = variants[variant.directory]["against"].get(first)
        if behind is None or behind["cross_entropy"] <= behind["standard_error"]:
            return variant.name
    raise AssertionError("the best is within any distance of itself")


def _whole(variants: Mapping[str, Mapping[str, Any]]) -> list[Variant]:
    return [variant for variant in VARIANTS if variant.directory in variants and variant.whole]


def _natural(corpora: Corpora) -> dict[str, list[str]]:
    rng = random.Random(_SEED)
    result = {}
    for source in corpora.of("heldout"):
        lines = list(source.lines())
        result[source.path.name] = rng.sample(lines, min(_NATURAL_LINES, len(lines)))
    return result


def _measured(rows: Sequence[Mapping[str, Any]], model: RiskClassifier | None) -> Any:
    result = evaluate(rows, model=model)
    figures = result.figures.to_dict()
    points = figures["operating_points"]
    return result.rows, {
        # A baseline gives no probabilities.
        **({} if model is None else {"cross_entropy": float(losses(result.rows).mean())}),
        "macro_f1": figures["macro"]["f1"],
        "recall_flag_or_review": points["flag_or_review"]["recall"],
        "benign_flag": points["flag"]["false_positive_rate"],
        "benign_flag_or_review": points["flag_or_review"]["false_positive_rate"],
        "other_risk_label": figures["other_risk_label"],
    }


def _paired(ours: ScoredRows, theirs: ScoredRows) -> dict[str, Any]:
    """Macro-F1 and cross-entropy of ours minus theirs on the same posts."""
    baseline = Baseline("", "", theirs.decision > 0, theirs.risk, theirs.predicted)
    compared = compare(ours, baseline)[0].to_dict()
    found: dict[str, Any] = {"macro_f1": compared["difference"]["macro_f1"]}
    value, error = behind(ours, theirs)
    if np.isfinite(value):
        found |= {"cross_entropy": value, "standard_error": error}
    return found


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    work: Annotated[Path, typer.Option(help="Directory for encoders and models.")] = Path("work"),
) -> None:
    """Make every variant, measure it, and write ablations.json."""
    console = Console(stderr=True)
    sources = Corpora.load(corpora)
    posts = load_posts()
    dev = [post for post in posts if post.split == "dev"]
    natural = _natural(sources)
    rows: dict[str, ScoredRows] = {}
    results: dict[str, Any] = {}
    for name, labels in predictions(posts).items():
        rows[name], results[name] = _measured(list(labelled_rows(dev, labels)), None)
    for variant in VARIANTS:
        classifier = make(variant, sources, work, posts, progress=True, log=console.log)
        key = variant.directory
        rows[key], results[key] = _measured(list(evaluation_rows(dev)), classifier)
        results[key]["natural"] = {}
        for file, texts in natural.items():
            ordinary = [{"text": text, "label": str(Label.BENIGN)} for text in texts]
            points = evaluate(ordinary, model=classifier).figures.operating_points
            results[key]["natural"][file] = {
                name: point.false_positive_rate.to_dict() for name, point in points.items()
            }
        results[key]["buried"] = measure_buried(classifier, posts, sources)
        for name, ours in rows.items():
            results[name]["against"] = {
                other: _paired(ours, theirs) for other, theirs in rows.items() if other != name
            }
        write_text(RESULTS, json.dumps(results, indent=1) + "\n")
        console.log(f"{variant.name}: macro-F1 {results[key]['macro_f1']['value']:.3f}")
    console.log(f"the smallest within one standard error of the best: {smallest(results)}")


if __name__ == "__main__":
    run_command(main)
