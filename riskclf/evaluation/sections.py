"""The content of a report: its sections, most important first, made from the figures.

All words are in the language of the figures (`Figures.lang`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from riskclf.evaluation.headline import (
    brackets,
    confusion,
    first_plot,
    in_short,
    on_your_stream,
    precision_recall,
)
from riskclf.evaluation.reading import how_to_read
from riskclf.evaluation.requested import comparison, thresholds
from riskclf.evaluation.slices import slices, weak_spots
from riskclf.evaluation.wording import Section, Table, alarm_name, as_range, as_share
from riskclf.language import gettext as _
from riskclf.language import speaking

if TYPE_CHECKING:
    from riskclf.evaluation.figures import Figures

__all__ = ["opening_of", "sections_of", "summary"]

_SHOWN_REASONS = 20


def opening_of(figures: Figures) -> tuple[str, str, str]:
    """What stands above the sections: title, what was measured, and what a bracket means."""
    with speaking(figures.lang):
        title = _("Evaluation")
        if figures.data.name:
            title = _("Evaluation on {name}").format(name=figures.data.name)
        measured = _("riskclf {version}, scores from an earlier run").format(
            version=figures.riskclf
        )
        if figures.model:
            measured = _("riskclf {version}, model {fingerprint}").format(
                version=figures.riskclf,
                fingerprint=(figures.model.fingerprint or _("unknown"))[:16],
            )
        return title, measured, brackets()


def summary(figures: Figures) -> Sequence[str]:
    """The report in a few sentences, and what the brackets in them mean."""
    with speaking(figures.lang):
        return [*in_short(figures).lines, brackets()]


def sections_of(figures: Figures) -> list[Section]:
    """All sections; those without content are left out."""
    with speaking(figures.lang):
        sections = [
            in_short(figures),
            on_your_stream(figures),
            thresholds(figures),
            *(comparison(x, n, figures) for n, x in enumerate(figures.comparisons, start=1)),
            weak_spots(figures),
            _alarms(figures),
            _labels(figures),
            *slices(figures),
            _unclear(figures),
            _calibration(figures),
            _data(figures),
            how_to_read(),
        ]
    return [x for x in sections if x.lines or x.tables or x.plots]


def _alarms(figures: Figures) -> Section:
    title, points = _("Alarms"), figures.operating_points
    if not points:
        return Section(title)
    found = list(points.values())
    rows: list[tuple[str, ...]] = [
        (_("recall"), *(as_share(x.recall) for x in found)),
        *(
            (
                _("recall of {label}").format(label=label),
                *(as_share(x.recall_of[label]) for x in found),
            )
            for label in points["flag"].recall_of
        ),
        (_("false positive rate"), *(as_share(x.false_positive_rate) for x in found)),
        (_("precision"), *(as_share(x.precision) for x in found)),
        (
            _("workload (share of all posts with an alarm, unclear posts included)"),
            *(as_share(x.workload) for x in found),
        ),
    ]
    lines = []
    if figures.model is not None and (limits := figures.model.thresholds):
        lines.append(
            _("The model marks flag from a risk of {flag:.4f}, and review from {review:.4f}.")
            .format(**limits)
        )  # fmt: skip
    head = ("", *(alarm_name(name) for name in points))
    table = Table(_("Figures at flag, and at flag or review"), head, rows)
    plots = precision_recall()
    return Section(title, lines, [table], {} if first_plot(figures) == plots else plots)


def _labels(figures: Figures) -> Section:
    rows: list[tuple[str, ...]] = [
        (label, as_share(x.precision), as_share(x.recall), as_range(x.f1))
        for label, x in figures.labels.items()
    ]
    macro = figures.macro
    means = (as_range(x) for x in (macro.precision, macro.recall, macro.f1))
    rows.append((_("mean (macro)"), *means))
    names = figures.confusion.labels
    confusions = [
        (name, *(f"{count:,}" for count in counts))
        for name, counts in zip(names, figures.confusion.counts, strict=True)
    ]
    areas = [
        (
            _("risk") if name == "risk" else name,
            *(_("not defined") if y is None else f"{y:.3f}" for y in (x.pr, x.roc)),
        )
        for name, x in figures.areas.items()
    ]
    plots = confusion()
    return Section(
        _("Labels"),
        [
            _("Accuracy (posts with the right label): {share}.").format(
                share=as_share(figures.accuracy)
            )
        ],
        [
            Table(
                _("Precision, recall and F1 of each label"),
                (_("label"), _("precision"), _("recall"), _("F1")),
                rows,
            ),
            Table(_("Right label (rows) and label given (columns)"), ("", *names), confusions),
            Table(
                _("Areas under the curves (1 is perfect)"),
                (_("score"), _("precision-recall (average precision)"), _("ROC")),
                areas,
            ),
        ],
        {} if first_plot(figures) == plots else plots,
    )


def _unclear(figures: Figures) -> Section:
    title, found = _("Unclear posts"), figures.unclear
    if found is None or not found.all.flag.of:
        return Section(title)
    rows = [
        (name, as_share(x.flag), as_share(x.flag_or_review))
        for name, x in {_("all unclear posts"): found.all, **found.kinds}.items()
    ]
    head = (_("may be"), alarm_name("flag"), alarm_name("flag_or_review"))
    table = Table(_("Unclear posts with an alarm"), head, rows)
    line = _(
        "The text alone does not say what these posts are. They should be at review, so that a "
        "person looks at them."
    )
    return Section(title, [line], [table])


def _calibration(figures: Figures) -> Section:
    found, title = figures.calibration, _("Calibration")
    if not found.bins:
        return Section(title)
    rows = [(f"{x.start:.1f}–{x.end:.1f}", f"{x.risk:.3f}", as_share(x.share)) for x in found.bins]
    return Section(
        title,
        [
            _(
                "In a calibrated model, about 30 % of the posts with a risk of 0.3 are risky. This "
                "is only possible where the share of risky posts is the one that the model was "
                "calibrated for."
            ),
            _(
                "Expected calibration error: {ece:.3f} (a calibrated model has an error this large "
                "with probability {p:.3f}). Brier score: {brier:.3f} (0 is perfect)."
            ).format(ece=found.ece, p=found.ece_p_value, brier=found.brier),
        ],
        [
            Table(
                _("Risk and share of risky posts"),
                (_("risk"), _("mean risk"), _("share of risky posts")),
                rows,
            )
        ],
        {"reliability": _("Share of risky posts against the risk that the model gives")},
    )


def _data(figures: Figures) -> Section:
    reasons = list(figures.data.reasons.items())
    tables = []
    if reasons:
        rows = [(reason, f"{count:,}") for reason, count in reasons[:_SHOWN_REASONS]]
        if len(reasons) > _SHOWN_REASONS:
            rest = sum(count for _reason, count in reasons[_SHOWN_REASONS:])
            rows.append((_("other reasons, see rejects.csv"), f"{rest:,}"))
        head = (_("reason"), _("rows"))
        tables.append(Table(_("Rows that could not be used"), head, rows))
    return Section(_("Notes on the data"), figures.notes, tables)
