"""What one must know of the data to read the figures, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from riskclf.evaluation.wording import percent
from riskclf.language import Sentence, ngettext
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from riskclf.evaluation.figures import RowFigures
    from riskclf.evaluation.scored import ScoredRows
    from riskclf.evaluation.thresholds import Stream

__all__ = ["notes_on"]

_FEW_FAMILIES = 10
"""Fewer say little about how families differ."""


def notes_on(
    rows: ScoredRows, figures: RowFigures, rejected: Mapping[Sentence, int], stream: Stream
) -> list[str]:
    """The sentences, in the current language.

    Args:
        rows: the rows that were measured.
        figures: of these rows.
        rejected: numbers of rows that could not be used, by the reason in English.
        stream: what is known of the user's stream.
    """
    return [
        *_on_rejects(rejected),
        *_on_kinds(rows, figures),
        *_on_families(rows, figures),
        *_on_repeats(rows),
        *_on_weights(rows),
        *_on_prevalence(rows, figures, stream),
    ]


def _on_rejects(rejected: Mapping[Sentence, int]) -> Iterator[str]:
    if count := sum(rejected.values()):
        yield ngettext(
            "{count:,} row could not be used and is in none of the figures; rejects.csv lists it "
            "with the reason.",
            "{count:,} rows could not be used and are in none of the figures; rejects.csv lists "
            "them with the reason.",
            count,
        ).format(count=count)
    if "it is not UTF-8" in rejected:
        yield _(
            "Some rows are not UTF-8 text, perhaps all those in one language: spreadsheets may "
            "save Shift_JIS. Save the file as CSV UTF-8 and evaluate again before you trust the "
            "figures."
        )


def _on_kinds(rows: ScoredRows, figures: RowFigures) -> Iterator[str]:
    counts = figures.counts
    if rows.blank:
        yield ngettext(
            "{count:,} post is empty. It counts like any other: leave it out if it is not a post.",
            "{count:,} posts are empty. They count like any other: leave them out if they are not "
            "posts.",
            rows.blank,
        ).format(count=rows.blank)
    for label, found in figures.labels.items():
        if not found.support:
            yield _(
                "No post has the label {label}: its recall is unknown, and the macro figures mean "
                "little."
            ).format(label=label)
    if rows.risk_labels and not counts.benign:
        yield _(
            "There are no benign posts: curves, areas and thresholds need both risky and benign "
            "posts, and are left out."
        )
    elif rows.risk_labels and not counts.risky:
        yield _(
            "There are no risky posts: curves, areas and thresholds need both risky and benign "
            "posts, and are left out."
        )


def _on_families(rows: ScoredRows, figures: RowFigures) -> Iterator[str]:
    families = figures.counts.families
    if families is None or rows.family is None:
        yield _(
            "No families are given: posts are assumed independent. If several posts tell the same "
            "story, the intervals are too narrow."
        )
        return
    if families < _FEW_FAMILIES:
        yield ngettext(
            "There is only {count:,} family: the intervals rest on an assumed correlation within "
            "families, and are wide.",
            "There are only {count:,} families: the intervals rest largely on an assumed "
            "correlation within families, and are wide.",
            families,
        ).format(count=families)
    else:
        yield _(
            "Intervals allow for families: the model tends to be right on all posts of a family, "
            "or wrong on all."
        )
    if lone := int((rows.family.codes < 0).sum()):
        yield ngettext(
            "{count:,} row names no family; it counts as a family of its own.",
            "{count:,} rows name no family; each counts as a family of its own.",
            lone,
        ).format(count=lone)


def _on_repeats(rows: ScoredRows) -> Iterator[str]:
    if rows.id is None:
        return
    present = [x for x in rows.id.tolist() if x is not None]
    if twice := len(present) - len(set(present)):
        yield ngettext(
            "{count:,} row repeats the id of an earlier row; both count.",
            "{count:,} rows repeat the id of an earlier row; all of them count.",
            twice,
        ).format(count=twice)


def _on_weights(rows: ScoredRows) -> Iterator[str]:
    if rows.weight is not None:
        yield _(
            'Shares are weighted; the counts in "12 of 20" are numbers of rows. Intervals use the '
            "effective number of rows (Kish 1965)."
        )


def _on_prevalence(rows: ScoredRows, figures: RowFigures, stream: Stream) -> Iterator[str]:
    if stream.prevalence is None and figures.counts.risky and figures.counts.benign:
        share = float(np.average(rows.risky[rows.clearly]))
        yield _(
            "Precision is that of the posts measured here, {share} % of which are risky. A stream "
            "with fewer risky posts has a lower one: give --prevalence."
        ).format(share=percent(share))
