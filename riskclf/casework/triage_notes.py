"""What else to know of a triage, one sentence each; without text of a post."""

from __future__ import annotations

from typing import TYPE_CHECKING

from riskclf.language import gettext as _

if TYPE_CHECKING:
    from riskclf.casework.intake import Intake

__all__ = ["notes_on", "notes_on_drawn"]


def notes_on_drawn(drawn: int, rest: int) -> list[str]:
    """What to know of the posts that were drawn for blind decisions.

    Args:
        drawn: how many were.
        rest: of how many that would not be shown.
    """
    if not drawn:
        return [
            _(
                "No post was drawn from the {rest:,} that are not shown: the capacity has no place "
                "for it. What is missed among them cannot be estimated."
            ).format(rest=rest)
        ]
    return [
        _(
            "Drawn at random from the {rest:,} posts that would not be shown: {drawn:,}. Two "
            "officers decide each, and do not see what the model says."
        ).format(rest=rest, drawn=drawn)
    ]


def notes_on(read: Intake, left_out: int, no_support: bool) -> list[str]:
    """What to know of the posts that were read.

    Args:
        read: the posts.
        left_out: short replies that are not shown.
        no_support: the model has no support head, and a support list is wanted.
    """
    notes = []
    if read.known:
        notes.append(
            _("Already in the store, and not shown again: {count:,} posts.").format(
                count=read.known
            )
        )
    if read.repeated:
        notes.append(
            _("Left out, because an earlier row has the same reference: {count:,} rows.").format(
                count=read.repeated
            )
        )
    if read.without_time:
        notes.append(
            _(
                "The time of {count:,} posts cannot be read. Write it like "
                "2026-01-31T18:00:00+09:00."
            ).format(count=read.without_time)
        )
    if left_out:
        notes.append(
            _("Not shown: {count:,} more short replies to posts that are shown.").format(
                count=left_out
            )
        )
    if no_support and read.posts:
        notes.append(_("The model has no support head: there is no support list."))
    return notes
