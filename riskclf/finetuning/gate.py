"""Is a fine-tuned model let in? The model before and after, on the same posts, and a verdict.

Three parts are looked at: `new` (the user's new posts, held out), `old` (our own posts of families
kept for this) and `natural` (ordinary posts of the user, all taken for benign). **The model is
refused** when, on one of them,

- recall at flag or review falls (`old`, `new`), or
- false positives at flag, or at flag or review, rise (`old`, `natural`),

by more than 3 points, or by so much that the paired 95 % interval leaves out "no loss"; but never
on a single flip: the posts that became wrong must outnumber those that became right by 2 or more,
where posts of the same text count once. Recall at flag (`old`) refuses by its interval alone: a
post that is reviewed instead of flagged is still seen, and some move with every training. More
false positives on `new` are reported, not judged: new recall is the aim, and what it costs shows
on ordinary posts.

**Which test decides.** The interval (`riskclf.evaluation.compare`), for it knows families and weights.
McNemar's exact test takes posts for independent and counts each once, so it stands beside the
interval as a cross-check and its p-value is in every reason. The two part where few posts differ:
the percentile interval leaves out 0 from 4 posts lost and none won, the exact test from 6. To ask
for both would miss more real losses; a wrong refusal can be overruled by the user, a wrong
acceptance goes unseen.

**What it costs.** The limit of 3 points knows nothing of chance: where few risky posts are
measured, it refuses now and then a model that is no worse. With fewer than 40 families posts are
taken for independent, so posts lost together look like more evidence than they are: a reason says
how many families they are of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader

from riskclf.errors import EvaluationError
from riskclf.evaluation.baselines import Baseline
from riskclf.evaluation.compare import compare
from riskclf.evaluation.figures import Estimate, Proportion
from riskclf.evaluation.metrics import (
    ALARMS,
    alarm_figures,
    counts_of,
    intervals_of,
    label_figures,
    other_risk_label,
)
from riskclf.evaluation.scored import ScoredRows
from riskclf.evaluation.wording import Section, Table, markdown_cell, percent
from riskclf.evaluation.wording import as_range as range_words
from riskclf.evaluation.wording import as_share as share_words
from riskclf.labels import DECISIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

__all__ = ["Verdict", "alone", "judge", "lines", "markdown", "paired"]

Figures = Mapping[str, Any]

_LIMIT = 0.03
"""A loss of more than this share refuses the model."""

_LEAST_POSTS = 2
"""Fewer posts, net, refuse nothing."""

_FEW = 50
"""Of fewer risky posts, it is said in words how little they tell: recall is known to +-14 points
or worse."""

_ROUNDING = 1e-9
"""Shares are sums of floats: 0.40 - 0.37 is a little more than 0.03."""

_CHECKS = (
    ("old", "recall", "flag_or_review"),
    ("old", "recall", "flag"),
    ("old", "false_positive_rate", "flag"),
    ("old", "false_positive_rate", "flag_or_review"),
    ("natural", "false_positive_rate", "flag"),
    ("natural", "false_positive_rate", "flag_or_review"),
    ("new", "recall", "flag_or_review"),
)

_PARTS = {"new": "the new posts", "old": "our old posts", "natural": "the ordinary posts"}
_ALARMS = {"flag": "flag", "flag_or_review": "flag or review"}
_NO_NATURAL = (
    "No ordinary posts of yours were given (--natural FILE): false positives were measured on our "
    "own benign posts only."
)
_NO_OLD = "No old posts were compared: what the model may have lost on them is not known."
_NO_BEFORE = "The model before had other labels: there is nothing to compare with."


@dataclass(frozen=True)
class Verdict:
    """What the figures say of a fine-tuned model."""

    accepted: bool
    """Whatever the user then does."""
    reasons: tuple[str, ...]
    """Why it is not accepted: a sentence with its figures each; empty if it is."""
    figures: dict[str, Any]
    """Every check (plain JSON values, no text of a post): part, figure, alarm, measured, and if so
    before, after, difference, won, lost, net, p_value and refused_by: `points`, `interval`."""


# Figures -----------------------------------------------------------------------------------------


def paired(before: ScoredRows, after: ScoredRows) -> dict[str, Any]:
    """The figures of two models on the same posts, and how they differ.

    Args:
        before: the posts as the first model scored them.
        after: the same posts in the same order, as the second one did. Weights and families are
            taken from these; `text_key` must tell texts apart.

    Returns:
        Plain JSON values: counts; risk_labels; alarms, for flag and for flag_or_review: recall,
        precision, false_positive_rate and recall_of each risk label, each with before and after
        (proportions, see `riskclf.evaluation.intervals`) and, but for recall_of, their difference (after minus
        before: value, low, high). Recall and false_positive_rate also have won and lost (posts
        that became right and wrong), net (texts lost minus texts won), won_families and
        lost_families (None without families) and p_value (McNemar's exact test). Then macro_f1
        (before, after, difference) and other_risk_label (before, after).

    Raises:
        EvaluationError: the rows are not the same posts.
    """
    same = (
        before.labels == after.labels
        and before.risk_labels == after.risk_labels
        and np.array_equal(before.gold, after.gold)
        and np.array_equal(before.text_key, after.text_key)
    )
    if not same:
        raise EvaluationError(
            "before and after are not the same posts with the same labels; score the same rows "
            "with both models"
        )
    result = alone(after)
    first = alone(replace(before, weight=after.weight, family=after.family))
    for name in ("macro_f1", "other_risk_label"):
        result[name]["before"] = first[name]["after"]
    for name, lowest in ALARMS.items():
        was, now = before.decision >= lowest, after.decision >= lowest
        # `compare` takes all but clear for an alarm: so only this alarm is left to see.
        decision = np.where(now, DECISIONS.index("flag"), DECISIONS.index("clear"))
        baseline = Baseline("before", name, was, predicted=before.predicted)
        found = compare(replace(after, decision=decision), baseline)[0].to_dict()
        part, earlier = result["alarms"][name], first["alarms"][name]
        for figure in ("recall", "precision", "false_positive_rate"):
            part[figure]["before"] = earlier[figure]["after"]
            part[figure]["difference"] = found["difference"][figure]
        for label, figures in part["recall_of"].items():
            figures["before"] = earlier["recall_of"][label]["after"]
        risky, benign = after.risky, after.clearly & ~after.risky
        changes = {
            "recall": (risky & now & ~was, risky & was & ~now, "risky"),
            "false_positive_rate": (benign & was & ~now, benign & now & ~was, "benign"),
        }
        for figure, (won, lost, kind) in changes.items():
            part[figure] |= _changes(after, won, lost)
            part[figure]["p_value"] = found["mcnemar"][kind]["p_value"]
        result["macro_f1"]["difference"] = found["difference"]["macro_f1"]
    return result


def alone(after: ScoredRows) -> dict[str, Any]:
    """The figures of a model without another to compare with.

    Returns:
        As `paired`, but every before and difference is None, and there are no changes.
    """
    intervals = intervals_of(after)
    alarms: dict[str, Any] = {}
    for name, lowest in ALARMS.items():
        found = alarm_figures(after, after.decision >= lowest, intervals).to_dict()
        alarms[name] = {
            figure: {"before": None, "after": found[figure], "difference": None}
            for figure in ("recall", "precision", "false_positive_rate")
        }
        alarms[name]["recall_of"] = {
            label: {"before": None, "after": share} for label, share in found["recall_of"].items()
        }
    labels = label_figures(after.labels, after.gold, after.predicted, after.weight, intervals)
    counts = counts_of(after, intervals).to_dict()
    del counts["clear_cut"]
    return {
        "counts": counts,
        "risk_labels": list(after.risk_labels),
        "alarms": alarms,
        "macro_f1": {"before": None, "after": labels.macro.f1.to_dict(), "difference": None},
        "other_risk_label": {
            "before": None,
            "after": other_risk_label(after, intervals).to_dict(),
        },
    }


def _changes(rows: ScoredRows, won: Flags, lost: Flags) -> dict[str, Any]:
    family = None if rows.family is None else rows.family.grouped()
    texts = [len(np.unique(rows.text_key[chosen])) for chosen in (lost, won)]
    result: dict[str, Any] = {"net": texts[0] - texts[1]}
    for name, chosen in (("won", won), ("lost", lost)):
        result[name] = int(chosen.sum())
        result[f"{name}_families"] = None if family is None else len(np.unique(family[chosen]))
    return result


# Verdict -----------------------------------------------------------------------------------------


def judge(old: Figures | None, natural: Figures | None, new: Figures | None) -> Verdict:
    """The verdict on what `paired` found; the rule stands in the module's documentation.

    Args:
        old: our own posts; None where there are none.
        natural: ordinary posts of the user; likewise.
        new: the user's new posts; likewise, and of `alone` where there is no model before.

    Returns:
        A figure that is not measured (no such posts, nothing before) refuses nothing.
    """
    checks = [*_checks({"old": old, "natural": natural, "new": new})]
    reasons = tuple(_reason(check) for check in checks if check.get("refused_by"))
    figures = {"limit": _LIMIT, "least_posts": _LEAST_POSTS, "checks": checks}
    return Verdict(not reasons, reasons, figures)


def _checks(parts: Mapping[str, Figures | None]) -> Iterator[dict[str, Any]]:
    for name, figure, alarm in _CHECKS:
        part = parts.get(name)
        if not part:
            continue
        found = part["alarms"][alarm][figure]
        check = {"part": name, "figure": figure, "alarm": alarm, "measured": False}
        if found["difference"] is None or found["difference"]["value"] is None:
            yield check
            continue
        difference = found["difference"]
        loss, least = difference["value"], difference["low"]
        if figure == "recall":
            loss, least = -loss, -difference["high"]
        by = []
        if found["net"] >= _LEAST_POSTS:
            moved = figure == "recall" and alarm == "flag"
            by += ["points"] if loss > _LIMIT + _ROUNDING and not moved else []
            by += ["interval"] if least > _ROUNDING else []
        yield check | {
            "measured": True,
            **{side: {x: found[side][x] for x in ("hits", "of")} for side in ("before", "after")},
            **{x: found[x] for x in ("difference", "won", "lost", "net", "lost_families")},
            "p_value": found["p_value"],
            "refused_by": by,
            "weighted": part["counts"]["weighted"],
        }


def _reason(check: Figures) -> str:
    """Why the model is refused, as one sentence with its figures."""
    recall = check["figure"] == "recall"
    what, change = ("recall", "falls") if recall else ("false positives", "rise")
    ends = (f"{check[side]['hits']:,} of {check[side]['of']:,}" for side in ("before", "after"))
    weighted = " weighted" if check["weighted"] else ""
    lost, won = ("lost", "won") if recall else ("newly raised", "no longer raised")
    families = check["lost_families"]
    of = "" if families is None else f" (of {_many(families, 'family', 'families')})"
    because = {
        "points": f"more than {100 * _LIMIT:.0f} points",
        "interval": "the interval leaves out no loss",
    }
    return (
        f"On {_PARTS[check['part']]}, {what} ({_ALARMS[check['alarm']]}) {change} from "
        f"{' to '.join(ends)} ({_points(check['difference'], ' points,')}{weighted}): "
        f"{_many(check['lost'], 'post', 'posts')} {lost}{of}, {check['won']:,} {won}; "
        f"{' and '.join(because[x] for x in check['refused_by'])} "
        f"(McNemar's exact test: p = {check['p_value']:.2g})."
    )


# The report --------------------------------------------------------------------------------------


def lines(report: Figures) -> list[str]:
    """The report for a terminal: each part before -> after, then the verdict and what to do.

    Args:
        report: what `riskclf.finetune` assembles; what it lacks is left out.
    """
    result: list[str] = []
    parts = report.get("parts") or {}
    for name in _PARTS:
        if part := parts.get(name):
            result += [f"{_title(name, report)}: {_counted(part)}"]
            result += [f"  {line}" for line in (*_changes_of(part), *_notes(name, part))]
    result += [*_missing(report), *_verdict(report)]
    return result + [f"Note: {warning}" for warning in report.get("warnings") or ()]


def markdown(report: Figures) -> str:
    """The whole report as Markdown, with tables; it takes the same report as `lines`."""
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
    return template.render(
        riskclf=report.get("riskclf"), model=report.get("model_before"), sections=sections
    )


def _sections(report: Figures) -> Iterator[Section]:
    parts = report.get("parts") or {}
    yield Section("Verdict", [*_verdict(report), *_missing(report)])
    for name in _PARTS:
        if part := parts.get(name):
            notes = [f"{_counted(part)}.", *_notes(name, part)]
            yield Section(_title(name, report), notes, [_side_by_side(part)])
    if checks := [*_checks(parts)]:
        yield Section("What the verdict rests on", [_RULE], [_checks_table(checks)])
    yield Section("Warnings", report.get("warnings") or ())
    yield from _made_of(report)
    if parts:
        yield Section("How to read this", _READING)


_RULE = (
    f"Refused is a loss of more than {100 * _LIMIT:.0f} points, or one whose paired interval "
    f"leaves out no loss; never on a single flip: {_LEAST_POSTS} texts or more, net, must have "
    "become wrong."
)

_READING = (
    "The range in brackets is a 95 % interval: so far from the figure the truth may well lie, "
    "given how few posts were looked at. Differences are after minus before, on the same posts.",
    "Won and lost: posts that became right and wrong. The p-value is that of McNemar's exact test, "
    "a cross-check that takes posts for independent; the interval decides, since it knows "
    "families and weights.",
    "Where no post changed, a loss of one post in a hundred may still be there: only some 300 "
    "posts without a change rule it out.",
    "Clear does not mean safe, and a label judges a text, not a person.",
)


def _title(name: str, report: Figures) -> str:
    whose = (
        "Our ordinary posts" if report.get("natural_source") == "ours" else "Your ordinary posts"
    )
    return {"new": "New posts, held out", "old": "Our old posts", "natural": whose}[name]


def _counted(part: Figures) -> str:
    counts = part["counts"]
    kinds = [f"{counts[x]:,} {x}" for x in ("risky", "benign", "unclear") if counts[x]]
    if not part["risk_labels"]:
        kinds = [f"{counts['unclear']:,} unclear"] if counts["unclear"] else []
    if counts["families"]:
        kinds.append(f"of {_many(counts['families'], 'family', 'families')}")
    kinds += ["weighted"] if counts["weighted"] else []
    return _many(counts["rows"], "post", "posts") + (f" ({', '.join(kinds)})" if kinds else "")


def _changes_of(part: Figures) -> Iterator[str]:
    """The figures that matter most, before -> after."""
    rows = [
        (f"{words}, {_ALARMS[alarm]}", part["alarms"][alarm][figure], kind)
        for figure, words, kind in (
            ("recall", "risky posts found", "risky"),
            ("false_positive_rate", "benign posts raised", "benign"),
        )
        for alarm in reversed(_ALARMS)
    ]
    for words, found, kind in rows:
        if not part["risk_labels"] or not part["counts"][kind]:
            continue
        before = "" if found["before"] is None else f"{as_share(found['before'])} -> "
        yield f"{words}: {before}{as_share(found['after'])}{_change_words(found)}"
    if not part["risk_labels"]:
        found = part["macro_f1"]
        before = "" if found["before"] is None else f"{as_range(found['before'])} -> "
        yield f"macro-F1 of the labels: {before}{as_range(found['after'])}{_change_words(found)}"


def _change_words(found: Figures) -> str:
    if found["difference"] is None:
        return ""
    return "; no post changed" if _still(found) else f"; {_points(found['difference'], ' points,')}"


def _still(found: Figures) -> bool:
    """No post changed: an interval from 0 to 0 would sound surer than that is."""
    return found.get("won") == 0 and found.get("lost") == 0


def _notes(name: str, part: Figures) -> Iterator[str]:
    """What must be known to read a part."""
    recall = part["alarms"]["flag_or_review"]["recall"]
    count = part["counts"]["risky"]
    if part["macro_f1"]["before"] is None:
        yield _NO_BEFORE
    if not part["risk_labels"]:
        return
    if not count and name != "natural":
        yield "There are no risky posts among them: recall is not measured."
    if not part["counts"]["benign"]:
        yield "There are no benign posts among them: false positives are not measured."
    if 0 < count < _FEW:
        low, high = (percent(recall["after"][x]) for x in ("low", "high"))
        yield (
            f"With {_many(count, 'risky post', 'risky posts')}, recall (flag or review) may lie "
            f"anywhere between {low} and {high} %."
        )


def _missing(report: Figures) -> Iterator[str]:
    """Which parts were not measured at all."""
    parts = report.get("parts")
    if parts is None:
        return
    if not parts.get("old"):
        yield _NO_OLD
    any_risk = any(part["risk_labels"] for part in parts.values() if part)
    if any_risk and (not parts.get("natural") or report.get("natural_source") == "ours"):
        yield _NO_NATURAL


def _verdict(report: Figures) -> Iterator[str]:
    accepted = report.get("accepted")
    if accepted is None:
        return
    if accepted:
        measured = any(x["measured"] for x in _checks(report.get("parts") or {}))
        yield (
            "Accepted: these posts show no loss that counts."
            if measured
            else "Accepted, but nothing could be compared: these posts show neither gain nor loss."
        )
        return
    overruled = bool(report.get("regression_accepted"))
    yield (
        "Not accepted by the figures; you took the loss knowingly."
        if overruled
        else 'Not accepted: the model is written with "accepted": false.'
    )
    yield from (f"- {reason}" for reason in report.get("reasons") or ())
    if not overruled:
        yield (
            "What to do: keep the model before. Correct doubtful labels, add benign posts with the "
            "same words, and fine-tune again; or take the loss knowingly (--accept-regression)."
        )


def _side_by_side(part: Figures) -> Table:
    rows: list[tuple[str, ...]] = []
    if part["risk_labels"]:
        for alarm, words in _ALARMS.items():
            found = part["alarms"][alarm]
            rows.append(_row(f"risky posts found, {words}", found["recall"]))
            for label, figures in found["recall_of"].items():
                rows.append(_row(f"{label} found, {words}", figures))
            rows.append(_row(f"benign posts raised, {words}", found["false_positive_rate"]))
            rows.append(_row(f"alarms that are right, {words}", found["precision"]))
        rows.append(_row("wrong one of the risk labels", part["other_risk_label"]))
    rows.append(_row("macro-F1 of the labels", part["macro_f1"]))
    if part["macro_f1"]["before"] is None:
        return Table("After", ("", "after"), [(row[0], row[2]) for row in rows])
    head = ("", "before", "after", "difference, points", "won", "lost", "p-value")
    return Table("Before and after", head, rows)


def _row(words: str, found: Figures) -> tuple[str, ...]:
    sides = (
        "" if x is None else as_share(x) if "of" in x else as_range(x)
        for x in (found["before"], found["after"])
    )
    difference = found.get("difference")
    points = "" if difference is None else "no change" if _still(found) else _points(difference)
    changes = (f"{found[x]:,}" if x in found else "" for x in ("won", "lost"))
    p_value = f"{found['p_value']:.2g}" if "p_value" in found else ""
    return (words, *sides, points, *changes, p_value)


def _checks_table(checks: list[dict[str, Any]]) -> Table:
    rows = []
    for x in checks:
        what = "recall" if x["figure"] == "recall" else "false positives"
        words = f"{_PARTS[x['part']]}: {what}, {_ALARMS[x['alarm']]}"
        if not x["measured"]:
            rows.append((words, "not measured", "", ""))
            continue
        verdict = f"refused ({', '.join(x['refused_by'])})" if x["refused_by"] else "passed"
        points = "no change" if _still(x) else _points(x["difference"])
        rows.append((words, points, f"{x['net']:+,}" if x["net"] else "0", verdict))
    return Table("Checks", ("", "difference, points", "texts lost, net", ""), rows)


def _made_of(report: Figures) -> Iterator[Section]:
    """What the model was taught, and how."""
    rows = _plain({**(report.get("data") or {}), "split": report.get("split")})
    words = report.get("new_words")
    if words is not None:
        # The words themselves are text of posts: only their number is told.
        rows.append(("new words", f"{words if isinstance(words, int) else len(words):,}"))
    yield Section("Data", (), [Table("What was learnt from", ("", "number"), rows)] if rows else ())
    rows = _plain(report.get("settings") or {})
    yield Section("Settings", (), [Table("As given", ("", "value"), rows)] if rows else ())


def _plain(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values, those without a value left out, mappings in mappings laid flat."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += [(f"{name}: {inner}", words) for inner, words in _plain(value)]
        elif value is not None:
            rows.append((name, f"{value:,}" if type(value) is int else str(value)))
    return rows


# Words -------------------------------------------------------------------------------------------


def as_share(figure: Figures) -> str:
    """See `riskclf.evaluation.wording.as_share`."""
    return share_words(Proportion(**figure))


def as_range(figure: Figures) -> str:
    """See `riskclf.evaluation.wording.as_range`."""
    return range_words(Estimate(*(figure[name] for name in ("value", "low", "high"))))


def _points(difference: Figures, unit: str = "") -> str:
    """A difference in points with its interval, finer where it is small; `unit` stands between."""
    if difference["value"] is None:
        return "unknown"
    numbers = [100 * difference[x] for x in ("value", "low", "high")]
    digits = 1 if max(map(abs, numbers)) >= 1 or not any(numbers) else 2
    # Adding 0 turns -0.0 into 0.0.
    value, low, high = (f"{round(x, digits) + 0.0:+.{digits}f}" for x in numbers)
    return f"{value}{unit} {low} to {high}" if unit else f"{value} ({low} to {high})"


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
