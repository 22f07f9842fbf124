"""The ids that an agency chooses for its officers."""

from __future__ import annotations

from riskclf.errors import CaseError, InputError
from riskclf.language import gettext as _

__all__ = ["checked_id", "checked_second"]

_LONGEST = 64


def checked_id(officer: str) -> str:
    """The id of an officer, without blanks around it.

    Raises:
        InputError: it is empty, too long, or has characters that cannot be printed.
    """
    found = officer.strip()
    if not found or len(found) > _LONGEST or not found.isprintable():
        raise InputError(f"an officer's id must have 1 to {_LONGEST} printable characters")
    return found


def checked_second(officer: str, second: str | None, needed_for: str | None = None) -> str | None:
    """The id of the second person.

    Args:
        officer: the first one, as `checked_id` gave it.
        second: None where there is no second person.
        needed_for: what needs a second person; None where nothing does.

    Raises:
        InputError: the id cannot be used.
        CaseError: a second person is missing, or is the first one.
    """
    if second is None:
        if needed_for is None:
            return None
        raise CaseError(_("{what} needs a second person: give their id").format(what=needed_for))
    found = checked_id(second)
    if found.casefold() == officer.casefold():
        raise CaseError(_("the second person must be another one"))
    return found
