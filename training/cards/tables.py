"""The measured sections of docs/results.md, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from riskclf.evaluation.metrics import ALARMS
from riskclf.labels import RISK_LABELS
from training.cards.markdown import NOT_MEASURED, hour, percent, rate, statistic, table
from training.cards.targets import targets_table
from training.experiments.baselines import COLUMNS as BASELINE_COLUMNS
from training.experiments.outside import COLUMNS as OUTSIDE_COLUMNS
from training.experiments.outside import outside_rows
from training.posts.agreement import ASPECT_COLUMNS, agreement_rows, aspect_rows
from training.posts.agreement import COLUMNS as AGREEMENT_COLUMNS
from training.posts.post import FOLDS, GATE, SPLITS, Post, answer_counts

__all__ = ["bulk_sections"]


def bulk_sections(
    results: Mapping[str, Any], experiments: Mapping[str, Any], posts: Sequence[Post]
) -> dict[str, str]:
    """Name of a section to its text.

    Args:
        results: what `training.cards.measure` gives, and `other_hand` once it is measured.
        experiments: what parts of the recipe are worth: what `training.experiments.rungs`,
            `nearest` and `multitask` wrote, by these names; one that is missing has not been run.
        posts: ours.
    """
    measured: dict[str, Callable[[Any], str]] = {
        "model": lambda x: table(("what", "value"), x.items()),
        "folds": lambda x: _figures_table(x) + _more_rows(results),
        "aspects": _aspect_figures_table,
        "baselines": lambda x: table(BASELINE_COLUMNS, x),
        "other_hand": lambda x: _figures_table(x) + _ranked_rows(x["ranked"]),
        "transfer": _figures_table,
        "few": _few_table,
        "gate": _figures_table,
        "natural": lambda x: _natural_table(results),
        "hour": _hour_table,
        "base_rates": _base_rates_table,
        "pairs": _pairs_table,
        "buried": _buried_table,
    }
    # What is measured, and how many posts there are, are sections of one name otherwise.
    renamed = {"folds": "folds_figures", "aspects": "aspects_figures"}
    return {
        **{
            renamed.get(name, name): write(results[name]) if name in results else NOT_MEASURED
            for name, write in measured.items()
        },
        "targets": targets_table(results),
        "folds_slices": (
            _slices_table(results["folds"]["slices"]) if "folds" in results else NOT_MEASURED
        ),
        **{
            name: write(experiments[name]) if name in experiments else NOT_MEASURED
            for name, write in _EXPERIMENTS.items()
        },
        "outside": table(OUTSIDE_COLUMNS, outside_rows()),
        "agreement": table(AGREEMENT_COLUMNS, agreement_rows()),
        "aspect_agreement": table(ASPECT_COLUMNS, aspect_rows(posts)),
        "aspects": _aspects_table(posts),
        "counts": _counts_table(posts, "split", ("", *SPLITS)),
        "folds": _counts_table(posts, "fold", (*FOLDS, GATE, "")),
        "languages": _counts_table(posts, "lang", ("ja", "en", "ko", "zh")),
        "slices": _counts_table(posts, "slice", sorted({post.slice for post in posts})),
    }


def _ranked_rows(found: Mapping[str, Any]) -> str:
    """Each at the label rule that is best on these very posts."""
    return "".join(
        f"| {name}, at its best label rule (optimistic): macro-F1, average precision, side | "
        f"{x['macro-F1']:.3f}, {x['average precision']:.3f}, {x['side']:.3f} |\n"
        for name, x in found.items()
    )


def _few_table(found: Mapping[str, Any]) -> str:
    head = ("language", "macro-F1, out of fold and `transfer` together")
    return table(head, [(name, statistic(x)) for name, x in found.items()])


def _hour_table(found: Mapping[str, Any]) -> str:
    head = ("risky posts and natural lines", "among the 20 riskiest (95 % of draws)")
    return table(head, [(name, hour(x)) for name, x in found.items()])


def _pairs_table(found: Mapping[str, Any]) -> str:
    return table(("group", "decided alike"), [(name, percent(x)) for name, x in found.items()])


def _buried_table(found: Mapping[str, Any]) -> str:
    head = ("characters of ordinary text", "a risky post behind it", "that text alone")
    rows = [
        (length, *(percent(x[part]) for part in ("found", "alone"))) for length, x in found.items()
    ]
    return table(head, rows)


def _figures_table(found: Mapping[str, Any]) -> str:
    """What `training.cards.figures.described` gives."""
    counts, points, calibration = found["counts"], found["operating_points"], found["calibration"]
    number = f"{counts['clear_cut']:,} posts"
    if counts["families"] is not None:
        number += f" of {counts['families']} families"
    flag, shown = (points[alarm] for alarm in ALARMS)
    rows = [
        ("macro-F1 over the three labels", f"{statistic(found['macro']['f1'])}, {number}"),
        *((f"macro-F1, {name}", statistic(x)) for name, x in found["languages"].items()),
        ("average precision of the risk", statistic(found["average_precision"])),
        *(
            (f"{figure} of {x}, by label", percent(found["labels"][x][figure]))
            for figure in ("precision", "recall")
            for x in RISK_LABELS
        ),
        *((f"recall of {x}, flag or review", percent(shown["recall_of"][x])) for x in RISK_LABELS),
        ("recall of both, flag", percent(flag["recall"])),
        ("precision of flag, unclear posts left out", percent(flag["precision"])),
        ("risky posts whose likelier side is the right one", percent(found["side"])),
        ("risky posts found, with the other risky label", percent(found["other_risk_label"])),
        ("benign look-alikes, flag", percent(flag["false_positive_rate"])),
        ("benign look-alikes, flag or review", percent(shown["false_positive_rate"])),
        ("unclear posts, flag or review", percent(found["unclear"]["all"]["flag_or_review"])),
        *(
            (f"unclear posts, {kind.replace('_solicitation', '')}", percent(x["flag_or_review"]))
            for kind, x in found["unclear"]["kinds"].items()
        ),
        *_calibration_rows(calibration),
    ]
    return table(("what", "figure (95 % interval), count"), rows)


def _calibration_rows(found: Mapping[str, Any], added: str = "") -> list[tuple[str, str]]:
    error = f"{found['ece']:.3f}; p = {found['ece_p_value']:.3f} if it were calibrated"
    return [
        (f"expected calibration error of the risk{added}", error),
        (f"calibration slope of the risk{added}", statistic(found["slope"])),
    ]


def _more_rows(results: Mapping[str, Any]) -> str:
    """What is known of the posts of the folds only."""
    against = results["against"]
    rows = [
        *_calibration_rows(results["folds"]["calibration_weighted"], ", close twins a quarter"),
        (f"{against['name']}: macro-F1", statistic(against["macro_f1"])),
        (f"{against['name']}: average precision", statistic(against["average_precision"])),
        (f"macro-F1 less that of {against['name']}, paired", statistic(against["difference"])),
    ]
    return "".join(f"| {name} | {value} |\n" for name, value in rows)


def _aspect_figures_table(found: Mapping[str, Any]) -> str:
    """What `training.recipe.answers.answer_figures` gives."""
    rows = [
        (f"`{name}`: {'F1' if ':' in name else 'macro-F1'}", statistic(figure))
        for name, figure in found.items()
        if name not in ("shown", "support")
    ]
    rows += [
        (f"`{x}`: right where the decision is not `clear`", percent(figure))
        for x, figure in found["shown"].items()
    ]
    rows += [(f"`support` found: {x}", percent(figure)) for x, figure in found["support"].items()]
    return table(("question", "figure (95 % interval), count"), rows)


def _rungs_table(rungs: Sequence[Mapping[str, Any]]) -> str:
    head = {
        "experts": "what decides",
        "average_precision": "average precision",
        "difference": "less all three",
        "natural": "natural lines at recall 0.95",
        "side": "side right",
    }
    percents = ("natural", "side")
    rows = [
        (rung["experts"], *((rate if x in percents else statistic)(rung[x]) for x in [*head][1:]))
        for rung in rungs
    ]
    return table(tuple(head.values()), rows)


def _nearest_table(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ("what counts", "average precision of the neighbours alone", "less the packaged way")
    figures = ("average_precision", "difference")
    return table(head, [(row["way"], *(statistic(row[x]) for x in figures)) for row in rows])


def _multitask_table(found: Mapping[str, Any]) -> str:
    head = ("learned", "expert", "average precision", "less all three tasks", "side right")
    rows = [
        (
            row["learned"],
            row["expert"],
            *(statistic(row[x]) for x in ("average_precision", "difference")),
            rate(row["side"]),
        )
        for row in found["rows"]
    ]
    return table(head, rows)


def _cascade_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    head = ("texts", "read by the transformer too")
    return table(head, [(name, percent(row)) for name, row in found.items()])


_EXPERIMENTS: Mapping[str, Callable[[Any], str]] = {
    "cascade": _cascade_table,
    "rungs": _rungs_table,
    "nearest": _nearest_table,
    "multitask": _multitask_table,
}


def _slices_table(slices: Mapping[str, Any]) -> str:
    names = ("recall", "false_positive_rate_flag", "false_positive_rate")
    rows = [(name, *(percent(found[x]) for x in names)) for name, found in slices.items()]
    head = ("slice", "risky: flag or review", "benign: flag", "benign: flag or review")
    return table(head, rows)


def _natural_table(results: Mapping[str, Any]) -> str:
    """Each held-out corpus, then all of a language together."""
    languages = {f"all in {name}": x for name, x in results["natural_languages"].items()}
    rows = [
        (name, *(percent(figures[x]) for x in ("risk_label", *reversed(ALARMS))))
        for name, figures in (*results["natural"].items(), *languages.items())
    ]
    return table(("held-out corpus", "risk label", "flag or review", "flag"), rows)


def _base_rates_table(found: Sequence[Mapping[str, Any]]) -> str:
    rows = [(f"{100 * x['prevalence']:g} %", x["alarm"].replace("_", " "), rate(x)) for x in found]
    return table(("risky posts in the stream", "alarm", "precision (95 % interval)"), rows)


def _aspects_table(posts: Sequence[Post]) -> str:
    """How many posts have each answer; a post may have several of `matter`."""
    rows = [
        (question, ", ".join(f"{answer} {count}" for answer, count in counts.most_common()))
        for question, counts in answer_counts(posts).items()
    ]
    return table(("question", "posts with each answer"), rows)


def _counts_table(posts: Sequence[Post], field: str, values: Sequence[str]) -> str:
    kinds = sorted({post.kind for post in posts}, key=lambda kind: ("+" in kind, kind))
    rows = []
    for value in values:
        chosen = [post for post in posts if getattr(post, field) == value]
        counts = Counter(post.kind for post in chosen)
        families = len({post.family for post in chosen})
        rows.append((value or "in none", *(str(counts[kind]) for kind in kinds), str(families)))
    return table((field, *kinds, "families"), rows)
