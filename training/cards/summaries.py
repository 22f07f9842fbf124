"""The few figures on the first screen of the README and of the card, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from riskclf.labels import RISK_LABELS
from training.cards.markdown import NOT_MEASURED, percent, statistic, table
from training.cards.targets import missed, targets

__all__ = ["summary_sections"]

_EXAMPLES = 8
"""Rows of the example posts that the README shows."""


@dataclass(frozen=True)
class _Language:
    """The README's words for its three figures and for the examples, in one language."""

    columns: tuple[str, str]
    shown: str
    false_flags: str
    first_twenty: str
    share: str
    """A share of rows, as the figures' template."""
    hour: str
    """What `training.cards.figures.officers_hour` gives, as a template."""
    examples: tuple[str, str, str, str]
    not_measured: str


_ENGLISH = _Language(
    columns=("what", "measured"),
    shown="risky posts of ours that a person is shown (`flag` or `review`), in scenarios that the "
    "model had not seen",
    false_flags="ordinary Japanese lines that are wrongly flagged",
    first_twenty="of 10 risky posts among 10,000 ordinary Japanese lines, those among the 20 with "
    "the highest risk (95 % of draws)",
    share="{value:.2f} % ({low:.2f}–{high:.2f}), {hits:,} of {of:,}",
    hour="{mean:.2f} of 10 ({low:.0f}–{high:.0f})",
    examples=("text", "label", "decision", "risk"),
    not_measured=NOT_MEASURED.strip(),
)

_JAPANESE = _Language(
    columns=("何を測ったか", "結果"),
    shown="モデルが見たことのない場面の危険な投稿（自作）のうち、人の目に届くもの（`flag` または "
    "`review`）",
    false_flags="普通の日本語の文のうち、誤って `flag` になるもの",
    first_twenty="普通の日本語の文 10,000 件に危険な投稿 10 件を混ぜたとき、"
    "リスクの高い 20 件に入るもの"
    "（抽出の 95 %）",
    share="{value:.2f} %（{low:.2f}–{high:.2f}）、{of:,} 件中 {hits:,} 件",
    hour="10 件中 {mean:.2f} 件（{low:.0f}–{high:.0f}）",
    examples=("投稿", "label", "decision", "risk"),
    not_measured="未測定。",
)


def summary_sections(results: Mapping[str, Any]) -> dict[str, str]:
    """Name of a section to its text.

    Args:
        results: what `training.cards.measure` gives, and `other_hand` once it is measured.
    """
    return {
        "missed": _missed(results),
        "summary": _summary_table(results),
        "natural_summary": _natural_table(results["natural_languages"]),
        **{
            f"{name}{suffix}": write(results, words)
            for suffix, words in (("", _ENGLISH), ("_ja", _JAPANESE))
            for name, write in (("examples", _examples_table), ("figures", _figures_table))
        },
    }


def _missed(results: Mapping[str, Any]) -> str:
    """Every missed target, in words."""
    found = targets(results)
    if not found:
        return NOT_MEASURED
    judged = [target for target in found if target.measured is not None]
    below = missed(found)
    first = f"{len(below)} of the {len(judged)} targets that were measured are missed"
    open_ones = len(found) - len(judged)
    more = f"; {open_ones} are not measured yet" if open_ones else ""
    lines = [f"- {x.what}: {x.measured} (target {x.aim})" for x in below]
    return "\n".join(
        [f"{first}{more}{':' if lines else '.'}", *([""] if lines else []), *lines, ""]
    )


def _summary_table(results: Mapping[str, Any]) -> str:
    """Our posts out of fold beside the posts by other hands."""
    head = ("what", "our posts, out of fold", "posts by other hands")
    both = [results.get(name) for name in ("folds", "other_hand")]
    empty = NOT_MEASURED.strip()
    rows = [
        (what, *(empty if part is None else _written(part, path) for part in both))
        for what, path in _SUMMARY
    ]
    return table(head, rows)


_FLAG, _SHOWN = ("operating_points", "flag"), ("operating_points", "flag_or_review")
_SUMMARY: Sequence[tuple[str, tuple[str, ...]]] = (
    ("macro-F1 over the three labels", ("macro", "f1")),
    ("average precision of the risk", ("average_precision",)),
    *((f"recall of `{x}`, flag or review", (*_SHOWN, "recall_of", x)) for x in RISK_LABELS),
    ("recall of both, flag", (*_FLAG, "recall")),
    ("precision of flag, unclear posts left out", (*_FLAG, "precision")),
    ("risky posts whose side is right", ("side",)),
    ("benign look-alikes, flag", (*_FLAG, "false_positive_rate")),
    ("benign look-alikes, flag or review", (*_SHOWN, "false_positive_rate")),
    ("unclear posts, flag or review", ("unclear", "all", "flag_or_review")),
)


def _written(part: Any, path: tuple[str, ...]) -> str:
    for name in path:
        part = part[name]
    return percent(part) if "hits" in part else statistic(part)


def _natural_table(languages: Mapping[str, Mapping[str, Any]]) -> str:
    head = ("ordinary public text", "flag or review", "flag")
    rows = [
        (name, *(percent(found[x]) for x in ("flag_or_review", "flag")))
        for name, found in languages.items()
    ]
    return table(head, rows)


def _examples_table(results: Mapping[str, Any], words: _Language) -> str:
    """The example posts with the highest risk, as `riskclf predict` shows them."""
    if "examples" not in results:
        return words.not_measured + "\n"
    rows = [
        (x["text"], f"`{x['label']}`", f"`{x['decision']}`", f"{x['risk']:.3f}")
        for x in results["examples"][:_EXAMPLES]
    ]
    return table(words.examples, rows)


def _figures_table(results: Mapping[str, Any], words: _Language) -> str:
    def share(found: Mapping[str, Any]) -> str:
        in_percent = {x: 100 * found[x] for x in ("value", "low", "high")}
        return words.share.format(**{**found, **in_percent})

    shown = first_twenty = words.not_measured
    if "folds" in results:
        shown = share(results["folds"]["operating_points"]["flag_or_review"]["recall"])
    if "hour" in results:
        first_twenty = words.hour.format(**results["hour"]["our posts in Japanese lines"])
    rows = [
        (words.shown, shown),
        (words.false_flags, share(results["natural_languages"]["ja"]["flag"])),
        (words.first_twenty, first_twenty),
    ]
    return table(words.columns, rows)
