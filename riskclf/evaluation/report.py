"""Figures to a report that a person reads: one set of sections, written as HTML and as Markdown.

Everything in a report comes from the figures (`report.json`), which hold no text of a post.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from riskclf.errors import InputError
from riskclf.evaluation.plots import PLOTS, draw

__all__ = [
    "Section",
    "Table",
    "as_range",
    "as_share",
    "markdown_cell",
    "percent",
    "sections_of",
    "summary",
    "write_report",
]

Figures = Mapping[str, Any]

_SHOWN_REASONS = 20


@dataclass(frozen=True)
class Table:
    """A table of words; the first column heads its rows."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A part of the report: sentences, then tables, then plots."""

    title: str
    lines: Sequence[str] = ()
    tables: Sequence[Table] = ()
    plots: Mapping[str, str] = field(default_factory=dict)
    """Name of the plot to what it shows, in words for those who cannot see it."""


def write_report(figures: Figures, directory: Path) -> None:
    """Write report.html, report.md, report.json and the plots into an existing directory.

    Each is written beside its place and renamed; plots of an earlier report that this one does not
    have are removed.

    Raises:
        InputError: a file cannot be written.
    """
    plots, dark = draw(figures), draw(figures, dark=True)
    templates = Environment(
        loader=PackageLoader("riskclf.evaluation"),
        autoescape=lambda name: name is not None and ".html" in name,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters["cell"] = markdown_cell
    values = {"title": _title(figures), "figures": figures, "sections": sections_of(figures)}
    images = {name: (_data(plots[name]), _data(dark[name])) for name in plots}
    html = templates.get_template("report.html.j2").render(**values, images=images)
    markdown = templates.get_template("report.md.j2").render(**values, images=plots)
    report = json.dumps(figures, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    for name in PLOTS:
        (directory / f"{name}.png").unlink(missing_ok=True)
    for name, content in {
        **{f"{name}.png": image for name, image in plots.items()},
        "report.json": report.encode("utf-8", "backslashreplace"),
        "report.md": markdown.encode("utf-8", "backslashreplace"),
        "report.html": html.encode("utf-8", "backslashreplace"),
    }.items():
        _put(directory / name, content)


def summary(figures: Figures) -> Sequence[str]:
    """The report in a few sentences."""
    return _in_short(figures).lines


def sections_of(figures: Figures) -> list[Section]:
    """The report's content, most important first; sections without content are left out."""
    sections = [
        _in_short(figures),
        _stream(figures),
        _thresholds(figures),
        *_comparisons(figures),
        _weak_spots(figures),
        _labels(figures),
        _operating_points(figures),
        *_slices(figures),
        _unclear(figures),
        _calibration(figures),
        _rows(figures),
        _reading(),
    ]
    return [x for x in sections if x.lines or x.tables or x.plots]


# The sections ------------------------------------------------------------------------------------


def _title(figures: Figures) -> str:
    name = figures["data"]["name"]
    return f"Evaluation on {name}" if name else "Evaluation"


def _has_risks(figures: Figures) -> bool:
    """False for a model without risk labels, of which nothing is said about alarms."""
    return "operating_points" in figures


def _in_short(figures: Figures) -> Section:
    counts = figures["counts"]
    if not _has_risks(figures):
        return Section(
            "In short",
            [
                f"Measured on {counts['rows']:,} labelled posts, {counts['unclear']:,} of them "
                "unclear. The model has no risk labels: it flags nothing.",
                f"The most probable label is right for {as_share(figures['accuracy'])} of the "
                f"posts; macro-F1 is {as_range(figures['macro']['f1'])}.",
            ],
        )
    looked, flagged = (figures["operating_points"][x] for x in ("flag_or_review", "flag"))
    lines = [
        f"Measured on {counts['rows']:,} labelled posts: {counts['risky']:,} risky, "
        f"{counts['benign']:,} benign, {counts['unclear']:,} unclear."
    ]
    if counts["risky"]:
        lines.append(
            f"Of the risky posts {as_share(looked['recall'])} are put before a person (flag or "
            f"review), and {as_share(flagged['recall'])} are flagged."
        )
    if counts["benign"]:
        lines.append(
            f"Of the benign posts {as_share(looked['false_positive_rate'])} are put before a "
            f"person in vain, and {as_share(flagged['false_positive_rate'])} are flagged."
        )
    if flagged["precision"]["of"]:
        lines.append(f"Of what is flagged, {as_share(flagged['precision'])} is rightly so here.")
    if figures["other_risk_label"]["of"]:
        lines.append(
            f"Of the risky posts that got a risk label, {as_share(figures['other_risk_label'])} "
            "got the wrong one of them."
        )
    precision = flagged.get("precision_at_prevalence")
    if precision and precision["value"] is not None:
        stream = f"On a stream with {_one_in(figures['stream']['prevalence'])}, "
        if flagged["false_positive_rate"]["hits"]:
            lines.append(f"{stream}{as_range(precision)} of the flags would be right.")
        else:
            lines.append(
                f"{stream}at least {percent(precision['low'])} % of the flags would be right; "
                f"more than that {counts['benign']:,} benign posts, none of them flagged, cannot "
                "tell."
            )
    return Section("In short", lines)


def _stream(figures: Figures) -> Section:
    prevalence = figures["stream"]["prevalence"]
    if prevalence is None or not _has_risks(figures):
        return Section("What it means on your stream")
    rows = [
        (name.replace("_", " "), as_range(found["precision_at_prevalence"]), _odds(found))
        for name, found in figures["operating_points"].items()
    ]
    tables = [
        Table(
            f"Precision where there is {_one_in(prevalence)}",
            ("put before a person", "of these are right", "alarms for each right one"),
            rows,
        )
    ]
    lines = [
        f"These rows have their own share of risky posts. Your stream has {_one_in(prevalence)}: "
        "what is right about an alarm there follows from how many risky posts are found and how "
        "many benign posts are raised in vain. It holds if posts there look as they do here."
    ]
    if figures["first"]:
        tables.append(
            Table(
                "What the riskiest posts of a stream hold",
                ("first", "of", "risky among them"),
                [
                    (
                        f"{x['first']:,}",
                        f"{x['of']:,}",
                        _numbers(x["risky"])
                        if x["resolved"]
                        else f"{_count(x['risky']['low'])} to {_count(x['risky']['high'])}: too "
                        "few benign posts here to tell more",
                    )
                    for x in figures["first"]
                ],
            )
        )
    return Section("What it means on your stream", lines, tables)


def _thresholds(figures: Figures) -> Section:
    rows, lines = [], []
    for x in figures["thresholds"]:
        asked = f"{x['wish']}: {x['asked']}"
        if x["threshold"] is None:
            lines.append(f"No threshold reaches what was asked ({asked}).")
            continue
        found = x["measured"]
        precision = found.get("precision_at_prevalence")
        rows.append(
            (
                asked,
                f"{x['threshold']:.4f}",
                as_range(precision) if precision else as_share(found["precision"]),
                as_share(found["recall"]),
                as_share(found["false_positive_rate"]),
                *(
                    f"{_numbers(x[name])} per {x['unit']}" if name in x else "needs a volume"
                    for name in ("alarms", "missed")
                ),
            )
        )
        if x["same_rows"]:
            lines.append(f"{asked}: chosen and measured on the same rows; the figures flatter.")
        else:
            lines.append(
                f"{asked}: chosen on {x['chosen_on']['rows']:,} posts "
                f"({x['chosen_on']['risky']:,} risky), measured on "
                f"{x['measured_on']['rows']:,} others ({x['measured_on']['risky']:,} risky)."
            )
        if x.get("prevalence_is_that_of_the_rows"):
            lines.append(
                f"Without --prevalence, the stream is taken to have {_one_in(x['prevalence'])}, as "
                "these rows have. A real stream has far fewer."
            )
    head = ("asked", "threshold", "precision", "recall", "raised in vain", "alarms", "missed")
    tables = [Table("Thresholds and what they bring", head, rows)] if rows else []
    return Section("Thresholds for what you asked", list(dict.fromkeys(lines)), tables)


def _comparisons(figures: Figures) -> Iterable[Section]:
    for number, x in enumerate(figures["comparisons"], start=1):
        names = {}
        if _has_risks(figures):
            names = {
                "recall": "risky posts found",
                "false_positive_rate": "benign posts raised in vain",
                "precision": "alarms that are right",
            }
        rows = [
            (
                words,
                as_share(x["ours"][name]),
                as_share(x["theirs"][name]),
                _points(x, name),
            )
            for name, words in names.items()
        ]
        if "macro_f1" in x:
            ours, theirs = (as_range(x["macro_f1"][side]) for side in ("ours", "theirs"))
            rows.append(("macro-F1 of the labels", ours, theirs, _points(x, "macro_f1")))
        tests = [
            (
                {"risky": "risky posts found", "benign": "benign posts raised"}.get(
                    name, "posts labelled right"
                ),
                f"{test['only_ours']:,}",
                f"{test['only_theirs']:,}",
                f"{test['p_value']:.3g}",
            )
            for name, test in x["mcnemar"].items()
            if name == "label" or _has_risks(figures)
        ]
        yield Section(
            f"Compared with {x['name']}",
            [
                f"The model's alarms are what it flags or marks for review; those of {x['name']}: "
                f"{x['how']}. They differ on {x['differ']:,} posts: differences-{number}.csv.",
                "A difference is hardly chance if its interval leaves out 0. The paired test takes "
                "posts for independent; the intervals draw families where there are enough.",
            ],
            [
                Table("Side by side", ("", "model", x["name"], "difference, points"), rows),
                Table(
                    "Paired test (McNemar)",
                    ("", "model only", f"{x['name']} only", "p-value of no difference"),
                    tests,
                ),
            ],
        )


def _weak_spots(figures: Figures) -> Section:
    """Parts whose interval lies wholly on the wrong side of the figure for all posts."""
    if not _has_risks(figures):
        return _weakly_labelled(figures)
    everywhere = figures["operating_points"]["flag_or_review"]
    weak: list[str] = []
    small: list[str] = []
    for kind, word in (("slices", "slice"), ("languages", "language")):
        for name, found in figures.get(kind, {}).items():
            recall, raised = found["recall"], found["false_positive_rate"]
            if recall["of"] and recall["high"] < (everywhere["recall"]["value"] or 0):
                weak.append(f"{word} {name}: only {as_share(recall)} of the risky posts are found.")
            rate = everywhere["false_positive_rate"]["value"]
            if raised["of"] and rate is not None and raised["low"] > rate:
                weak.append(f"{word} {name}: {as_share(raised)} of the benign posts are raised.")
            shares = [x for x in ("recall", "false_positive_rate") if found[x]["of"]]
            if any(f" {name}: " in line for line in weak):
                continue  # few, but enough to see that it is worse
            if shares and set(shares) <= set(found["too_small"]):
                small.append(name)
    return _weak(figures, weak, small)


def _weakly_labelled(figures: Figures) -> Section:
    """The same for a model without risk labels: by how many posts are labelled right."""
    weak: list[str] = []
    small: list[str] = []
    for kind, word in (("slices", "slice"), ("languages", "language")):
        for name, found in figures.get(kind, {}).items():
            accuracy = found["accuracy"]
            if accuracy["of"] and accuracy["high"] < figures["accuracy"]["value"]:
                weak.append(f"{word} {name}: only {as_share(accuracy)} of the posts are right.")
            elif accuracy["of"] and "accuracy" in found["too_small"]:
                small.append(name)
    return _weak(figures, weak, small)


def _weak(figures: Figures, weak: Sequence[str], small: Sequence[str]) -> Section:
    lines = list(weak)
    if weak:
        lines.append("Of many parts, some one in forty looks worse than it is, by chance alone.")
    if ("slices" in figures or "languages" in figures) and not weak:
        lines.append("No slice or language is clearly worse than the rest.")
    if small:
        lines.append(f"Too few posts to judge: {', '.join(dict.fromkeys(small))}.")
    return Section("Where it fails", lines)


def _labels(figures: Figures) -> Section:
    rows = [
        (
            label,
            *(as_share(x[name]) for name in ("precision", "recall")),
            as_range(x["f1"]),
        )
        for label, x in figures["labels"].items()
    ]
    macro = figures["macro"]
    rows.append(("mean (macro)", *(as_range(macro[x]) for x in ("precision", "recall", "f1"))))
    names = figures["confusion"]["labels"]
    confusions = [
        (name, *(f"{count:,}" for count in counts))
        for name, counts in zip(names, figures["confusion"]["counts"], strict=True)
    ]
    areas = [
        (name, *("not defined" if x[kind] is None else f"{x[kind]:.3f}" for kind in ("pr", "roc")))
        for name, x in figures["areas"].items()
    ]
    return Section(
        "Labels",
        [f"The most probable label is right for {as_share(figures['accuracy'])} of the posts."],
        [
            Table("Precision, recall and F1 of each label", ("label", "precision", "recall", "F1"),
                  rows),
            Table("Right label (rows) and label given (columns)", ("", *names), confusions),
            Table("Areas under the curves", ("score", "precision-recall", "ROC"), areas),
        ],
        {
            "confusion": "Number of posts by right label and given label, as in the table",
            "precision_recall": "Precision against recall over all thresholds",
        },
    )  # fmt: skip


def _operating_points(figures: Figures) -> Section:
    if not _has_risks(figures):
        return Section("What is put before a person")
    points = figures["operating_points"]
    rows: list[tuple[str, ...]] = [
        (words, *(as_share(point[name]) for point in points.values()))
        for name, words in (
            ("precision", "alarms that are right"),
            ("recall", "risky posts found"),
            ("false_positive_rate", "benign posts raised in vain"),
            ("workload", "share of all posts to look at"),
        )
    ]
    for label in points["flag"]["recall_of"]:
        shares = (as_share(point["recall_of"][label]) for point in points.values())
        rows.append((f"{label} found", *shares))
    lines = []
    thresholds = (figures["model"] or {}).get("thresholds")
    if thresholds:
        lines.append(
            f"The model flags from a risk of {thresholds['flag']:.4f} and asks for review from "
            f"{thresholds['review']:.4f}."
        )
    head = ("", *(name.replace("_", " ") for name in points))
    return Section("What is put before a person", lines, [Table("Operating points", head, rows)])


def _slices(figures: Figures) -> Iterable[Section]:
    for kind, title in (("slices", "By slice"), ("languages", "By language")):
        parts = figures.get(kind, {})
        if not _has_risks(figures):
            labelled = [(name, _judged(x, "accuracy")) for name, x in parts.items()]
            yield Section(
                title, [], [Table("Labels", ("", "label right"), labelled)] if parts else []
            )
            continue
        rows = [
            (
                name,
                *(f"{x['counts'][count]:,}" for count in ("risky", "benign")),
                *(_judged(x, figure) for figure in ("recall", "false_positive_rate", "accuracy")),
            )
            for name, x in parts.items()
        ]
        head = ("", "risky", "benign", "risky found", "benign raised in vain", "label right")
        tables = [Table("At flag or review", head, rows)] if rows else []
        plots = {"slices": "Share of risky posts found in each part, with intervals"}
        yield Section(title, [], tables, plots if rows and kind == next(_kinds(figures)) else {})


def _kinds(figures: Figures) -> Iterator[str]:
    return (x for x in ("slices", "languages") if figures.get(x))


def _unclear(figures: Figures) -> Section:
    if not _has_risks(figures):
        return Section("Unclear posts")
    found = figures["unclear"]
    if not found["all"]["flag"]["of"]:
        return Section("Unclear posts")
    shares = {"all unclear posts": found["all"]} | found["kinds"]
    rows = [
        (name, as_share(x["flag"]), as_share(x["flag_or_review"])) for name, x in shares.items()
    ]
    table = Table("Put before a person", ("may be", "flag", "flag or review"), rows)
    line = "The text does not settle what these posts are: a person should see them, at review."
    return Section("Unclear posts", [line], [table])


def _calibration(figures: Figures) -> Section:
    found = figures["calibration"]
    rows = [
        (f"{x['from']:.1f}–{x['to']:.1f}", f"{x['risk']:.3f}", as_share(x)) for x in found["bins"]
    ]
    if not rows:
        return Section("Calibration")
    return Section(
        "Calibration",
        [
            "Where the model says a risk of 0.3, some 30 % of such posts should be risky. It can "
            "only hold for rows with as many risky posts as the model was calibrated for.",
            f"Expected calibration error {found['ece']:.3f} (p-value of being calibrated "
            f"{found['ece_p_value']:.3f}), Brier score {found['brier']:.3f}.",
        ],
        [Table("Risk and truth", ("risk", "mean risk", "are risky"), rows)],
        {"reliability": "Share of risky posts against the risk that the model gives"},
    )


def _rows(figures: Figures) -> Section:
    reasons = list(figures["data"]["reasons"].items())
    tables = []
    if reasons:
        rows = [(reason, f"{count:,}") for reason, count in reasons[:_SHOWN_REASONS]]
        if len(reasons) > _SHOWN_REASONS:
            rest = sum(count for _, count in reasons[_SHOWN_REASONS:])
            rows.append(("other reasons, see rejects.csv", f"{rest:,}"))
        tables.append(Table("Rows that could not be used", ("reason", "rows"), rows))
    return Section("What was measured on", figures["notes"], tables)


def _reading() -> Section:
    return Section(
        "How to read this",
        [
            "The range in brackets is a 95 % interval: so far from the figure the truth may well "
            "lie, given how few posts were looked at. 0 of 20 still allows for some 16 %.",
            "Precision: of what is raised, the share that is right. Recall: of what there is, the "
            "share that is found. F1 is high only if both are.",
            "Intervals: Wilson (1927) for independent posts; with 40 or more families, whole "
            "families are drawn anew 1,000 times, and the wider of the two counts. Precision at a "
            "base rate: both rates drawn from their Jeffreys posteriors (Mossman and Berger 2001).",
            "They know nothing of posts that look unlike these ones. Clear does not mean safe, and "
            "a label judges a text, not a person.",
        ],
    )


# Words -------------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """A share as a number of per cent, without the sign."""
    percent = 100 * share
    digits = 0 if percent in (0, 100) else 1 if 1 <= percent <= 99 else 2
    return f"{percent:.{digits}f}"


def as_share(proportion: Figures) -> str:
    """A proportion with its interval and its counts."""
    if proportion["value"] is None:
        return "no posts"
    low, high = percent(proportion["low"]), percent(proportion["high"])
    counts = f"{proportion['hits']:,} of {proportion['of']:,}"
    return f"{percent(proportion['value'])} % ({low}–{high}), {counts}"


def _judged(part: Figures, name: str) -> str:
    doubt = "; too few to judge" if name in part["too_small"] and part[name]["of"] else ""
    return as_share(part[name]) + doubt


def as_range(figure: Figures) -> str:
    """A figure with its interval, in per cent."""
    if figure["low"] is None:
        return "unknown"
    low, high = percent(figure["low"]), percent(figure["high"])
    if figure["value"] is None:
        return f"unknown ({low}–{high} %)"
    return f"{percent(figure['value'])} % ({low}–{high})"


def _numbers(figure: Figures) -> str:
    if figure["value"] is None:
        return f"unknown ({_count(figure['low'])}–{_count(figure['high'])})"
    return f"{_count(figure['value'])} ({_count(figure['low'])}–{_count(figure['high'])})"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number >= 20 else f"{number:.1f}"


def _points(comparison: Figures, name: str) -> str:
    found = comparison["difference"][name]
    if found["value"] is None:
        return "unknown"
    return f"{100 * found['value']:+.1f} ({100 * found['low']:+.1f} to {100 * found['high']:+.1f})"


def _odds(figures: Figures) -> str:
    """How many alarms a person sees for each right one."""
    ends = [figures["precision_at_prevalence"][x] for x in ("high", "low")]
    return " to ".join(_count(1 / x) if x > 0 else "any number" for x in ends)


def _one_in(prevalence: float) -> str:
    if prevalence > 0.1:
        return f"{percent(prevalence)} % risky posts"
    return f"one risky post in {1 / prevalence:,.0f}"


def markdown_cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    text = " ".join(text.split())
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|")):
        text = text.replace(character, escaped)
    return text


def _data(image: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(image).decode("ascii")


def _put(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
