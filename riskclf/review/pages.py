"""What the officer sees: the whole page, and the parts of it that a step changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from jinja2 import Environment, PackageLoader, StrictUndefined

from riskclf import __version__
from riskclf.casework.states import Action, Decision, Outcome
from riskclf.casework.steps import How
from riskclf.language import Language, gettext
from riskclf.review.access import Access
from riskclf.review.desk import Desk
from riskclf.review.keys import KEYS, NAMES
from riskclf.review.wording import decision_words, outcome_words, recipient_words

__all__ = ["Pages"]

_CHOICES = tuple(x for x in Decision if x is not Decision.DIFFER)
_LANGUAGES = {"en": "English", "ja": "日本語"}


class Pages:
    """Renders what a `Desk` knows. Call its methods in a `speaking` block."""

    def __init__(self, desk: Desk, access: Access) -> None:
        self._desk, self._access = desk, access
        self._templates = Environment(
            loader=PackageLoader("riskclf.review"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "_": gettext,
            "Action": Action,
            "body": lambda **values: json.dumps(values),
            "choices": _CHOICES,
            "decision_words": decision_words,
            "language_names": _LANGUAGES,
            "outcome_words": outcome_words,
            "outcomes": tuple(Outcome),
            "recipient_words": recipient_words,
        }

    def whole(self) -> str:
        """The page."""
        main = self._case() if self._desk.current() is not None else self._home()
        return self._render(
            "page",
            main=main,
            version=__version__,
            csrf=self._access.csrf,
            language=str(self._desk.language),
            languages=[str(x) for x in Language],
            officer=self._desk.officer,
            status=self._desk.status(),
            instructions=self._desk.instructions(),
            keys=[(name, code, gettext(NAMES[name])) for name, code in KEYS.items()],
        )

    def parts(self, main: str) -> Mapping[str, str]:
        """What a step changes: the main part, the status, and what was done."""
        done, self._desk.done = self._desk.done, None
        return {
            "main": main,
            "status": self._render("status", status=self._desk.status()),
            "done": self._render("done", done=done) if done else "",
            "said": done.words if done else "",
        }

    def leave(self) -> str:
        """The beginning."""
        self._desk.leave()
        return self._home()

    def next(self, *, on: bool) -> str:
        """The next case, or the proposal to stop."""
        if on:
            self._desk.go_on()
        elif reason := self._desk.pause():
            self._desk.leave()
            return self._render("pause", reason=reason)
        return self._home(is_empty=True) if self._desk.next() is None else self._case()

    def take(self, case_id: int) -> str:
        """A case of a list."""
        self._desk.take(case_id)
        return self._case()

    def open(self, case_id: int) -> str:
        """The case with its text."""
        self._desk.open(case_id)
        return self._case()

    def act(self, case_id: int, action: str, then_next: bool, how: Mapping[str, Any]) -> str:
        """The case after a step, or the next one."""
        of_support = self._desk.act(case_id, action, then_next=then_next, **cast(How, how))
        if self._desk.current() is not None:
            return self._case()
        return self._home() if of_support else self.next(on=False)

    def drafts(self, case_id: int, language: str) -> str:
        """The case with drafts in another language."""
        self._desk.drafts_in = language
        return self.take(case_id)

    def undo(self) -> str:
        """The case whose last step is undone."""
        self._desk.undo()
        return self._case()

    def hold(self, case_id: int, on: bool) -> str:
        """The case, on hold or not."""
        self._desk.hold(case_id, on)
        return self._case()

    def support_list(self) -> str:
        """The support list."""
        self._desk.leave()
        return self._render("support", rows=self._desk.support_list())

    def lists(self) -> str:
        """Checks due, and decided cases that need a further step."""
        self._desk.leave()
        checks, further = self._desk.checks_due(), self._desk.unfinished()
        return self._render("lists", checks=checks, further=further)

    def paste(self, text: str) -> str:
        """What became of pasted rows."""
        pasted = self._desk.paste(text)
        self._desk.leave()
        return self._render("pasted", pasted=pasted)

    def _home(self, *, is_empty: bool = False) -> str:
        return self._render(
            "home",
            status=self._desk.status(),
            checks=len(self._desk.checks_due()),
            is_empty=is_empty,
        )

    def _case(self) -> str:
        case = self._desk.current()
        assert case is not None
        return self._render(
            "case",
            case=case,
            offer=self._desk.offer(case.id),
            draft_languages=self._desk.templates.languages,
            drafts_in=self._desk.language_of_drafts(case.id),
        )

    def _render(self, name: str, **values: Any) -> str:
        return self._templates.get_template(f"{name}.html.j2").render(values)
