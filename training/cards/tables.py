"""The measured sections of MODEL_CARD.md, as Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from riskclf import Label
from riskclf.evaluation.intervals import wilson
from riskclf.evaluation.metrics import ALARMS
from riskclf.labels import RISK_LABELS
from training.cards.measure import RISKY_IN_STREAM, proportion
from training.experiments.ablations import best
from training.experiments.outside import COLUMNS as OUTSIDE_COLUMNS
from training.experiments.outside import outside_rows
from training.posts.agreement import ASPECT_COLUMNS, agreement_rows, aspect_rows
from training.posts.agreement import COLUMNS as AGREEMENT_COLUMNS
from training.posts.post import FOLDS, GATE, SPLITS, Post, answer_counts
from training.recipe.choose import BURIED_BY
from training.recipe.variants import VARIANTS

__all__ = [
    "card_with",
]

_LARGE_SLICE = 20
"""Smaller slices tell too little to aim at."""


def card_with(
    card: str, results: Mapping[str, Any], ablations: Mapping[str, Any], posts: Sequence[Post]
) -> str:
    """The text of MODEL_CARD.md with its measured sections replaced."""
    sections = {
        "dev": _split_table(results["dev"]),
        "dev_slices": _slices_table(results["dev"]["slices"]),
        "natural": _natural_table(results["natural"]),
        "hour": _hour_table(results["hour"] | results.get("test", {}).get("hour", {})),
        "base_rates": _base_rates_table(results["base_rates"]),
        "pairs": _shares_table("group", "decided alike", results["pairs"]),
        **_test_sections(results.get("test")),
        "targets": _targets_table(results),
        "model": _table(("what", "value"), results["model"].items()),
        "baselines": _table(("baseline", "setting", "macro-F1 on dev"), results["baselines"]),
        "buried": _table(
            ("characters of ordinary text", "a risky post behind it", "that text alone"),
            [
                (length, *(_percent(figures[x]) for x in ("found", "alone")))
                for length, figures in results["buried"].items()
            ],
        ),
        "calibrators": _calibrators_table(results["calibrators"]),
        "outside": _table(OUTSIDE_COLUMNS, outside_rows()),
        "ablations": _ablations_table(ablations),
        "widths": _widths_table(posts),
        "agreement": _table(AGREEMENT_COLUMNS, agreement_rows()),
        "aspect_agreement": _table(ASPECT_COLUMNS, aspect_rows(posts)),
        "aspects": _aspects_table(posts),
        "counts": _counts_table(posts, "split", SPLITS),
        "folds": _counts_table(posts, "fold", (*FOLDS, GATE, "")),
        "languages": _counts_table(posts, "lang", ("ja", "en", "ko", "zh")),
        "slices": _counts_table(posts, "slice", sorted({post.slice for post in posts})),
    }
    for name, text in sections.items():
        parts = re.split(f"(<!-- /?{name} -->\n)", card)
        if len(parts) != 5:
            raise ValueError(f"MODEL_CARD.md must have one section {name}, opened and closed")
        parts[2] = text
        card = "".join(parts)
    return card


def _percent(figure: Mapping[str, Any]) -> str:
    if not figure["of"]:
        return "–"
    bounds = f"{100 * figure['low']:.2f}–{100 * figure['high']:.2f}"
    return f"{100 * figure['value']:.2f} % ({bounds}), {figure['hits']:,} of {figure['of']:,}"


def _rate(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "–"
    return f"{100 * figure['value']:.1f} % ({100 * figure['low']:.1f}–{100 * figure['high']:.1f})"


def _statistic(figure: Mapping[str, Any]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def _split_table(split: Mapping[str, Any]) -> str:
    counts, points, calibration = split["counts"], split["operating_points"], split["calibration"]
    rows = [
        (
            "macro-F1 over the three labels",
            f"{_statistic(split['macro']['f1'])}, {counts['clear_cut']} posts of "
            f"{counts['families']} families",
        ),
        *((f"macro-F1, {name}", _statistic(x)) for name, x in split["languages"].items()),
        *(
            (f"precision of {x}, by label", _percent(split["labels"][x]["precision"]))
            for x in RISK_LABELS
        ),
        *(
            (f"recall of {x}, by label", _percent(split["labels"][x]["recall"]))
            for x in RISK_LABELS
        ),
        *(
            (f"recall of {x}, flag or review", _percent(points["flag_or_review"]["recall_of"][x]))
            for x in RISK_LABELS
        ),
        ("recall of both, flag", _percent(points["flag"]["recall"])),
        ("risky posts found, with the other risky label", _percent(split["other_risk_label"])),
        ("benign look-alikes, flag", _percent(points["flag"]["false_positive_rate"])),
        (
            "benign look-alikes, flag or review",
            _percent(points["flag_or_review"]["false_positive_rate"]),
        ),
        ("unclear posts, flag or review", _percent(split["unclear"]["all"]["flag_or_review"])),
        *(
            (f"unclear posts, {kind.replace('_solicitation', '')}", _percent(x["flag_or_review"]))
            for kind, x in split["unclear"]["kinds"].items()
        ),
        (
            "expected calibration error of the risk",
            _calibration_error(calibration),
        ),
    ]
    return _table(("what", "share (95 % interval), count"), rows)


def _calibration_error(found: Mapping[str, float]) -> str:
    return f"{found['ece']:.3f}; p = {found['ece_p_value']:.3f} if it were calibrated"


def _calibrators_table(found: Sequence[Mapping[str, Any]]) -> str:
    fits = ("temperature", "temperature and bias")
    rows = []
    for x in found:
        less = x["difference"]
        difference = f"{less['cross_entropy']:.3f} ± {less['standard_error']:.3f}"
        rows.append((x["splits"], *(_calibration_error(x[fit]) for fit in fits), difference))
    heads = (f"calibration error, {fit}" for fit in fits)
    last = "cross-entropy with bias less that without (± paired standard error)"
    return _table(("fitted on, measured on", *heads, last), rows)


def _targets_table(results: Mapping[str, Any]) -> str:
    """What was aimed at before anything was measured, and what came out."""
    if "test" not in results:
        return "Not measured yet.\n"
    test, natural = results["test"], results["natural"]
    split = test["split"]
    flag, review = (split["operating_points"][alarm] for alarm in ALARMS)
    rows, reached = [], ("**no**", "yes")

    def at_least(aim: float, what: str, found: Mapping[str, Any], text: str) -> None:
        rows.append((what, f"≥ {aim:g}", text, reached[found["value"] >= aim]))

    def at_most(aim: float, what: str, found: Mapping[str, Any]) -> None:
        # A share of nothing, as of no risky post found, has no value and reaches no aim.
        is_reached = found["value"] is not None and found["value"] <= aim
        rows.append((what, f"≤ {aim:g}", _percent(found), reached[is_reached]))

    for language, aim in (("ja", 0.92), ("en", 0.88)):
        f1 = split["languages"][language]
        at_least(aim, f"macro-F1, {language}", f1, _statistic(f1))
    ahead = test["tfidf"]["difference"]
    at_least(0.08, "macro-F1 less that of TF-IDF", ahead, _statistic(ahead))
    for label in RISK_LABELS:
        recall = review["recall_of"][label]
        at_least(0.95, f"recall of {label}, flag or review", recall, _percent(recall))
    at_most(0.03, "risky posts found, with the other risky label", split["other_risk_label"])
    for alarm, aim in zip(ALARMS, (0.002, 0.01), strict=True):
        name, found = _worst({file: figures[alarm] for file, figures in natural.items()})
        at_most(aim, f"natural lines, {alarm.replace('_', ' ')}: the worst, {name}", found)
    at_most(0.03, "benign look-alikes, flag", flag["false_positive_rate"])
    at_most(0.12, "benign look-alikes, flag or review", review["false_positive_rate"])
    slices = {name: x["false_positive_rate_flag"] for name, x in split["slices"].items()}
    name, found = _worst({name: x for name, x in slices.items() if x["of"] >= _LARGE_SLICE})
    at_most(0.1, f"look-alikes of a slice, flag: the worst, {name}", found)
    pairs, unclear = results["pairs"]["all"], split["unclear"]["all"]["flag_or_review"]
    at_least(0.95, "pairs decided alike", pairs, _percent(pairs))
    at_least(0.7, "unclear posts, flag or review", unclear, _percent(unclear))
    error = split["calibration"]
    p_value = {"value": error["ece_p_value"]}
    at_least(0.05, "calibrated: p-value of the error", p_value, _calibration_error(error))
    for stream, hour in test["hour"].items():
        at_least(8, f"among the 20 riskiest, {stream}", {"value": hour["mean"]}, _hour(hour))
    return _table(("what", "aim", "measured (95 % interval)", "reached"), rows)


def _worst(shares: Mapping[str, Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
    return max(shares.items(), key=lambda share: share[1]["value"])


def _slices_table(slices: Mapping[str, Any]) -> str:
    names = ("recall", "false_positive_rate_flag", "false_positive_rate")
    rows = [(name, *(_percent(found[x]) for x in names)) for name, found in slices.items()]
    head = ("slice", "risky: flag or review", "benign: flag", "benign: flag or review")
    return _table(head, rows)


def _natural_table(natural: Mapping[str, Any]) -> str:
    rows = [
        (name, *(_percent(figures[x]) for x in ("risk_label", *reversed(ALARMS))))
        for name, figures in natural.items()
    ]
    return _table(("held-out corpus", "risk label", "flag or review", "flag"), rows)


def _test_sections(test: Mapping[str, Any] | None) -> dict[str, str]:
    """The sections on the test split; a model that was not measured on it says so."""
    if test is None:
        return dict.fromkeys(("test", "test_slices", "transfer"), "Not measured yet.\n")
    against = [
        ("TF-IDF: macro-F1", _statistic(test["tfidf"]["macro_f1"])),
        ("ours minus TF-IDF, paired", _statistic(test["tfidf"]["difference"])),
        *(
            (
                f"precision of {x['alarm'].replace('_', ' ')}, {100 * x['prevalence']:g} % risky",
                _rate(x),
            )
            for x in test["base_rates"]
        ),
    ]
    rows = "".join(f"| {name} | {value} |\n" for name, value in against)
    return {
        "test": _split_table(test["split"]) + rows,
        "test_slices": _slices_table(test["split"]["slices"]),
        "transfer": _split_table(test["transfer"]),
    }


def _hour(found: Mapping[str, float]) -> str:
    return f"{found['mean']:.2f} of {RISKY_IN_STREAM} ({found['low']:.0f}–{found['high']:.0f})"


def _hour_table(hours: Mapping[str, Any]) -> str:
    rows = [(name, _hour(x)) for name, x in hours.items()]
    return _table(("risky posts and natural lines", "among the 20 riskiest (95 % of draws)"), rows)


def _base_rates_table(found: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"{100 * x['prevalence']:g} %",
            x["alarm"].replace("_", " "),
            _rate(x),
        )
        for x in found
    ]
    return _table(("risky posts in the stream", "alarm", "precision (95 % interval)"), rows)


def _shares_table(head: str, what: str, shares: Mapping[str, Any]) -> str:
    return _table((head, what), [(name, _percent(figure)) for name, figure in shares.items()])


def _ablations_table(variants: Mapping[str, Any]) -> str:
    names = {variant.directory: variant.name for variant in VARIANTS}
    first = best(variants).directory
    rows = []
    for name, figures in variants.items():
        loss, behind = "–", "–"
        if "cross_entropy" in figures:
            loss = f"{figures['cross_entropy']:.3f}"
        if name != first and "cross_entropy" in figures:
            x = figures["against"][first]
            behind = f"{x['cross_entropy']:.3f} ± {x['standard_error']:.3f}"
        lines = [share["flag_or_review"] for share in figures.get("natural", {}).values()]
        quiet = "–"
        if lines:
            hits = np.zeros(sum(x["of"] for x in lines), dtype=bool)
            hits[: sum(x["hits"] for x in lines)] = True
            quiet = _percent(proportion(hits).to_dict())
        buried = figures.get("buried", {}).get(BURIED_BY)
        rows.append(
            (
                names.get(name, name),
                loss,
                behind,
                _statistic(figures["macro_f1"]),
                _percent(figures["recall_flag_or_review"]),
                _percent(figures["benign_flag_or_review"]),
                quiet,
                *((_percent(buried[x]) if buried else "–") for x in ("found", "alone")),
            )
        )
    head = (
        "variant",
        "cross-entropy on dev",
        "behind the best whole recipe (± paired standard error)",
        "macro-F1 on dev",
        "risky: flag or review",
        "benign: flag or review",
        "natural lines: flag or review",
        f"risky behind {BURIED_BY} characters of other text: flag or review",
        "that text alone: flag or review",
    )
    return _table(head, rows)


def _widths_table(posts: Sequence[Post]) -> str:
    """How wide the intervals on the test split will be, at the shares that are aimed at."""
    counts = Counter("unclear" if "+" in p.kind else p.kind for p in posts if p.split == "test")
    rows = []
    for kind, share in (
        (RISK_LABELS[0], 0.95),
        (RISK_LABELS[1], 0.95),
        (Label.BENIGN, 0.03),
        ("unclear", 0.7),
    ):
        low, high = wilson(round(share * counts[kind]), counts[kind])
        interval = f"{100 * low:.1f}–{100 * high:.1f} %"
        rows.append((kind, str(counts[kind]), f"{100 * share:.0f} %", interval))
    return _table(("test posts", "count", "a share of", "would have the interval"), rows)


def _aspects_table(posts: Sequence[Post]) -> str:
    """How many posts have each answer; a post may have several of `matter`."""
    rows = [
        (question, ", ".join(f"{answer} {count}" for answer, count in counts.most_common()))
        for question, counts in answer_counts(posts).items()
    ]
    return _table(("question", "posts with each answer"), rows)


def _counts_table(posts: Sequence[Post], field: str, values: Sequence[str]) -> str:
    kinds = sorted({post.kind for post in posts}, key=lambda kind: ("+" in kind, kind))
    rows = []
    for value in values:
        chosen = [post for post in posts if getattr(post, field) == value]
        counts = Counter(post.kind for post in chosen)
        families = len({post.family for post in chosen})
        rows.append((value or "in none", *(str(counts[kind]) for kind in kinds), str(families)))
    return _table((field, *kinds, "families"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + " --- |" * len(head))
    return "\n".join(lines) + "\n"
