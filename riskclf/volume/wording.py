"""A volume estimate in words, in the current language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from riskclf.evaluation.figures import Estimate
from riskclf.evaluation.wording import as_share
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from riskclf.volume.comparison import Change
    from riskclf.volume.estimation import MonthlyVolume, VolumeEstimate

__all__ = ["as_number", "change_words", "month_table", "statement"]


def statement(found: VolumeEstimate) -> list[str]:
    """What is estimated and what from, one sentence each."""
    return [
        _("Risky posts in a stream that was collected so: {collected}").format(
            collected=found.collected
        ),
        _(
            "Posts that were not collected are not counted. Months: {zone}. Method: {method}."
        ).format(zone=found.zone, method=found.method),
        _("Flagged of the labelled risky posts: {risky}; of the others: {benign}.").format(
            risky=as_share(found.rates["risky"]), benign=as_share(found.rates["benign"])
        ),
    ]


def month_table(found: VolumeEstimate) -> Table:
    """The months, as a table for the terminal."""
    labels = [name for month in found.months for name in month.by_label]
    table = Table()
    table.add_column(_("month"), no_wrap=True)
    names = [_("posts"), _("flagged"), _("risky (95 % interval)"), _("per 1,000 posts")]
    for name in (*names, *dict.fromkeys(labels)):
        table.add_column(name, justify="right")
    for month in found.months:
        cells = [month.month, f"{month.posts:,}", f"{month.flagged:,}", _risky(month)]
        scaled = [None if x is None else 1000 * x for x in _parts(month.share)]
        cells.append(as_number(Estimate(*scaled), 1))
        cells += [
            as_number(month.by_label[name]) if name in month.by_label else ""
            for name in dict.fromkeys(labels)
        ]
        table.add_row(*cells)
    return table


def _risky(month: MonthlyVolume) -> str:
    if month.refused == "no posts":
        return _("no posts")
    return _("refused: unlike") if month.refused else as_number(month.risky)


def _parts(figure: Estimate) -> tuple[float | None, float | None, float | None]:
    return figure.value, figure.low, figure.high


def as_number(figure: Estimate, digits: int = 0) -> str:
    """A number with its interval; empty where there is none."""
    if figure.value is None or figure.low is None:
        return ""
    value, low = f"{figure.value:,.{digits}f}", f"{figure.low:,.{digits}f}"
    if figure.high is None:
        return _("{value} (from {low})").format(value=value, low=low)
    high = f"{figure.high:,.{digits}f}"
    if figure.low < 0:
        return _("{value} ({low} to {high})").format(value=value, low=low, high=high)
    return _("{value} ({low}–{high})").format(value=value, low=low, high=high)


def change_words(change: Change) -> str:
    """Whether the volume fell and by how much, in a few sentences."""
    lines = [
        _("{before}: {first} risky posts a month. {after}: {second}.").format(
            before=change.before,
            after=change.after,
            first=as_number(change.volume_before),
            second=as_number(change.volume_after),
        ),
        _("Probability that it fell: {share} %. After less before: {difference}.").format(
            share=f"{100 * change.fell:.1f}", difference=as_number(change.difference)
        ),
    ]
    if change.ratio.value is not None:
        lines.append(_("After over before: {ratio}.").format(ratio=as_number(change.ratio, 2)))
    if not 0.9 <= change.posts_ratio <= 1.1:
        lines.append(
            _(
                "The posts collected changed too, by a factor of {factor}: compare the column per "
                "1,000 posts, and ask whether the stream was collected in the same way."
            ).format(factor=f"{change.posts_ratio:.2f}")
        )
    return "\n".join(lines)
