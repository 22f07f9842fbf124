"""The report of a fine-tuning in words: lines for a terminal, and Markdown with tables.

All words are in the language of the report (`Report.lang`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from riskclf.evaluation.markdown import as_markdown
from riskclf.evaluation.wording import Section, Table, alarm_name, percent
from riskclf.finetuning.figures import Change, Part, Report
from riskclf.finetuning.gate import LEAST_POSTS, LIMIT
from riskclf.finetuning.wording import (
    as_difference,
    end_in_full,
    figure_name,
    in_a_sentence,
    in_points,
    labelled,
    number_of_posts,
    still,
)
from riskclf.language import gettext as _
from riskclf.language import listed, ngettext, speaking

__all__ = ["lines", "markdown"]

_FEW = 50
"""With fewer risky posts, the report says in words how little they tell: recall is known to +-14
points or worse."""

_PARTS = ("new", "old", "natural")
_ALARMS = ("flag", "flag_or_review")


def _title(part: str) -> str:
    return {
        "new": _("New posts, held out"),
        "old": _("Our old posts"),
        "natural": _("Your ordinary posts"),
    }[part]


def _rule() -> str:
    return _(
        "The model is refused for a loss of more than {limit:.0f} points, or for one whose paired "
        "interval leaves out no loss (recall at flag and macro-F1: by the interval only); never "
        "for a single flip: {least} texts or more, net, must have become wrong."
    ).format(limit=100 * LIMIT, least=LEAST_POSTS)


def _reading() -> list[str]:
    return [
        _(
            "The range in brackets is a 95 % interval: where the true value may be, given how few "
            "posts were measured. Differences are after minus before, on the same posts."
        ),
        _(
            "Won and lost: posts that became right and wrong. The p-value is that of McNemar's "
            "test (by families, where these are given), a cross-check; the interval decides."
        ),
        _("The side of a post is its likelier risk label, whatever its risk."),
        _(
            "Where no post changed, there may still be a loss of one post in a hundred: only some "
            "300 posts without a change rule it out."
        ),
        _("Clear does not mean safe, and a label judges a text, not a person."),
    ]


def lines(report: Report) -> list[str]:
    """The report for a terminal: each part before -> after, then the verdict and what to do."""
    with speaking(report.lang):
        result: list[str] = []
        for name, part in _parts(report):
            result.append(labelled(_title(name), _counted(part)))
            result += [f"  {line}" for line in (*_changes_of(part), *_notes(name, part))]
        result += [*_missing(report), *_verdict(report)]
        return result + [_("Note: {warning}").format(warning=x) for x in report.warnings]


def markdown(report: Report) -> str:
    """The whole report as Markdown, with tables."""
    with speaking(report.lang):
        opening = f"riskclf {report.riskclf}"
        if report.model_before:
            opening = _("riskclf {version}, model before {fingerprint}").format(
                version=report.riskclf, fingerprint=report.model_before[:16]
            )
        sections = [x for x in _sections(report) if x.lines or x.tables]
        return as_markdown(_("Fine-tuning: before and after"), [opening], sections)


def _parts(report: Report) -> Iterator[tuple[str, Part]]:
    for name in _PARTS:
        if part := report.parts.get(name):
            yield name, part


def _sections(report: Report) -> Iterator[Section]:
    yield Section(_("Verdict"), [*_verdict(report), *_missing(report)])
    for name, part in _parts(report):
        counted = _("{counted}.").format(counted=_counted(part))
        yield Section(_title(name), [counted, *_notes(name, part)], [_side_by_side(part)])
    if report.checks:
        yield Section(_("What the verdict is based on"), [_rule()], [_checks_table(report)])
    yield Section(_("Warnings"), report.warnings)
    data = {**report.data.to_dict(), "split": report.split.to_dict()}
    # The words themselves are text of posts: only their number is told.
    rows = [*_plain(data), ("new words", f"{report.new_words.added:,}")]
    yield Section(_("Data"), (), [Table(_("What it was trained on"), ("", _("number")), rows)])
    yield Section(
        _("Settings"), (), [Table(_("As given"), ("", _("value")), _plain(report.settings))]
    )
    yield Section(_("How to read this"), _reading())


def _counted(part: Part) -> str:
    counts = part.counts
    shown = []
    if counts.risky and part.risk_labels:
        shown.append(_("{count:,} risky").format(count=counts.risky))
    if counts.benign and part.risk_labels:
        shown.append(_("{count:,} benign").format(count=counts.benign))
    if counts.unclear:
        shown.append(_("{count:,} unclear").format(count=counts.unclear))
    if counts.families:
        of = ngettext("of {count:,} family", "of {count:,} families", counts.families)
        shown.append(of.format(count=counts.families))
    shown += [_("weighted")] if counts.weighted else []
    posts = number_of_posts(counts.rows)
    return _("{posts} ({kinds})").format(posts=posts, kinds=listed(shown)) if shown else posts


def _changes_of(part: Part) -> Iterator[str]:
    """The figures that matter most, before -> after."""
    if part.risk_labels:
        for alarm in reversed(_ALARMS):
            if part.counts.risky:
                yield _change_line(_found(alarm), part.alarms[alarm].recall)
        for alarm in reversed(_ALARMS):
            if part.counts.benign:
                yield _change_line(_raised(alarm), part.alarms[alarm].false_positive_rate)
        if part.wrong_side is not None and part.counts.risky:
            yield _change_line(_("risky posts on the wrong side"), part.wrong_side)
    if not part.risk_labels or part.counts.risky:
        yield _change_line(_("macro-F1 of the labels"), part.macro_f1)


def _found(alarm: str) -> str:
    return _("risky posts found, {alarm}").format(alarm=alarm_name(alarm))


def _raised(alarm: str) -> str:
    return _("benign posts with an alarm, {alarm}").format(alarm=alarm_name(alarm))


def _change_line(words: str, change: Change) -> str:
    after = end_in_full(change.after)
    if change.before is not None:
        after = _("{before} -> {after}").format(before=end_in_full(change.before), after=after)
    if change.difference is not None:
        moved = _("no post changed") if still(change) else in_points(change.difference)
        after = _("{change}; {difference}").format(change=after, difference=moved)
    return labelled(words, after)


def _notes(name: str, part: Part) -> Iterator[str]:
    """What a reader of a part must know."""
    recall = part.alarms["flag_or_review"].recall.after
    count = part.counts.risky
    if not part.has_before:
        yield _("The model before had other labels: there is nothing to compare with.")
    if not part.risk_labels:
        return
    if not count and name != "natural":
        yield _("There are no risky posts among them: recall is not measured.")
    if not part.counts.benign:
        yield _("There are no benign posts among them: false positives are not measured.")
    if 0 < count < _FEW and recall.low is not None and recall.high is not None:
        few = ngettext(
            "With {count:,} risky post, recall (flag or review) may be anywhere between {low} and "
            "{high} %.",
            "With {count:,} risky posts, recall (flag or review) may be anywhere between {low} and "
            "{high} %.",
            count,
        )
        yield few.format(count=count, low=percent(recall.low), high=percent(recall.high))


def _missing(report: Report) -> Iterator[str]:
    """Which parts were not measured at all."""
    if not report.parts.get("old"):
        yield _("No old posts were compared: what the model may have lost on them is not known.")
    any_risk = any(part.risk_labels for _name, part in _parts(report))
    if any_risk and not report.parts.get("natural"):
        yield _(
            "No ordinary posts of yours were given (--natural FILE): false positives were measured "
            "on our own benign posts only."
        )


def _verdict(report: Report) -> Iterator[str]:
    if not report.reasons:
        measured = any(check.change is not None for check in report.checks)
        yield (
            _("Accepted: no significant loss on these posts.")
            if measured
            else _(
                "Accepted, but nothing could be compared: these posts show neither gain nor loss."
            )
        )
        return
    yield (
        _("Not accepted by the gate; you accepted the regression.")
        if report.regression_accepted
        else _('Not accepted: the model is written with "accepted": false.')
    )
    yield from (f"- {sentence}" for sentence in report.reasons)
    if not report.regression_accepted:
        yield _(
            "What to do: keep the model before. Correct doubtful labels, add benign posts with the "
            "same words, and fine-tune again; or accept the loss (--accept-regression)."
        )


def _side_by_side(part: Part) -> Table:
    rows: list[tuple[str, ...]] = []
    if part.risk_labels:
        for alarm in _ALARMS:
            found = part.alarms[alarm]
            rows.append(_row(_found(alarm), found.recall))
            for label, change in found.recall_of.items():
                words = _("{label} found, {alarm}").format(label=label, alarm=alarm_name(alarm))
                rows.append(_row(words, change))
            rows.append(_row(_raised(alarm), found.false_positive_rate))
            words = _("alarms that are right, {alarm}").format(alarm=alarm_name(alarm))
            rows.append(_row(words, found.precision))
        if part.wrong_side is not None:
            rows.append(_row(_("risky posts on the wrong side"), part.wrong_side))
    rows.append(_row(_("macro-F1 of the labels"), part.macro_f1))
    if not part.has_before:
        after = _("after")
        return Table(_("After"), ("", after), [(row[0], row[2]) for row in rows])
    head = (
        "",
        _("before"),
        _("after"),
        _("difference, points"),
        _("won"),
        _("lost"),
        _("p-value"),
    )
    return Table(_("Before and after"), head, rows)


def _row(words: str, change: Change) -> tuple[str, ...]:
    sides = ("" if x is None else end_in_full(x) for x in (change.before, change.after))
    points = ""
    if change.difference is not None:
        points = _("no change") if still(change) else as_difference(change.difference)
    flips = change.flips
    moved = ("", "", "")
    if flips is not None:
        moved = f"{flips.won:,}", f"{flips.lost:,}", f"{flips.p_value:.2g}"
    return (words, *sides, points, *moved)


def _checks_table(report: Report) -> Table:
    rows = []
    for check in report.checks:
        figure = figure_name(check.figure)
        if check.alarm is not None:
            figure = listed((figure, alarm_name(check.alarm)))
        words = labelled(in_a_sentence(check.part), figure)
        change = check.change
        if change is None or change.difference is None or change.flips is None:
            rows.append((words, _("not measured"), "", ""))
            continue
        verdict = _("passed")
        if check.refused_by:
            names = {"points": _("points"), "interval": _("interval")}
            verdict = _("refused ({names})").format(
                names=listed(names[x] for x in check.refused_by)
            )
        points = _("no change") if still(change) else as_difference(change.difference)
        net = f"{change.flips.net:+,}" if change.flips.net else "0"
        rows.append((words, points, net, verdict))
    return Table(_("Checks"), ("", _("difference, points"), _("texts lost, net"), ""), rows)


def _plain(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values; those without a value left out, mappings in mappings flattened."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += [(f"{name}: {inner}", words) for inner, words in _plain(value)]
        elif value is not None:
            rows.append((name, f"{value:,}" if type(value) is int else str(value)))
    return rows
