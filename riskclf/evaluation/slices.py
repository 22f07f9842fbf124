"""The sections of a report on slices and languages, and where the model fails among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from riskclf.evaluation.wording import Section, Table, as_share

if TYPE_CHECKING:
    from riskclf.evaluation.figures import Figures, Proportion, Slice

__all__ = ["slices", "weak_spots"]


def weak_spots(figures: Figures) -> Section:
    """Parts whose interval lies wholly on the wrong side of the figure for all posts."""
    weak: list[str] = []
    small: list[str] = []
    parts = [(f"slice {name}", name, x) for name, x in figures.slices.items()]
    parts += [(f"language {name}", name, x) for name, x in figures.languages.items()]
    for words, name, found in parts:
        if worse := [f"{words}: {line}" for line in _worse(found, figures)]:
            weak += worse  # few posts, perhaps, but enough to see that it is worse
        elif _too_few(found):
            small.append(name)
    lines = list(weak)
    if weak:
        lines.append("By chance alone, about one part in forty looks worse than it is.")
    if parts and not weak:
        lines.append("No slice or language is clearly worse than the rest.")
    if small:
        lines.append(f"Too few posts to judge: {', '.join(dict.fromkeys(small))}.")
    return Section("Where it fails", lines)


def _worse(found: Slice, figures: Figures) -> Iterable[str]:
    if found.recall is None or found.false_positive_rate is None:
        if found.accuracy.of and found.accuracy.high < (figures.accuracy.value or 0):
            yield f"only {as_share(found.accuracy)} of the posts get the right label."
        return
    everywhere = figures.operating_points["flag_or_review"]
    if found.recall.of and found.recall.high < (everywhere.recall.value or 0):
        yield f"only {as_share(found.recall)} of the risky posts are found."
    rate = everywhere.false_positive_rate.value
    if found.false_positive_rate.of and rate is not None and found.false_positive_rate.low > rate:
        yield f"{as_share(found.false_positive_rate)} of the benign posts are false positives."


def _too_few(found: Slice) -> bool:
    """Is every figure that `_worse` looks at too uncertain?"""
    shares = {"recall": found.recall, "false_positive_rate": found.false_positive_rate}
    if found.recall is None:
        shares = {"accuracy": found.accuracy}
    known = {name for name, share in shares.items() if share is not None and share.of}
    return bool(known) and known <= set(found.too_small)


def slices(figures: Figures) -> Iterable[Section]:
    """A section for the slices, and one for the languages."""
    has_plot = False
    for title, parts in (("By slice", figures.slices), ("By language", figures.languages)):
        if not parts:
            continue
        rows: list[tuple[str, ...]]
        if not figures.operating_points:
            rows = [(name, _judged(x, "accuracy", x.accuracy)) for name, x in parts.items()]
            yield Section(title, [], [Table("Labels", ("", "accuracy of the label"), rows)])
            continue
        rows = [
            (
                name,
                f"{x.counts.risky:,}",
                f"{x.counts.benign:,}",
                _judged(x, "recall", x.recall),
                _judged(x, "false_positive_rate", x.false_positive_rate),
                _judged(x, "accuracy", x.accuracy),
            )
            for name, x in parts.items()
        ]
        head = ("", "risky", "benign", "recall", "false positive rate", "accuracy of the label")
        plots = {"slices": "Recall of each part, with intervals"} if not has_plot else {}
        has_plot = True
        yield Section(title, [], [Table("At flag or review", head, rows)], plots)


def _judged(part: Slice, name: str, share: Proportion | None) -> str:
    if share is None:
        return ""
    return as_share(share) + ("; too few to judge" if name in part.too_small and share.of else "")
