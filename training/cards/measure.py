"""Everything that results.json holds: our posts out of fold, and the packaged model elsewhere.

The packaged model has learned from all five folds. So the figures on our posts come from
predictions out of fold, and the packaged model is measured only on what it has not learned from:
the held-out natural files, the gate, the `transfer` posts and the pairs.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from riskclf import Label, RiskClassifier, evaluate
from riskclf.evaluation.baselines import Baseline
from riskclf.evaluation.compare import compare
from riskclf.evaluation.metrics import ALARMS, intervals_of
from riskclf.evaluation.scored import Classifier, ScoredRows
from riskclf.labels import LABELS
from training.cards.figures import (
    base_rates,
    calibration,
    described,
    hours,
    judged_rows,
    macro_f1_of_language,
    proportion,
    weighted,
)
from training.experiments.baselines import Setting, baseline_rows, best, out_of_fold
from training.posts.corpora import Corpora
from training.posts.post import GATE, Post
from training.posts.post import rows as evaluation_rows
from training.recipe.judged import JudgedPosts

__all__ = [
    "measure",
    "measure_buried",
    "measure_examples",
    "measure_natural",
    "measure_pairs",
    "measure_posts",
]

PAIRS = Path(__file__).parents[1] / "posts" / "pairs" / "group_terms.jsonl"

_FEW = ("ko", "zh")
"""Languages with few posts: their posts of the folds and of `transfer` are counted together."""


def measure(
    classifier: RiskClassifier, corpora: Corpora, posts: Sequence[Post], judged: JudgedPosts
) -> dict[str, Any]:
    """All figures of a model.

    Args:
        classifier: the packaged model.
        corpora: whose held-out files are the natural lines.
        posts: ours.
        judged: those of the folds, out of fold.
    """
    scored, natural = measure_natural(classifier, corpora)
    transfer = [post for post in posts if post.split == "transfer"]
    moved = classifier.predict_many(post.text for post in transfer)
    rows = judged_rows(judged.posts, judged.predictions)
    folds = described(rows)
    folds["calibration_weighted"] = calibration(weighted(rows, judged.posts))
    baselines = out_of_fold(judged.posts)
    together = judged_rows([*judged.posts, *transfer], [*judged.predictions, *moved])
    return {
        "model": _model(classifier.info()),
        "transfer": described(judged_rows(transfer, moved)),
        "pairs": measure_pairs(classifier),
        "examples": measure_examples(classifier),
        "natural": natural,
        "natural_languages": _by_language(scored, corpora),
        "folds": folds,
        "aspects": dict(judged.aspects),
        "few": {name: macro_f1_of_language(together, name).to_dict() for name in _FEW},
        "gate": measure_posts(classifier, [post for post in posts if post.fold == GATE]),
        "baselines": baseline_rows(baselines),
        "against": _against(rows, judged.posts, best(baselines)),
        "buried": measure_buried(classifier, posts, corpora),
        "base_rates": base_rates(folds, scored),
        "hour": hours(rows, scored),
    }


def measure_posts(classifier: Classifier, posts: Sequence[Post]) -> dict[str, Any]:
    """Figures of a model on posts that it has not learned from."""
    labelled = (post for post in posts if post.labelled)
    return described(evaluate(evaluation_rows(labelled), model=classifier).rows)


def _model(info: Mapping[str, Any]) -> dict[str, str]:
    """What is known of the model itself, as text."""
    saved = info["saved_as"]
    adaptation = saved["provenance"].get("base", {}).get("adaptation", {})
    found = {
        "SHA-256 of model.safetensors": saved["files"]["model.safetensors"],
        "parameters of the transformer": f"{info['parameters']:,}",
        "longest input, tokens": str(info["max_tokens"]),
    }
    if "minutes" in adaptation:
        key = "minutes of adaptation on two cores, other work beside"
        found[key] = str(adaptation["minutes"])
    stacker = saved.get("stacker")
    if stacker is None:
        found["temperature"] = f"{saved['temperature']:.4f}"
    else:
        for part, what in (("risk", "the risk"), ("side", "the side")):
            weights = zip(stacker["experts"], stacker[part], strict=True)
            shown = ", ".join(f"{name} {weight:.3f}" for name, weight in weights)
            found[f"weights of the experts for {what}"] = shown
    bias = saved["bias"] if stacker is None else stacker["bias"]
    found["bias of the risk's log-odds"] = f"{bias:.4f}"
    if saved.get("label_threshold") is not None:
        found["risk from which a risky label is given"] = f"{saved['label_threshold']:.4f}"
    found["share of risky posts it is calibrated at"] = f"{saved['prevalence']:.4f}"
    for name, x in saved["operating_points"].items():
        found[f"{name}: flag and review from a risk of"] = f"{x['flag']:.4f}, {x['review']:.4f}"
    return found


def _against(rows: ScoredRows, posts: Sequence[Post], setting: Setting) -> dict[str, Any]:
    """Our labels against those of a baseline, on the same posts."""
    labelled = np.array([post.labelled for post in posts])
    labels, risk = setting.labels[labelled], setting.risk[labelled]
    risky = np.isin(labels, [LABELS.index(name) for name in rows.risk_labels])
    compared = compare(rows, Baseline(setting.baseline, setting.setting, risky, risk, labels))[0]
    found = compared.to_dict()
    return {
        "name": f"{setting.baseline}, {setting.setting}",
        "macro_f1": found["macro_f1"]["theirs"],
        "average_precision": setting.average_precision.to_dict(),
        "difference": found["difference"]["macro_f1"],
    }


def measure_natural(
    classifier: Classifier, corpora: Corpora
) -> tuple[dict[str, ScoredRows], dict[str, Any]]:
    """Figures on each held-out corpus, all of whose lines are taken for benign."""
    scored, figures = {}, {}
    for source in corpora.of("heldout"):
        lines = ({"text": line, "label": str(Label.BENIGN)} for line in source.lines())
        result = evaluate(lines, model=classifier)
        name, rows = source.path.name, result.rows
        scored[name] = rows
        labelled = intervals_of(rows).proportion(rows.predicted_risky, rows.clearly)
        figures[name] = {"risk_label": labelled.to_dict()} | {
            alarm: point.false_positive_rate.to_dict()
            for alarm, point in result.figures.operating_points.items()
        }
    return scored, figures


def _by_language(scored: Mapping[str, ScoredRows], corpora: Corpora) -> dict[str, Any]:
    """The same for all files of a language together."""
    parts: dict[str, list[ScoredRows]] = {}
    for source in corpora.of("heldout"):
        parts.setdefault(source.language, []).append(scored[source.path.name])
    return {
        language: {
            "risk_label": proportion(np.concatenate([x.predicted_risky for x in rows])).to_dict()
        }
        | {
            alarm: proportion(np.concatenate([x.decision >= lowest for x in rows])).to_dict()
            for alarm, lowest in ALARMS.items()
        }
        for language, rows in sorted(parts.items())
    }


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


def measure_examples(classifier: Classifier) -> list[dict[str, Any]]:
    """The package's example posts as the model labels them, the highest risk first."""
    text = files("riskclf").joinpath("example_posts.csv").read_text(encoding="utf-8")
    posts = [row["text"] for row in csv.DictReader(text.splitlines())]
    found = [
        {"text": post, "label": x.label, "decision": x.decision, "risk": round(x.risk, 3)}
        for post, x in zip(posts, classifier.stream(posts), strict=True)
    ]
    return sorted(found, key=lambda row: -row["risk"])


def measure_buried(
    classifier: Classifier, posts: Sequence[Post], corpora: Corpora
) -> dict[str, dict[str, Any]]:
    """Risky posts after so many characters of other text, and that text alone.

    Returns:
        Length to `found`, the share of the Japanese risky posts of the gate behind it that are
        flagged or reviewed, and `alone`, the share of the same stretches of text, without a post,
        that are.
    """
    risky = [p for p in posts if p.fold == GATE and p.risky and p.lang == "ja"]
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
        point = evaluate(rows, model=classifier).figures.operating_points["flag_or_review"]
        result[str(length)] = {
            "found": point.recall.to_dict(),
            "alone": point.false_positive_rate.to_dict(),
        }
    return result
