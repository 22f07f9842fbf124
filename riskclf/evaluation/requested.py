"""The sections of a report that a user asks for: thresholds for constraints, and comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from riskclf.evaluation.wording import (
    Section,
    Table,
    as_counts,
    as_points,
    as_range,
    as_share,
    counted,
    percent,
    unit_of_time,
)
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from riskclf.evaluation.figures import Comparison, Expected, Figures, Threshold

__all__ = ["comparison", "thresholds"]


def thresholds(figures: Figures) -> Section:
    """The threshold for each constraint, and what it does."""
    rows, lines = [], []
    for x in figures.thresholds:
        asked = _constraint(x)
        if x.threshold is None or x.measured is None:
            lines.append(_("No threshold meets this constraint: {asked}.").format(asked=asked))
            continue
        found, expected = x.measured, x.expected
        precision = found.precision_at_prevalence
        in_time = [_("needs a volume")] * 2
        if expected is not None:
            in_time = [
                _("{number} per {unit}").format(
                    number=as_counts(number), unit=unit_of_time(expected.unit)
                )
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
        lines += _notes(x, asked)
    head = (
        _("constraint"),
        _("threshold"),
        _("precision"),
        _("recall"),
        _("false positive rate"),
        _("alarms, unclear posts included"),
        _("risky posts missed"),
    )
    tables = [Table(_("Thresholds and what they do"), head, rows)] if rows else []
    return Section(_("Thresholds for your constraints"), list(dict.fromkeys(lines)), tables)


def _constraint(x: Threshold) -> str:
    words = {
        "capacity": _("at most {asked}"),
        "precision": _("precision of at least {asked}"),
        "recall": _("recall of at least {asked}"),
    }
    return words[x.constraint].format(asked=x.asked)


def _notes(x: Threshold, asked: str) -> Iterator[str]:
    """What one must know of a threshold."""
    if x.same_rows:
        yield _("{asked}: chosen and measured on the same rows (optimistic).").format(asked=asked)
    else:
        yield _(
            "{asked}: chosen on {chosen:,} posts ({chosen_kinds}), measured on the other "
            "{measured:,} ({measured_kinds})."
        ).format(
            asked=asked,
            chosen=x.chosen_on.rows,
            chosen_kinds=counted(x.chosen_on),
            measured=x.measured_on.rows,
            measured_kinds=counted(x.measured_on),
        )
    if x.expected is not None:
        yield from _expectations(x.expected, asked)


def _expectations(x: Expected, asked: str) -> Iterator[str]:
    """What is assumed of the stream."""
    if x.unclear_share:
        yield _(
            "{asked}: {number} of the alarms per {unit} are unclear posts. The stream is assumed "
            "to hold {share} % of them: as many for each risky post as the posts measured here."
        ).format(
            asked=asked,
            number=as_counts(x.unclear),
            unit=unit_of_time(x.unit),
            share=percent(x.unclear_share),
        )
    if x.prevalence_is_that_of_the_rows:
        yield _(
            "No --prevalence is given: the stream is assumed to be a mix like the posts measured "
            "here, {share} % of them risky (unclear posts included). A real stream has far fewer."
        ).format(share=percent(x.prevalence))


def comparison(x: Comparison, number: int, figures: Figures) -> Section:
    """The model and a baseline side by side; `number` is that of the file of differences."""
    rows, tests = [], []
    if figures.operating_points:
        rows = [
            (words, as_share(ours), as_share(theirs), as_points(difference))
            for words, ours, theirs, difference in (
                (_("recall"), x.ours.recall, x.theirs.recall, x.difference.recall),
                (
                    _("false positive rate"),
                    x.ours.false_positive_rate,
                    x.theirs.false_positive_rate,
                    x.difference.false_positive_rate,
                ),
                (_("precision"), x.ours.precision, x.theirs.precision, x.difference.precision),
            )
        ]
        tests = [
            (_("risky posts found"), x.mcnemar.risky),
            (_("benign posts with an alarm"), x.mcnemar.benign),
        ]
    if x.macro_f1 is not None and x.difference.macro_f1 is not None:
        ours, theirs = as_range(x.macro_f1.ours), as_range(x.macro_f1.theirs)
        rows.append((_("macro-F1 of the labels"), ours, theirs, as_points(x.difference.macro_f1)))
    if x.mcnemar.label is not None:
        tests.append((_("posts with the right label"), x.mcnemar.label))
    return Section(
        _("Compared with {name}").format(name=x.name),
        [
            _(
                "Compared are the alarms: of the model, what it marks flag or review; of {name}, "
                "{how}."
            ).format(name=x.name, how=x.how),
            _(
                "On {differ:,} posts, unclear ones included, only one of the two raises an alarm: "
                "differences-{number}.csv lists them."
            ).format(differ=x.differ, number=number),
            _(
                "A difference is significant if its interval excludes 0. Intervals and the paired "
                "test take families into account, where these are given."
            ),
        ],
        [
            Table(
                _("Side by side"),
                ("", _("model"), x.name, _("difference, percentage points")),
                rows,
            ),
            Table(
                _("Paired test (McNemar)"),
                (
                    "",
                    _("only the model"),
                    _("only {name}").format(name=x.name),
                    _("p-value (small: chance alone is unlikely)"),
                ),
                [
                    (words, f"{y.only_ours:,}", f"{y.only_theirs:,}", f"{y.p_value:.3g}")
                    for words, y in tests
                ],
            ),
        ],
    )
