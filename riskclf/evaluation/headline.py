"""The first sections of a report: the result in a few sentences, and what it means on a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from riskclf.evaluation.thousand import thousand_of
from riskclf.evaluation.wording import (
    Section,
    Table,
    alarm_name,
    as_count,
    as_counts,
    as_range,
    as_share,
    counted,
    one_in,
    percent,
)
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from riskclf.evaluation.figures import AlarmFigures, Figures

__all__ = ["brackets", "confusion", "first_plot", "in_short", "on_your_stream", "precision_recall"]


def brackets() -> str:
    """What the brackets behind a figure mean."""
    return _(
        "Brackets hold the 95 % confidence interval. For example, 90.0 % (85.1–93.4) means: 90.0 % "
        "was measured, and the true figure probably lies between 85.1 % and 93.4 %. The fewer "
        "posts were measured, the wider the interval."
    )


def first_plot(figures: Figures) -> dict[str, str]:
    """The plot that the report begins with: its name, and what it shows in words."""
    if (thousand := thousand_of(figures)) is not None:
        return {"thousand": thousand.words()}
    if figures.curve.recall:
        return precision_recall()
    return confusion()


def precision_recall() -> dict[str, str]:
    """The precision-recall curve, and what it shows in words."""
    return {
        "precision_recall": _(
            "Precision against recall for every possible threshold, on the posts measured here"
        )
    }


def confusion() -> dict[str, str]:
    """The confusion matrix, and what it shows in words."""
    return {"confusion": _("Number of posts by right label and given label, as in the table")}


def in_short(figures: Figures) -> Section:
    """The result in a few sentences, with the first plot."""
    lines = [
        _("Measured on {rows:,} labelled posts: {kinds}.").format(
            rows=figures.counts.rows, kinds=counted(figures.counts)
        )
    ]
    if figures.operating_points:
        lines += [*_unclear_rule(figures), *_rates(figures)]
    else:
        lines = [
            _(
                "Measured on {rows:,} labelled posts, {unclear:,} of them unclear. The model has "
                "no risk labels: it flags nothing."
            ).format(rows=figures.counts.rows, unclear=figures.counts.unclear),
            *_unclear_rule(figures),
            _("Accuracy (posts with the right label): {share}. Macro-F1: {f1}.").format(
                share=as_share(figures.accuracy), f1=as_range(figures.macro.f1)
            ),
        ]
    return Section(_("In short"), lines, plots=first_plot(figures))


def _unclear_rule(figures: Figures) -> list[str]:
    """How unclear posts are counted; every sentence of the report keeps to it."""
    if not figures.counts.unclear:
        return []
    return [
        _(
            "Unclear posts have no right answer. A figure leaves them out, unless it says that "
            "they are included."
        )
    ]


def _rates(figures: Figures) -> list[str]:
    counts = figures.counts
    shown, flagged = (figures.operating_points[x] for x in ("flag_or_review", "flag"))
    lines = []
    if counts.risky:
        lines.append(
            _("Recall (risky posts that are found): {shown}, at flag or review; {flag}, at flag.")
            .format(shown=as_share(shown.recall), flag=as_share(flagged.recall))
        )  # fmt: skip
    if counts.benign:
        lines.append(
            _(
                "False positive rate (benign posts with an alarm): {shown}, at flag or "
                "review; {flag}, at flag."
            ).format(
                shown=as_share(shown.false_positive_rate),
                flag=as_share(flagged.false_positive_rate),
            )
        )
    if shown.precision.of:
        lines.append(
            _(
                "Precision (alarms that are risky posts): {shown}, at flag or review; {flag}, at "
                "flag."
            ).format(shown=as_share(shown.precision), flag=as_share(flagged.precision))
        )
    other = figures.other_risk_label
    if other is not None and other.of:
        lines.append(
            _("Wrong risk label (of the risky posts that got a risk label): {share}.")
            .format(share=as_share(other))
        )  # fmt: skip
    return lines + _precision_on_stream(flagged, figures)


def _precision_on_stream(flagged: AlarmFigures, figures: Figures) -> list[str]:
    precision, prevalence = flagged.precision_at_prevalence, figures.stream.prevalence
    if not precision or precision.value is None or precision.low is None or not prevalence:
        return []
    if flagged.false_positive_rate.hits:
        return [
            _("Precision on a stream with {one_in}: {precision} of the flagged posts are risky.")
            .format(one_in=one_in(prevalence), precision=as_range(precision))
        ]  # fmt: skip
    return [
        _(
            "Precision on a stream with {one_in}: at least {low} % of the flagged posts are risky. "
            "None of the {benign:,} benign posts is flagged: they are too few to say "
            "more."
        ).format(
            one_in=one_in(prevalence), low=percent(precision.low), benign=figures.counts.benign
        )
    ]


def on_your_stream(figures: Figures) -> Section:
    """Precision at the user's prevalence, and the first posts of a stream."""
    title, prevalence = _("What to expect on your stream"), figures.stream.prevalence
    if prevalence is None or not figures.operating_points:
        return Section(title)
    lines = [
        _(
            "This section assumes {one_in} in your stream, as you specified. Precision there is "
            "computed from the recall and the false positive rate measured here. It is right only "
            "if the posts of your stream look like the posts measured here."
        ).format(one_in=one_in(prevalence))
    ]
    tables = [
        Table(
            _("Precision on a stream with {one_in}").format(one_in=one_in(prevalence)),
            (_("decision"), _("precision"), _("alarms to read for each risky post found")),
            [
                (alarm_name(name), as_range(found.precision_at_prevalence), _odds(found))
                for name, found in figures.operating_points.items()
                if found.precision_at_prevalence is not None
            ],
        )
    ]
    if figures.first:
        head = (_("posts read"), _("posts in the stream"), _("risky posts among those read"))
        rows = []
        for x in figures.first:
            held = as_counts(x.risky)
            if not x.resolved and x.risky.low is not None and x.risky.high is not None:
                held = _("{low} to {high}: too few benign posts here to say more").format(
                    low=as_count(x.risky.low), high=as_count(x.risky.high)
                )
            rows.append((f"{x.first:,}", f"{x.of:,}", held))
        caption = _("If you read the riskiest posts first")
        tables.append(Table(caption, head, rows))
    return Section(title, lines, tables)


def _odds(figures: AlarmFigures) -> str:
    """How many alarms a person sees for each risky post among them."""
    precision = figures.precision_at_prevalence
    assert precision is not None
    low, high = (as_count(1 / x) if x else _("any number") for x in (precision.high, precision.low))
    return _("{low} to {high}").format(low=low, high=high)
