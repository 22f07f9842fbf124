"""The officers' desk: which posts to read, and what was done about each.

`triage` chooses the posts. A `Store` keeps the cases: who reads what, what was decided, which
steps followed. It needs ``pip install 'riskclf[casework]'``; `triage` to a file does not. Nothing
here sends anything: a person decides, and a person sends.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from riskclf.casework.states import Action, Decision, Outcome, Recipient, State
from riskclf.errors import MissingExtra

if TYPE_CHECKING:
    from riskclf.casework.store import Store
    from riskclf.casework.triage import Triage, triage

__all__ = ["Action", "Decision", "Outcome", "Recipient", "State", "Store", "Triage", "triage"]

_HOMES = {"Store": "store", "Triage": "triage", "triage": "triage"}


def __getattr__(name: str) -> Any:
    # Loaded on first use: SQLAlchemy may not be installed.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"riskclf.casework.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] in ("alembic", "sqlalchemy"):
            raise MissingExtra(
                "the case store needs SQLAlchemy and Alembic: pip install 'riskclf[casework]'"
            ) from None
        raise


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
