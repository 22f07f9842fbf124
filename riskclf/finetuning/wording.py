"""How a change from before to after is put into words, in the current language."""

from __future__ import annotations

from riskclf.evaluation.figures import Estimate, Proportion
from riskclf.evaluation.wording import alarm_name, as_range, as_share, percent
from riskclf.finetuning.figures import Change, Check, Flips
from riskclf.finetuning.gate import LIMIT
from riskclf.language import gettext as _
from riskclf.language import ngettext, pgettext

__all__ = [
    "as_difference",
    "end_in_full",
    "figure_name",
    "in_a_sentence",
    "in_points",
    "labelled",
    "number_of_posts",
    "reason",
    "still",
]


def reason(check: Check) -> str:
    """Why a check refuses the model, as one sentence with its figures."""
    change = check.change
    assert change is not None and change.difference is not None and change.flips is not None
    falls = check.figure in ("recall", "macro_f1")
    sentence = (
        _(
            "On {part}, {figure} falls from {before} to {after} ({points}): {flips}; {because} "
            "(McNemar's test: p = {p:.2g})."
        )
        if falls
        else _(
            "On {part}, {figure} rise from {before} to {after} ({points}): {flips}; {because} "
            "(McNemar's test: p = {p:.2g})."
        )
    )
    figure = figure_name(check.figure)
    if check.alarm is not None:
        figure = _("{figure} ({alarm})").format(figure=figure, alarm=alarm_name(check.alarm))
    points = in_points(change.difference)
    if check.weighted:
        points = _("{points} weighted").format(points=points)
    return sentence.format(
        part=in_a_sentence(check.part),
        figure=figure,
        before="" if change.before is None else _end(change.before),
        after=_end(change.after),
        points=points,
        flips=_flips_in_words(check.figure, change.flips),
        because=pgettext("between reasons", " and ").join(map(_because, check.refused_by)),
        p=change.flips.p_value,
    )


def _flips_in_words(figure: str, flips: Flips) -> str:
    lost = number_of_posts(flips.lost)
    if flips.lost_families is not None:
        families = ngettext("{count:,} family", "{count:,} families", flips.lost_families)
        families = families.format(count=flips.lost_families)
        if figure == "false_positive_rate":
            sentence = _("{lost} new (of {families}), {won:,} removed")
        else:
            sentence = _("{lost} lost (of {families}), {won:,} won")
        return sentence.format(lost=lost, families=families, won=flips.won)
    if figure == "false_positive_rate":
        return _("{lost} new, {won:,} removed").format(lost=lost, won=flips.won)
    return _("{lost} lost, {won:,} won").format(lost=lost, won=flips.won)


def in_a_sentence(part: str) -> str:
    """What the posts of a part are called within a sentence."""
    return {
        "new": _("the new posts"),
        "old": _("our old posts"),
        "natural": _("the ordinary posts"),
    }[part]


def figure_name(name: str) -> str:
    """What the figure of a check is called within a sentence."""
    return {
        "recall": _("recall"),
        "false_positive_rate": _("false positives"),
        "wrong_side": _("risky posts on the wrong side"),
        "macro_f1": _("macro-F1 of the labels"),
    }[name]


def _because(name: str) -> str:
    if name == "interval":
        return _("the interval excludes 0")
    return _("more than {limit:.0f} points").format(limit=100 * LIMIT)


def still(change: Change) -> bool:
    """No post changed: an interval from 0 to 0 would claim more certainty than that gives."""
    return change.flips is not None and change.flips.won == change.flips.lost == 0


def _end(figure: Proportion | Estimate) -> str:
    """One end of a change in a sentence: counts, or a share where there are none."""
    if isinstance(figure, Proportion):
        return _("{count:,} of {total:,}").format(count=figure.hits, total=figure.of)
    if figure.value is None:
        return _("unknown")
    return _("{share} %").format(share=percent(figure.value))


def end_in_full(figure: Proportion | Estimate) -> str:
    """One end of a change with its interval and counts."""
    return as_share(figure) if isinstance(figure, Proportion) else as_range(figure)


def as_difference(difference: Estimate) -> str:
    """A difference in points with its interval, in a table."""
    if (numbers := _ends(difference)) is None:
        return _("unknown")
    return _("{value} ({low} to {high})").format(**numbers)


def in_points(difference: Estimate) -> str:
    """A difference with its interval within a sentence."""
    if (numbers := _ends(difference)) is None:
        return _("unknown")
    return _("{value} points, {low} to {high}").format(**numbers)


def _ends(difference: Estimate) -> dict[str, str] | None:
    """Value and ends of a difference in points, finer where it is small."""
    if difference.value is None or difference.low is None or difference.high is None:
        return None
    numbers = [100 * x for x in (difference.value, difference.low, difference.high)]
    digits = 1 if max(map(abs, numbers)) >= 1 or not any(numbers) else 2
    # Adding 0 turns -0.0 into 0.0.
    shown = (f"{round(x, digits) + 0.0:+.{digits}f}" for x in numbers)
    return dict(zip(("value", "low", "high"), shown, strict=True))


def number_of_posts(count: int) -> str:
    """So many posts."""
    return ngettext("{count:,} post", "{count:,} posts", count).format(count=count)


def labelled(name: str, words: str) -> str:
    """A name and what is said of it."""
    return _("{name}: {words}").format(name=name, words=words)
