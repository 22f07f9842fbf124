"""The report of a fine-tuning in words: lines for a terminal, and Markdown with tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader

from riskclf.evaluation.figures import Estimate, Proportion
from riskclf.evaluation.wording import (
    Section,
    Table,
    as_range,
    as_share,
    markdown_cell,
    percent,
)
from riskclf.finetuning.figures import Change, Check, Part, Report
from riskclf.finetuning.gate import LEAST_POSTS, LIMIT

__all__ = ["lines", "markdown", "reason"]

_FEW = 50
"""With fewer risky posts, the report says in words how little they tell: recall is known to +-14
points or worse."""

_PARTS = {"new": "the new posts", "old": "our old posts", "natural": "the ordinary posts"}
_TITLES = {
    "new": "New posts, held out",
    "old": "Our old posts",
    "natural": "Your ordinary posts",
}
_ALARMS = {"flag": "flag", "flag_or_review": "flag or review"}
_FIGURES = {
    "recall": ("recall", "falls"),
    "false_positive_rate": ("false positives", "rise"),
    "wrong_side": ("risky posts on the wrong side", "rise"),
    "macro_f1": ("macro-F1 of the labels", "falls"),
}
_FLIPPED = {"false_positive_rate": ("new", "removed")}
_BECAUSE = {
    "points": f"more than {100 * LIMIT:.0f} points",
    "interval": "the interval excludes 0",
}

_NO_NATURAL = (
    "No ordinary posts of yours were given (--natural FILE): false positives were measured on our "
    "own benign posts only."
)
_NO_OLD = "No old posts were compared: what the model may have lost on them is not known."
_NO_BEFORE = "The model before had other labels: there is nothing to compare with."

_RULE = (
    f"The model is refused for a loss of more than {100 * LIMIT:.0f} points, or for one whose "
    "paired interval leaves out no loss (recall at flag and macro-F1: by the interval only); never "
    f"for a single flip: {LEAST_POSTS} texts or more, net, must have become wrong."
)

_READING = (
    "The range in brackets is a 95 % interval: where the true value may be, given how few posts "
    "were measured. Differences are after minus before, on the same posts.",
    "Won and lost: posts that became right and wrong. The p-value is that of McNemar's test (by "
    "families, where these are given), a cross-check; the interval decides.",
    "The side of a post is its likelier risk label, whatever its risk.",
    "Where no post changed, there may still be a loss of one post in a hundred: only some 300 "
    "posts without a change rule it out.",
    "Clear does not mean safe, and a label judges a text, not a person.",
)


def reason(check: Check) -> str:
    """Why a check refuses the model, as one sentence with its figures."""
    change = check.change
    assert change is not None and change.difference is not None and change.flips is not None
    what, moves = _FIGURES[check.figure]
    alarm = "" if check.alarm is None else f" ({_ALARMS[check.alarm]})"
    ends = " to ".join(_end(x) for x in (change.before, change.after) if x is not None)
    weighted = " weighted" if check.weighted else ""
    lost, won = _FLIPPED.get(check.figure, ("lost", "won"))
    families = change.flips.lost_families
    of = "" if families is None else f" (of {_many(families, 'family', 'families')})"
    return (
        f"On {_PARTS[check.part]}, {what}{alarm} {moves} from {ends} "
        f"({_points(change.difference, ' points,')}{weighted}): "
        f"{_many(change.flips.lost, 'post', 'posts')} {lost}{of}, {change.flips.won:,} {won}; "
        f"{' and '.join(_BECAUSE[x] for x in check.refused_by)} "
        f"(McNemar's test: p = {change.flips.p_value:.2g})."
    )


def lines(report: Report) -> list[str]:
    """The report for a terminal: each part before -> after, then the verdict and what to do."""
    result: list[str] = []
    for name, part in _parts(report):
        result.append(f"{_TITLES[name]}: {_counted(part)}")
        result += [f"  {line}" for line in (*_changes_of(part), *_notes(name, part))]
    result += [*_missing(report), *_verdict(report)]
    return result + [f"Note: {warning}" for warning in report.warnings]


def markdown(report: Report) -> str:
    """The whole report as Markdown, with tables."""
    templates = Environment(
        loader=PackageLoader("riskclf.finetuning"),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters["cell"] = markdown_cell
    sections = [x for x in _sections(report) if x.lines or x.tables]
    template = templates.get_template("finetuning.md.j2")
    return template.render(riskclf=report.riskclf, model=report.model_before, sections=sections)


def _parts(report: Report) -> Iterator[tuple[str, Part]]:
    for name in _PARTS:
        if part := report.parts.get(name):
            yield name, part


def _sections(report: Report) -> Iterator[Section]:
    yield Section("Verdict", [*_verdict(report), *_missing(report)])
    for name, part in _parts(report):
        notes = [f"{_counted(part)}.", *_notes(name, part)]
        yield Section(_TITLES[name], notes, [_side_by_side(part)])
    if report.checks:
        yield Section("What the verdict is based on", [_RULE], [_checks_table(report)])
    yield Section("Warnings", report.warnings)
    data = {**report.data.to_dict(), "split": report.split.to_dict()}
    # The words themselves are text of posts: only their number is told.
    rows = [*_plain(data), ("new words", f"{report.new_words.added:,}")]
    yield Section("Data", (), [Table("What it was trained on", ("", "number"), rows)])
    yield Section("Settings", (), [Table("As given", ("", "value"), _plain(report.settings))])
    yield Section("How to read this", _READING)


def _counted(part: Part) -> str:
    counts = part.counts
    kinds = {"risky": counts.risky, "benign": counts.benign, "unclear": counts.unclear}
    shown = [
        f"{count:,} {kind}"
        for kind, count in kinds.items()
        if count and (part.risk_labels or kind == "unclear")
    ]
    if counts.families:
        shown.append(f"of {_many(counts.families, 'family', 'families')}")
    shown += ["weighted"] if counts.weighted else []
    return _many(counts.rows, "post", "posts") + (f" ({', '.join(shown)})" if shown else "")


def _changes_of(part: Part) -> Iterator[str]:
    """The figures that matter most, before -> after."""
    if part.risk_labels:
        for alarm in reversed(_ALARMS):
            if part.counts.risky:
                yield _change_line(
                    f"risky posts found, {_ALARMS[alarm]}", part.alarms[alarm].recall
                )
        for alarm in reversed(_ALARMS):
            if part.counts.benign:
                yield _change_line(
                    f"benign posts with an alarm, {_ALARMS[alarm]}",
                    part.alarms[alarm].false_positive_rate,
                )
        if part.wrong_side is not None and part.counts.risky:
            yield _change_line("risky posts on the wrong side", part.wrong_side)
    if not part.risk_labels or part.counts.risky:
        yield _change_line("macro-F1 of the labels", part.macro_f1)


def _change_line(words: str, change: Change) -> str:
    before = "" if change.before is None else f"{_end_in_full(change.before)} -> "
    moved = ""
    if change.difference is not None:
        moved = (
            "; no post changed" if _still(change) else f"; {_points(change.difference, ' points,')}"
        )
    return f"{words}: {before}{_end_in_full(change.after)}{moved}"


def _still(change: Change) -> bool:
    """No post changed: an interval from 0 to 0 would claim more certainty than that gives."""
    return change.flips is not None and change.flips.won == change.flips.lost == 0


def _notes(name: str, part: Part) -> Iterator[str]:
    """What a reader of a part must know."""
    recall = part.alarms["flag_or_review"].recall.after
    count = part.counts.risky
    if not part.has_before:
        yield _NO_BEFORE
    if not part.risk_labels:
        return
    if not count and name != "natural":
        yield "There are no risky posts among them: recall is not measured."
    if not part.counts.benign:
        yield "There are no benign posts among them: false positives are not measured."
    if 0 < count < _FEW and recall.low is not None and recall.high is not None:
        yield (
            f"With {_many(count, 'risky post', 'risky posts')}, recall (flag or review) may be "
            f"anywhere between {percent(recall.low)} and {percent(recall.high)} %."
        )


def _missing(report: Report) -> Iterator[str]:
    """Which parts were not measured at all."""
    if not report.parts.get("old"):
        yield _NO_OLD
    any_risk = any(part.risk_labels for _, part in _parts(report))
    if any_risk and not report.parts.get("natural"):
        yield _NO_NATURAL


def _verdict(report: Report) -> Iterator[str]:
    if not report.reasons:
        measured = any(check.change is not None for check in report.checks)
        yield (
            "Accepted: no significant loss on these posts."
            if measured
            else "Accepted, but nothing could be compared: these posts show neither gain nor loss."
        )
        return
    yield (
        "Not accepted by the gate; you accepted the regression."
        if report.regression_accepted
        else 'Not accepted: the model is written with "accepted": false.'
    )
    yield from (f"- {sentence}" for sentence in report.reasons)
    if not report.regression_accepted:
        yield (
            "What to do: keep the model before. Correct doubtful labels, add benign posts with the "
            "same words, and fine-tune again; or accept the loss (--accept-regression)."
        )


def _side_by_side(part: Part) -> Table:
    rows: list[tuple[str, ...]] = []
    if part.risk_labels:
        for alarm, words in _ALARMS.items():
            found = part.alarms[alarm]
            rows.append(_row(f"risky posts found, {words}", found.recall))
            for label, change in found.recall_of.items():
                rows.append(_row(f"{label} found, {words}", change))
            rows.append(_row(f"benign posts with an alarm, {words}", found.false_positive_rate))
            rows.append(_row(f"alarms that are right, {words}", found.precision))
        if part.wrong_side is not None:
            rows.append(_row("risky posts on the wrong side", part.wrong_side))
    rows.append(_row("macro-F1 of the labels", part.macro_f1))
    if not part.has_before:
        return Table("After", ("", "after"), [(row[0], row[2]) for row in rows])
    head = ("", "before", "after", "difference, points", "won", "lost", "p-value")
    return Table("Before and after", head, rows)


def _row(words: str, change: Change) -> tuple[str, ...]:
    sides = ("" if x is None else _end_in_full(x) for x in (change.before, change.after))
    points = ""
    if change.difference is not None:
        points = "no change" if _still(change) else _points(change.difference)
    flips = change.flips
    moved = ("", "", "")
    if flips is not None:
        moved = f"{flips.won:,}", f"{flips.lost:,}", f"{flips.p_value:.2g}"
    return (words, *sides, points, *moved)


def _checks_table(report: Report) -> Table:
    rows = []
    for check in report.checks:
        alarm = "" if check.alarm is None else f", {_ALARMS[check.alarm]}"
        words = f"{_PARTS[check.part]}: {_FIGURES[check.figure][0]}{alarm}"
        change = check.change
        if change is None or change.difference is None or change.flips is None:
            rows.append((words, "not measured", "", ""))
            continue
        verdict = f"refused ({', '.join(check.refused_by)})" if check.refused_by else "passed"
        points = "no change" if _still(change) else _points(change.difference)
        net = f"{change.flips.net:+,}" if change.flips.net else "0"
        rows.append((words, points, net, verdict))
    return Table("Checks", ("", "difference, points", "texts lost, net", ""), rows)


def _plain(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values; those without a value left out, mappings in mappings flattened."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += [(f"{name}: {inner}", words) for inner, words in _plain(value)]
        elif value is not None:
            rows.append((name, f"{value:,}" if type(value) is int else str(value)))
    return rows


# Words -------------------------------------------------------------------------------------------


def _end(figure: Proportion | Estimate) -> str:
    """One end of a change in a sentence: counts, or a share where there are none."""
    if isinstance(figure, Proportion):
        return f"{figure.hits:,} of {figure.of:,}"
    return "unknown" if figure.value is None else f"{percent(figure.value)} %"


def _end_in_full(figure: Proportion | Estimate) -> str:
    return as_share(figure) if isinstance(figure, Proportion) else as_range(figure)


def _points(difference: Estimate, unit: str = "") -> str:
    """A difference in points with its interval, finer where it is small; a value has its `unit`."""
    if difference.value is None or difference.low is None or difference.high is None:
        return "unknown"
    numbers = [100 * x for x in (difference.value, difference.low, difference.high)]
    digits = 1 if max(map(abs, numbers)) >= 1 or not any(numbers) else 2
    # Adding 0 turns -0.0 into 0.0.
    value, low, high = (f"{round(x, digits) + 0.0:+.{digits}f}" for x in numbers)
    return f"{value}{unit} {low} to {high}" if unit else f"{value} ({low} to {high})"


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
