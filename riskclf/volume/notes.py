"""What to know about a volume estimate: sentences without text of a post."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from riskclf.language import gettext as _
from riskclf.language import ngettext
from riskclf.volume.labelled import Labelled
from riskclf.volume.stream import Stream
from riskclf.volume.times import days_of

if TYPE_CHECKING:
    from riskclf.volume.estimation import MonthlyVolume

__all__ = ["ADVICE", "notes_on"]

ADVICE = 500
"""Posts to label at random where the labelled ones are unlike the stream."""


def notes_on(
    stream: Stream, known: Labelled, months: Sequence[MonthlyVolume], method: str
) -> list[str]:
    """What to know about an estimate, one sentence each."""
    notes = []
    empty = [month.month for month in months if not month.posts]
    if empty:
        line = ngettext(
            "{count:,} month has no posts: {names}. That is no estimate of 0: was nothing "
            "collected?",
            "{count:,} months have no posts: {names}. That is no estimate of 0: was nothing "
            "collected?",
            len(empty),
        )
        notes.append(line.format(count=len(empty), names=", ".join(empty)))
    # With five posts a day, a day without any is no chance.
    part = [x.month for x in months if 0 < x.days < days_of(x.month) and x.posts >= 5 * x.days]
    if part:
        notes.append(
            _(
                "Months with days without a post: {names}. Such a month is not comparable, if "
                "nothing was collected on these days."
            ).format(names=", ".join(part))
        )
    unlike = [month.month for month in months if month.refused == "unlike"]
    if unlike:
        notes.append(
            _(
                "No estimate for {names}: the scores are unlike those of the labelled posts. "
                "Label {count:,} posts drawn at random from these months, and measure with these."
            ).format(names=", ".join(unlike), count=ADVICE)
        )
    if known.unclear:
        line = ngettext(
            "{count:,} labelled post is only 'unclear' and was left out.",
            "{count:,} labelled posts are only 'unclear' and were left out.",
            known.unclear,
        )
        notes.append(line.format(count=known.unclear))
    if not known.families:
        notes.append(
            _(
                "No families are named: the labelled posts are taken for a random sample of this "
                "stream. If they are not, the intervals are too narrow."
            )
        )
    if method == "cc":
        notes.append(
            _("cc counts flagged posts: neither the number nor its interval is corrected.")
        )
    if not stream.texts or known.texts is None:
        notes.append(_("The two tables do not both hold texts, so words were not compared."))
    return notes
