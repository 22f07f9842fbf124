"""What became of the warnings: rates of what checks found, by side, draft or month.

A rate is among the warned cases that were checked with a result. It says nothing of the others: how
many were not checked, or with no result, stands beside it. Withdrawn warnings are left out. The
intervals are those of `riskclf.evaluation.intervals`, where cases of the same text are one family:
posts of one author are deleted together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from riskclf.casework.facts import Facts, Warned
from riskclf.casework.states import Outcome
from riskclf.evaluation.intervals import Intervals
from riskclf.evaluation.wording import Section, Table, as_share
from riskclf.language import gettext as _
from riskclf.language import pgettext

if TYPE_CHECKING:
    from riskclf.evaluation.figures import Proportion

__all__ = ["BY", "RATED", "Row", "counts_by", "outcome_words", "section_of", "side_words"]

BY = ("side", "template", "month")
RATED = (Outcome.DELETED, Outcome.ACCOUNT_GONE, Outcome.EDITED, Outcome.STILL_THERE)


@dataclass(frozen=True)
class Row:
    """What became of the warnings of a side, a draft or a month."""

    name: str | None
    """None for all of them; empty for warnings without a recorded draft."""
    opened: int | None
    """Cases that were opened; given for months alone."""
    warned: int
    """Without those that were withdrawn."""
    withdrawn: int
    unchecked: int
    unknown: int
    """Checked without a result."""
    rates: dict[Outcome, Proportion]
    """Of those in `RATED`, among the cases that were checked with a result."""


def counts_by(facts: Facts, by: str) -> list[Row]:
    """What became of the warnings.

    Args:
        facts: of a store.
        by: one of `BY`. Months are all listed, those without posts too.

    Returns:
        A row for each name, and one for all of them at the end.
    """
    names = {
        "side": ["minor", "adult", "unclear"],
        "template": sorted({x.template for x in facts.warned}),
        "month": list(facts.months),
    }[by]
    rows = [
        _row(
            name,
            facts.opened.get(name, 0) if by == "month" else None,
            [x for x in facts.warned if getattr(x, by) == name],
        )
        for name in names
    ]
    total = sum(facts.opened.values()) if by == "month" else None
    return [*rows, _row(None, total, facts.warned)]


def _row(name: str | None, opened: int | None, all_cases: Sequence[Warned]) -> Row:
    cases = [x for x in all_cases if not x.withdrawn]
    known = [x for x in cases if x.outcome not in (None, Outcome.UNKNOWN)]
    chains = np.array([x.chain for x in known], dtype=np.int64)
    intervals = Intervals(len(known), family=chains)
    every = np.ones(len(known), dtype=bool)
    found = Counter(x.outcome for x in cases)
    return Row(
        name,
        opened,
        len(cases),
        len(all_cases) - len(cases),
        found[None],
        found[Outcome.UNKNOWN],
        {
            outcome: intervals.proportion(
                np.array([x.outcome is outcome for x in known], dtype=bool), every
            )
            for outcome in RATED
        },
    )


# In words -----------------------------------------------------------------------------------------


def outcome_words(outcome: Outcome) -> str:
    """What checks found, as the head of a column."""
    return {
        Outcome.DELETED: _("deleted"),
        Outcome.EDITED: _("edited"),
        Outcome.STILL_THERE: _("still there"),
        Outcome.ACCOUNT_GONE: _("account gone"),
        Outcome.UNKNOWN: _("unknown"),
    }[outcome]


def side_words(side: str) -> str:
    """A side in the current language."""
    return {
        "minor": _("minor's side"),
        "adult": _("adult's side"),
        "unclear": _("side unclear"),
    }[side]


def section_of(facts: Facts, by: str) -> Section:
    """The counts as a table, with notes; in the current language."""
    rows = counts_by(facts, by)
    heads = {"side": _("side"), "template": _("draft"), "month": _("month")}
    table = Table(
        _("Rates are of cases that were checked with a result, in per cent, with 95 % intervals."),
        [
            heads[by],
            *([_("opened")] if by == "month" else []),
            _("warned"),
            *map(outcome_words, RATED),
            outcome_words(Outcome.UNKNOWN),
            _("not checked"),
            _("withdrawn"),
        ],
        [_cells(row, by) for row in rows],
    )
    return Section(_("What became of the warnings"), _notes(facts), [table])


def _cells(row: Row, by: str) -> list[str]:
    counts = [row.unknown, row.unchecked, row.withdrawn]
    name = _("all") if row.name is None else row.name or _("not recorded")
    if by == "side" and row.name is not None:
        name = side_words(row.name)
    opened: list[str] = []
    if row.opened is not None:
        opened = [f"{row.opened:,}" if row.opened else pgettext("month", "no posts")]
    return [
        name,
        *opened,
        f"{row.warned:,}",
        *("" if not rate.of else as_share(rate) for rate in row.rates.values()),
        *(f"{count:,}" for count in counts),
    ]


def _notes(facts: Facts) -> list[str]:
    notes = []
    if not facts.warned:
        notes.append(_("No case was warned."))
    if facts.again:
        days = Counter(facts.again)
        notes.append(
            _(
                "Cases whose text had been warned before, under another reference: {count:,} "
                "({days})."
            ).format(
                count=len(facts.again),
                days=", ".join(f"{day}: {count:,}" for day, count in sorted(days.items())),
            )
        )
    if facts.changed:
        notes.append(
            _(
                "The decision of {count:,} cases was changed. They are counted with the present "
                "one. {exported:,} of them had been exported with another: export again."
            ).format(count=facts.changed, exported=facts.before)
        )
    return notes
