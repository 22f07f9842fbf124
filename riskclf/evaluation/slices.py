"""The sections of a report on slices and languages, and where the model fails among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from riskclf.evaluation.metrics import NO_NAME, OTHER_NAMES
from riskclf.evaluation.reading import rule_for_parts
from riskclf.evaluation.wording import Section, Table, as_share, percent
from riskclf.language import gettext as _
from riskclf.language import listed

if TYPE_CHECKING:
    from riskclf.evaluation.figures import Figures, Proportion, Slice

__all__ = ["shown_name", "slices", "weak_spots"]


def shown_name(name: str) -> str:
    """The name of a slice or language, as a report shows it."""
    return {NO_NAME: _("(none)"), OTHER_NAMES: _("(all others)")}.get(name, name)


def weak_spots(figures: Figures) -> Section:
    """Parts that are worse than all posts, where there are enough posts to judge."""
    weak: list[str] = []
    small: list[str] = []
    parts = [(_("slice {name}"), name, x) for name, x in figures.slices.items()]
    parts += [(_("language {name}"), name, x) for name, x in figures.languages.items()]
    for words, name, found in parts:
        part = words.format(name=shown_name(name))
        weak += [
            _("{part}: {problem}").format(part=part, problem=line)
            for line in _worse(found, figures)
        ]
        if _too_few(found):
            small.append(part)
    title = _("Where it fails")
    if not parts:
        return Section(title)
    lines = weak or [_("No slice or language that can be judged is clearly worse than all posts.")]
    if small:
        lines.append(_("Too few posts to judge: {names}.").format(names=listed(small)))
    lines.append(rule_for_parts())
    if weak:
        lines.append(_("By chance alone, about one such figure in forty looks worse than it is."))
    return Section(title, lines)


def _worse(found: Slice, figures: Figures) -> Iterable[str]:
    if found.recall is None or found.false_positive_rate is None:
        accuracy = figures.accuracy.value or 0
        if _judged(found, "accuracy", found.accuracy) and found.accuracy.high < accuracy:
            yield _("accuracy {share} (all posts: {all} %).").format(
                share=as_share(found.accuracy), all=percent(accuracy)
            )
        return
    everywhere = figures.operating_points["flag_or_review"]
    recall, rate = everywhere.recall.value or 0, everywhere.false_positive_rate.value
    if _judged(found, "recall", found.recall) and found.recall.high < recall:
        yield _("recall {share} (all posts: {all} %).").format(
            share=as_share(found.recall), all=percent(recall)
        )
    raised = found.false_positive_rate
    if _judged(found, "false_positive_rate", raised) and rate is not None and raised.low > rate:
        yield _("false positive rate {share} (all posts: {all} %).").format(
            share=as_share(raised), all=percent(rate)
        )


def _judged(part: Slice, name: str, share: Proportion) -> bool:
    """Are there enough posts for this figure? See `TOO_WIDE`."""
    return bool(share.of) and name not in part.too_small


def _too_few(found: Slice) -> bool:
    """Is every figure that `_worse` looks at too uncertain?"""
    shares = {"recall": found.recall, "false_positive_rate": found.false_positive_rate}
    if found.recall is None:
        shares = {"accuracy": found.accuracy}
    known = {name: share for name, share in shares.items() if share is not None and share.of}
    return bool(known) and not any(_judged(found, name, x) for name, x in known.items())


def slices(figures: Figures) -> Iterable[Section]:
    """A section for the slices, and one for the languages."""
    has_plot = False
    for title, parts in ((_("By slice"), figures.slices), (_("By language"), figures.languages)):
        if not parts:
            continue
        rows: list[tuple[str, ...]]
        if not figures.operating_points:
            rows = [
                (shown_name(name), _cell(x, "accuracy", x.accuracy)) for name, x in parts.items()
            ]
            yield Section(title, [], [Table(_("Labels"), ("", _("accuracy of the label")), rows)])
            continue
        rows = [
            (
                shown_name(name),
                f"{x.counts.risky:,}",
                f"{x.counts.benign:,}",
                _cell(x, "recall", x.recall),
                _cell(x, "false_positive_rate", x.false_positive_rate),
                _cell(x, "accuracy", x.accuracy),
            )
            for name, x in parts.items()
        ]
        head = (
            "",
            _("risky posts"),
            _("benign posts"),
            _("recall"),
            _("false positive rate"),
            _("accuracy of the label"),
        )
        plots = {}
        if not has_plot:
            plots = {"slices": _("Recall of each slice and language, with 95 % intervals")}
        has_plot = True
        yield Section(title, [], [Table(_("At flag or review"), head, rows)], plots)


def _cell(part: Slice, name: str, share: Proportion | None) -> str:
    if share is None:
        return ""
    if not share.of or _judged(part, name, share):
        return as_share(share)
    return _("{share}; too few to judge").format(share=as_share(share))
