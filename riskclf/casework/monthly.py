"""The monthly table for a workbook: warnings by side, matter and site, and what became of them.

It is made to leave the desk: small numbers are suppressed (`riskclf.casework.suppression`), a month
with all of its tables at once, since they share totals. A case has one side, one matter (the first
of `riskclf.casework.drafts.MATTERS`) and one site, so that each sheet adds up to the same. Nothing
crosses side with matter or site: nearly all of it would be suppressed.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import xlsxwriter

from riskclf.casework.counting import outcome_words, side_words
from riskclf.casework.drafts import MATTERS
from riskclf.casework.facts import NO_SITE
from riskclf.casework.states import Outcome
from riskclf.casework.suppression import Sum, suppressed
from riskclf.explanation.wording import answer_words
from riskclf.files import write_bytes
from riskclf.language import gettext as _
from riskclf.language import pgettext

if TYPE_CHECKING:
    from riskclf.casework.facts import Facts, Warned

__all__ = ["SHEETS", "month_numbers", "write_months"]

SHEETS = ("side", "matter", "site")
_OUTCOMES: tuple[Outcome | None, ...] = (
    Outcome.DELETED,
    Outcome.ACCOUNT_GONE,
    Outcome.EDITED,
    Outcome.STILL_THERE,
    Outcome.UNKNOWN,
    None,  # not checked
)
Shown = int | None
"""A number, or None where it is suppressed."""


def month_numbers(cases: Sequence[Warned], below: int) -> dict[str, dict[str, list[Shown]]]:
    """The numbers of one month: by sheet and name, the outcomes and their total.

    Args:
        cases: warned in that month, without withdrawn warnings.
        below: numbers from 1 to below this are suppressed, with others where need be.

    Returns:
        Of each sheet, a row for each name that a case has, and one named ``""`` with the totals.
    """
    width = len(_OUTCOMES) + 1
    totals = Counter(x.outcome for x in cases)
    # The totals of the outcomes are the same numbers on every sheet: they are held once, first.
    numbers = [*(totals[outcome] for outcome in _OUTCOMES), len(cases)]
    sums: list[Sum] = [(width - 1, range(width - 1))]
    places: dict[tuple[str, str], int] = {}
    for sheet in SHEETS:
        starts = []
        for name in _names(sheet, cases):
            found = Counter(x.outcome for x in cases if getattr(x, sheet) == name)
            start = places[sheet, name] = len(numbers)
            numbers += [*(found[outcome] for outcome in _OUTCOMES), found.total()]
            sums.append((start + width - 1, range(start, start + width - 1)))
            starts.append(start)
        sums += [(column, [start + column for start in starts]) for column in range(width)]
    hidden = suppressed(numbers, sums, below)
    shown: list[Shown] = [
        None if hide else number for number, hide in zip(numbers, hidden.tolist(), strict=True)
    ]
    return {
        sheet: {
            **{
                name: shown[start : start + width]
                for (of, name), start in places.items()
                if of == sheet
            },
            "": shown[:width],
        }
        for sheet in SHEETS
    }


def write_months(facts: Facts, path: str | os.PathLike[str], *, below: int = 5) -> None:
    """Write the workbook, in the current language.

    Args:
        facts: of a store.
        path: of the workbook (.xlsx).
        below: see `month_numbers`.

    Raises:
        InputError: the file cannot be written.
    """
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False}) as book:
        _write(book, facts, below)
    write_bytes(path, content.getvalue())


def _write(book: Any, facts: Facts, below: int) -> None:
    bold = book.add_format({"bold": True})
    heads = {"side": _("side"), "matter": _("matter"), "site": _("site")}
    names = {sheet: book.add_worksheet(heads[sheet]) for sheet in SHEETS}
    outcomes = [_("not checked") if x is None else outcome_words(x) for x in _OUTCOMES]
    for sheet, page in names.items():
        page.write_row(0, 0, [_("month"), heads[sheet], *outcomes, _("warned")], bold)
        page.freeze_panes(1, 2)
        page.set_column(0, len(outcomes) + 2, 14)
    row = dict.fromkeys(SHEETS, 0)
    for month in facts.months:
        cases = [x for x in facts.warned if x.month == month and not x.withdrawn]
        for sheet, found in month_numbers(cases, below).items():
            for name, numbers in found.items():
                row[sheet] += 1
                shown = _("all") if not name else _name(sheet, name)
                if not cases:
                    opened = facts.opened.get(month)
                    shown = _("no warnings") if opened else pgettext("month", "no posts")
                cells = [_("suppressed") if x is None else x for x in numbers]
                names[sheet].write_row(row[sheet], 0, [month, shown, *cells])
    about = book.add_worksheet(_("about"))
    for line, words in enumerate(_about(below)):
        about.write_string(line, 0, words)


def _about(below: int) -> list[str]:
    return [
        _("Warned cases by month of the warning; withdrawn warnings are left out."),
        _("Numbers from 1 to {last:,} are suppressed.").format(last=below - 1),
        _(
            "So are others, where a suppressed number could be computed from them. Do not publish "
            "a month twice with other cases in it, and no other table of the same cases."
        ),
        _("A case with several matters is counted once, with the first of: {matters}.").format(
            matters=pgettext("between names", ", ").join(_name("matter", x) for x in MATTERS)
        ),
    ]


def _names(sheet: str, cases: Sequence[Warned]) -> list[str]:
    return sorted({getattr(x, sheet) for x in cases})


def _name(sheet: str, name: str) -> str:
    if sheet == "side":
        return side_words(name)
    if sheet == "matter":
        return _("other") if name == "any" else answer_words("matter", name)
    return _("not known") if name == NO_SITE else name
