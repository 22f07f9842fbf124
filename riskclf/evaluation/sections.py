"""The content of a report: its sections, most important first, made from the figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from riskclf.evaluation.slices import slices, weak_spots
from riskclf.evaluation.wording import (
    Section,
    Table,
    as_count,
    as_counts,
    as_points,
    as_range,
    as_share,
    one_in,
    percent,
)

if TYPE_CHECKING:
    from riskclf.evaluation.figures import AlarmFigures, Comparison, Figures

__all__ = ["sections_of", "summary", "title_of"]

_SHOWN_REASONS = 20


def title_of(figures: Figures) -> str:
    """The title of the report."""
    return f"Evaluation on {figures.data.name}" if figures.data.name else "Evaluation"


def summary(figures: Figures) -> Sequence[str]:
    """The report in a few sentences."""
    return _in_short(figures).lines


def sections_of(figures: Figures) -> list[Section]:
    """All sections; those without content are left out."""
    sections = [
        _in_short(figures),
        _stream(figures),
        _thresholds(figures),
        *(_comparison(x, n, figures) for n, x in enumerate(figures.comparisons, start=1)),
        weak_spots(figures),
        _labels(figures),
        _operating_points(figures),
        *slices(figures),
        _unclear(figures),
        _calibration(figures),
        _rows(figures),
        _reading(),
    ]
    return [x for x in sections if x.lines or x.tables or x.plots]


def _in_short(figures: Figures) -> Section:
    counts = figures.counts
    if not figures.operating_points:
        return Section(
            "In short",
            [
                f"Measured on {counts.rows:,} labelled posts, {counts.unclear:,} of them "
                "unclear. The model has no risk labels: it flags nothing.",
                f"The most probable label is right for {as_share(figures.accuracy)} of the "
                f"posts; macro-F1 is {as_range(figures.macro.f1)}.",
            ],
        )
    shown, flagged = (figures.operating_points[x] for x in ("flag_or_review", "flag"))
    lines = [
        f"Measured on {counts.rows:,} labelled posts: {counts.risky:,} risky, "
        f"{counts.benign:,} benign, {counts.unclear:,} unclear."
    ]
    if counts.risky:
        lines.append(
            f"Of the risky posts, {as_share(shown.recall)} are found (flag or review), and "
            f"{as_share(flagged.recall)} are flagged."
        )
    if counts.benign:
        lines.append(
            f"Of the benign posts, {as_share(shown.false_positive_rate)} are false positives "
            f"(flag or review), and {as_share(flagged.false_positive_rate)} are flagged."
        )
    if flagged.precision.of:
        which = " that are not unclear" if counts.unclear else ""
        lines.append(f"Of the flagged posts{which}, {as_share(flagged.precision)} are risky.")
    other = figures.other_risk_label
    if other is not None and other.of:
        lines.append(
            f"Of the risky posts that got a risk label, {as_share(other)} got the wrong one."
        )
    precision, prevalence = flagged.precision_at_prevalence, figures.stream.prevalence
    if precision and precision.value is not None and precision.low is not None and prevalence:
        stream = f"On a stream with {one_in(prevalence)}, "
        if flagged.false_positive_rate.hits:
            lines.append(f"{stream}{as_range(precision)} of the flagged posts would be risky.")
        else:
            lines.append(
                f"{stream}at least {percent(precision.low)} % of the flagged posts would be "
                f"risky. None of the {counts.benign:,} benign posts is flagged: they are too few "
                "to tell more."
            )
    return Section("In short", lines)


def _stream(figures: Figures) -> Section:
    title, prevalence = "What it means on your stream", figures.stream.prevalence
    if prevalence is None or not figures.operating_points:
        return Section(title)
    tables = [
        Table(
            f"Precision where there is {one_in(prevalence)}",
            ("alarm", "precision", "alarms for each risky post found"),
            [
                (name.replace("_", " "), as_range(found.precision_at_prevalence), _odds(found))
                for name, found in figures.operating_points.items()
                if found.precision_at_prevalence is not None
            ],
        )
    ]
    lines = [
        f"These rows have their own share of risky posts. Your stream has {one_in(prevalence)}. "
        "Precision there follows from recall and false positive rate here. This holds if posts "
        "there look as they do here."
    ]
    if figures.first:
        rows = []
        for x in figures.first:
            held = as_counts(x.risky)
            if not x.resolved and x.risky.low is not None and x.risky.high is not None:
                held = f"{as_count(x.risky.low)} to {as_count(x.risky.high)}"
                held += ": too few benign posts here to tell more"
            rows.append((f"{x.first:,}", f"{x.of:,}", held))
        head = ("first", "of", "risky among them")
        tables.append(Table("What the riskiest posts of a stream hold", head, rows))
    return Section(title, lines, tables)


def _thresholds(figures: Figures) -> Section:
    rows, lines = [], []
    for x in figures.thresholds:
        asked = f"{x.constraint}: {x.asked}"
        if x.threshold is None or x.measured is None:
            lines.append(f"No threshold meets this constraint ({asked}).")
            continue
        found, expected = x.measured, x.expected
        precision = found.precision_at_prevalence
        in_time = ["needs a volume"] * 2
        if expected is not None:
            in_time = [
                f"{as_counts(number)} per {expected.unit}"
                for number in (expected.alarms, expected.missed)
            ]
        rows.append(
            (
                asked,
                f"{x.threshold:.4f}",
                as_range(precision) if precision else as_share(found.precision),
                as_share(found.recall),
                as_share(found.false_positive_rate),
                *in_time,
            )
        )
        if x.same_rows:
            lines.append(f"{asked}: chosen and measured on the same rows (optimistic).")
        else:
            lines.append(
                f"{asked}: chosen on {x.chosen_on.rows:,} posts ({x.chosen_on.risky:,} risky), "
                f"measured on {x.measured_on.rows:,} others ({x.measured_on.risky:,} risky)."
            )
        if expected is not None and expected.unclear_share:
            lines.append(
                f"{asked}: of the alarms, {as_counts(expected.unclear)} per {expected.unit} are "
                f"unclear posts. The stream is assumed to hold {percent(expected.unclear_share)} % "
                "of them: as many for each risky post as these rows have."
            )
        if expected is not None and expected.prevalence_is_that_of_the_rows:
            lines.append(
                f"Without --prevalence, the stream is assumed to have "
                f"{one_in(expected.prevalence)}, as these rows have. A real stream has far fewer."
            )
    head = (
        "constraint",
        "threshold",
        "precision",
        "recall",
        "false positive rate",
        "alarms",
        "missed",
    )
    tables = [Table("Thresholds and what they do", head, rows)] if rows else []
    return Section("Thresholds for your constraints", list(dict.fromkeys(lines)), tables)


def _comparison(x: Comparison, number: int, figures: Figures) -> Section:
    rows, tests = [], []
    if figures.operating_points:
        rows = [
            (words, as_share(ours), as_share(theirs), as_points(difference))
            for words, ours, theirs, difference in (
                ("recall", x.ours.recall, x.theirs.recall, x.difference.recall),
                (
                    "false positive rate",
                    x.ours.false_positive_rate,
                    x.theirs.false_positive_rate,
                    x.difference.false_positive_rate,
                ),
                ("precision", x.ours.precision, x.theirs.precision, x.difference.precision),
            )
        ]
        tests = [
            ("risky posts found", x.mcnemar.risky),
            ("benign posts with an alarm", x.mcnemar.benign),
        ]
    if x.macro_f1 is not None and x.difference.macro_f1 is not None:
        ours, theirs = as_range(x.macro_f1.ours), as_range(x.macro_f1.theirs)
        rows.append(("macro-F1 of the labels", ours, theirs, as_points(x.difference.macro_f1)))
    if x.mcnemar.label is not None:
        tests.append(("posts with the right label", x.mcnemar.label))
    return Section(
        f"Compared with {x.name}",
        [
            f"The model's alarms are what it flags or marks for review; those of {x.name}: "
            f"{x.how}. They differ on {x.differ:,} posts: differences-{number}.csv.",
            "A difference is significant if its interval excludes 0. Intervals and the paired "
            "test respect families, where these are given.",
        ],
        [
            Table("Side by side", ("", "model", x.name, "difference, points"), rows),
            Table(
                "Paired test (McNemar; by families where these are given)",
                ("", "model only", f"{x.name} only", "p-value of no difference"),
                [
                    (words, f"{y.only_ours:,}", f"{y.only_theirs:,}", f"{y.p_value:.3g}")
                    for words, y in tests
                ],
            ),
        ],
    )


def _labels(figures: Figures) -> Section:
    rows: list[tuple[str, ...]] = [
        (label, as_share(x.precision), as_share(x.recall), as_range(x.f1))
        for label, x in figures.labels.items()
    ]
    macro = figures.macro
    means = (as_range(x) for x in (macro.precision, macro.recall, macro.f1))
    rows.append(("mean (macro)", *means))
    names = figures.confusion.labels
    confusions = [
        (name, *(f"{count:,}" for count in counts))
        for name, counts in zip(names, figures.confusion.counts, strict=True)
    ]
    areas = [
        (name, *("not defined" if y is None else f"{y:.3f}" for y in (x.pr, x.roc)))
        for name, x in figures.areas.items()
    ]
    return Section(
        "Labels",
        [f"The most probable label is right for {as_share(figures.accuracy)} of the posts."],
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
    title, points = "Alarms", figures.operating_points
    if not points:
        return Section(title)
    found = list(points.values())
    rows: list[tuple[str, ...]] = [
        ("precision", *(as_share(x.precision) for x in found)),
        ("recall", *(as_share(x.recall) for x in found)),
        ("false positive rate", *(as_share(x.false_positive_rate) for x in found)),
        ("workload: share of all posts", *(as_share(x.workload) for x in found)),
        *(
            (f"recall of {label}", *(as_share(x.recall_of[label]) for x in found))
            for label in points["flag"].recall_of
        ),
    ]
    lines = []
    if figures.model is not None and (thresholds := figures.model.thresholds):
        lines.append(
            f"The model flags from a risk of {thresholds['flag']:.4f} and asks for review from "
            f"{thresholds['review']:.4f}."
        )
    head = ("", *(name.replace("_", " ") for name in points))
    return Section(title, lines, [Table("Operating points", head, rows)])


def _unclear(figures: Figures) -> Section:
    title, found = "Unclear posts", figures.unclear
    if found is None or not found.all.flag.of:
        return Section(title)
    rows = [
        (name, as_share(x.flag), as_share(x.flag_or_review))
        for name, x in {"all unclear posts": found.all, **found.kinds}.items()
    ]
    table = Table("Shown to a person", ("may be", "flag", "flag or review"), rows)
    line = "The text does not settle what these posts are: a person should see them, at review."
    return Section(title, [line], [table])


def _calibration(figures: Figures) -> Section:
    found = figures.calibration
    if not found.bins:
        return Section("Calibration")
    rows = [(f"{x.start:.1f}–{x.end:.1f}", f"{x.risk:.3f}", as_share(x.share)) for x in found.bins]
    return Section(
        "Calibration",
        [
            "Of posts with a risk of 0.3, about 30 % should be risky. This can only hold where the "
            "share of risky posts is the one that the model was calibrated for.",
            f"Expected calibration error {found.ece:.3f} (p-value of being calibrated "
            f"{found.ece_p_value:.3f}), Brier score {found.brier:.3f}.",
        ],
        [Table("Risk and truth", ("risk", "mean risk", "are risky"), rows)],
        {"reliability": "Share of risky posts against the risk that the model gives"},
    )


def _rows(figures: Figures) -> Section:
    reasons = list(figures.data.reasons.items())
    tables = []
    if reasons:
        rows = [(reason, f"{count:,}") for reason, count in reasons[:_SHOWN_REASONS]]
        if len(reasons) > _SHOWN_REASONS:
            rest = sum(count for _, count in reasons[_SHOWN_REASONS:])
            rows.append(("other reasons, see rejects.csv", f"{rest:,}"))
        tables.append(Table("Rows that could not be used", ("reason", "rows"), rows))
    return Section("What was measured on", figures.notes, tables)


def _reading() -> Section:
    return Section(
        "How to read this",
        [
            "The range in brackets is a 95 % confidence interval: values that the true figure may "
            "well have, given how few posts were measured. 0 of 20 still allows for 16 %.",
            "Precision: the share of the alarms that are risky posts. Recall: the share of the "
            "risky posts that are found. False positive rate: the share of the benign posts that "
            "raise an alarm. F1 is high only if precision and recall both are.",
            "Intervals: Wilson (1927); with families, for as many independent posts as these posts "
            "are worth (Korn and Graubard 1998). Precision at a base rate: both rates drawn from "
            "their Jeffreys posteriors (Mossman and Berger 2001).",
            "Intervals say nothing about posts that look unlike these. Clear does not mean safe, "
            "and a label judges a text, not a person.",
        ],
    )


def _odds(figures: AlarmFigures) -> str:
    """How many alarms a person sees for each risky post among them."""
    precision = figures.precision_at_prevalence
    assert precision is not None
    ends = (precision.high, precision.low)
    return " to ".join(as_count(1 / x) if x else "any number" for x in ends)
