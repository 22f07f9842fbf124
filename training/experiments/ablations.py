"""What each part of the recipe is worth: every variant in one table, on dev and on natural text.

``python -m training.experiments.ablations --corpora DIR --work DIR`` makes what is not yet in the work
directory (hours on two cores; it goes on where it was interrupted), measures, and writes
`ablations.json` anew after each of them. One seed where none is named; all variants stop early on
dev, where they are compared, so that every figure flatters alike. The test split is not looked at.

What is shipped is chosen by cross-entropy, which early stopping minimises too: with 40 risky posts
on dev, macro-F1 has a standard error of some six points and would let nearly anything pass.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from riskclf import Label, RiskClassifier, evaluate
from riskclf.evaluation.baselines import Baseline
from riskclf.evaluation.compare import compare
from riskclf.evaluation.scored import ScoredRows
from training.command import run_command
from training.experiments.baselines import predictions
from training.posts.corpora import Corpora
from training.posts.data import Post, load_posts
from training.posts.data import rows as evaluation_rows
from training.recipe.variants import VARIANTS, Variant, make

__all__ = [
    "BURIED_BY",
    "RESULTS",
    "behind",
    "best",
    "losses",
    "measure_buried",
    "predicted_rows",
    "smallest",
]

RESULTS = Path(__file__).parent / "ablations.json"

BURIED_BY = "200"
"""Of the lengths of `measure_buried`, the one that models are compared by."""

_NATURAL_LINES = 1_000
"""Lines drawn of each held-out corpus."""

_SEED = 20261122


def predicted_rows(posts: Sequence[Post], labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The same with a baseline's labels in the columns of a prediction; it gives no scores."""
    for row, label in zip(evaluation_rows(posts), labels, strict=True):
        risky = label != Label.BENIGN
        yield {
            **row,
            "riskclf_label": label,
            "riskclf_decision": "flag" if risky else "clear",
            "riskclf_risk": float(risky),
            **{f"riskclf_score_{name}": float(name == label) for name in Label},
        }


def best(variants: Mapping[str, Mapping[str, Any]]) -> Variant:
    """The whole recipe with the least cross-entropy on dev; the others are compared with it."""
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


def losses(rows: ScoredRows) -> NDArray[np.float64]:
    """-log of the probability of the right label, for each post that has just one."""
    hard = rows.clearly
    with np.errstate(divide="ignore"):  # a baseline says 0 or 1
        found: NDArray[np.float64] = -np.log(rows.scores[hard, rows.gold[hard]])
    return found


def behind(ours: ScoredRows, theirs: ScoredRows) -> tuple[float, float]:
    """Mean loss of ours minus theirs on the same posts, and its standard error over families."""
    with np.errstate(invalid="ignore"):
        difference = losses(ours) - losses(theirs)
    if not np.isfinite(difference).all():
        return np.nan, np.nan
    assert ours.family is not None
    family = ours.family.codes[ours.clearly]
    # Posts of a family are right and wrong together: their sums are what varies independently.
    sums = np.bincount(family, difference - difference.mean())
    return float(difference.mean()), float(np.sqrt((sums**2).sum()) / len(difference))


def measure_buried(
    classifier: RiskClassifier, posts: Sequence[Post], corpora: Corpora
) -> dict[str, dict[str, Any]]:
    """Risky posts behind so many characters of other text, and that text alone.

    Returns:
        Length to `found`, the share of the Japanese risky dev posts behind it that are flagged or
        reviewed, and `alone`, the share of the same stretches of text, without a post, that are.
    """
    risky = [p for p in posts if p.split == "dev" and p.risky and p.lang == "ja"]
    source = next(source for source in corpora.of("heldout", language="ja"))
    ordinary = " ".join(source.lines())
    result = {}
    for length in (0, 100, 200, 400, 800):
        rows = []
        for number, post in enumerate(risky):
            before = ordinary[number * 1000 :][:length]
            rows.append({"text": f"{before} {post.text}", "label": post.kind})
            if before:
                rows.append({"text": before, "label": str(Label.BENIGN)})
        point = evaluate(classifier, rows).figures.operating_points["flag_or_review"]
        result[str(length)] = {
            "found": point.recall.to_dict(),
            "alone": point.false_positive_rate.to_dict(),
        }
    return result


def _natural(corpora: Corpora) -> dict[str, list[str]]:
    rng = random.Random(_SEED)
    result = {}
    for source in corpora.of("heldout"):
        lines = list(source.lines())
        result[source.path.name] = rng.sample(lines, min(_NATURAL_LINES, len(lines)))
    return result


def _measured(rows: Sequence[Mapping[str, Any]], model: RiskClassifier | None) -> Any:
    result = evaluate(model, rows)
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
        rows[name], results[name] = _measured(list(predicted_rows(dev, labels)), None)
    for variant in VARIANTS:
        classifier = make(variant, sources, work, posts, log=console.log)
        key = variant.directory
        rows[key], results[key] = _measured(list(evaluation_rows(dev)), classifier)
        results[key]["natural"] = {}
        for file, texts in natural.items():
            ordinary = [{"text": text, "label": str(Label.BENIGN)} for text in texts]
            points = evaluate(classifier, ordinary).figures.operating_points
            results[key]["natural"][file] = {
                name: point.false_positive_rate.to_dict() for name, point in points.items()
            }
        results[key]["buried"] = measure_buried(classifier, posts, sources)
        for name, ours in rows.items():
            results[name]["against"] = {
                other: _paired(ours, theirs) for other, theirs in rows.items() if other != name
            }
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        console.log(f"{variant.name}: macro-F1 {results[key]['macro_f1']['value']:.3f}")
    console.log(f"the smallest within one standard error of the best: {smallest(results)}")


if __name__ == "__main__":
    run_command(main)
