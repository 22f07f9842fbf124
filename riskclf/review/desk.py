"""What one officer does at the page, as steps on the store.

Text of a post is kept in memory for the case at hand only, and only once the officer has opened it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Unpack

from riskclf.casework.blind import is_hidden
from riskclf.casework.handover import state_words
from riskclf.casework.states import Action, Decision, State, is_finished
from riskclf.casework.steps import How
from riskclf.casework.triage import triage
from riskclf.errors import CaseError
from riskclf.language import Language
from riskclf.language import gettext as _
from riskclf.review import counts
from riskclf.review.pasting import rows_of
from riskclf.review.shown import Opened, Shown, opened_text, shown
from riskclf.review.wording import action_words, age_words, decision_words

if TYPE_CHECKING:
    from riskclf.casework.drafts import Offer, Support, Templates
    from riskclf.casework.schema import Case
    from riskclf.casework.store import Store
    from riskclf.classifier import RiskClassifier
    from riskclf.tables import Reject

__all__ = ["Desk", "Done", "Limits", "Pasted", "Row", "Status"]

_JAPANESE = re.compile("[ぁ-ヿ一-鿿]")
"""A letter of kana or kanji."""
_A_BREAK = 10 * 60
"""Seconds without any request that count as a break."""
_DECIDES = (Action.DECIDE, Action.SETTLE)
_TO_WARN = (Decision.MINOR, Decision.ADULT, Decision.UNCLEAR)


@dataclass(frozen=True)
class Limits:
    """After what the page proposes to stop, or to take a break."""

    cases: int = 100
    """Read today."""
    minutes: float = 50.0
    """Without a break."""


@dataclass(frozen=True)
class Status:
    """What waits, and what this officer has done today."""

    support: int
    waiting: int
    today: int


@dataclass(frozen=True)
class Done:
    """The step that was just taken, with what is needed to answer the post."""

    words: str
    references: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Row:
    """A case in a list."""

    id: int
    state: str
    decision: str
    age: str
    references: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Pasted:
    """What became of pasted rows."""

    cases: int
    support: int
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]


class Desk:
    """An officer at a store. Requests come one at a time."""

    def __init__(
        self,
        store: Store,
        officer: str,
        classifier: RiskClassifier,
        templates: Templates,
        *,
        language: Language = Language.ENGLISH,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            store: the store.
            officer: the id.
            classifier: explains, and labels what is pasted.
            templates: the agency's drafts.
            language: of the page.
            limits: when to stop.
            clock: in seconds.
        """
        self.store, self.officer, self.templates = store, officer, templates
        self.language = language
        self.drafts_in: str | None = None
        """The language of drafts; None: that of the post."""
        self.lock = threading.Lock()
        """Held while a request is answered."""
        self.done: Done | None = None
        self._classifier = classifier
        self._limits = limits or Limits()
        self._clock = clock
        self._may_read = self._limits.cases
        self._since_break = self._last_request = clock()
        self._current: int | None = None
        self._last: int | None = None
        self._opened: tuple[int, tuple[Language, bool], Opened] | None = None
        self._read: set[int] = set()

    # What there is --------------------------------------------------------------------------------

    def status(self) -> Status:
        """What waits, and what was done today."""
        return Status(
            counts.unread(self.store, support=True),
            counts.unread(self.store, support=False),
            self._today(),
        )

    def current(self) -> Shown | None:
        """The case at hand; None where there is none."""
        if self._current is None:
            return None
        case = self.store.case(self._current)
        if case.purged_at is not None:
            self.leave()
            return None
        return self._shown(case)

    def offer(self, case_id: int) -> Offer | None:
        """Drafts for a case that may be warned, now or once its evidence is secured."""
        case = self.store.case(case_id)
        before = case.state in (State.DECIDED, State.EVIDENCE_SECURED)
        if case.support or not before or case.decision not in _TO_WARN:
            return None
        return self.templates.offer(case, self.language_of_drafts(case_id))

    def language_of_drafts(self, case_id: int) -> str:
        """The language that drafts for a case are offered in: as chosen, or that of the post."""
        posts = self.store.case(case_id).posts
        text = posts[0].text if posts else ""
        of_post = Language.JAPANESE if _JAPANESE.search(text) else Language.ENGLISH
        return self._there(self.drafts_in or of_post)

    def instructions(self) -> Support:
        """The agency's emergency instructions and contacts."""
        return self.templates.support[self._there(self.language)]

    def support_list(self) -> list[Row]:
        """The support list; the store logs that it was opened."""
        found = self.store.support_list(self.officer)
        now = counts.time_of(self.store)
        return [self._row(case, now, posted=True) for case in found]

    def checks_due(self) -> list[Row]:
        """Answered cases of which it is to be checked whether the post is gone."""
        now = counts.time_of(self.store)
        return [self._row(case, now) for case in self.store.checks_due()]

    def unfinished(self) -> list[Row]:
        """Decided cases that need a further step."""
        now = counts.time_of(self.store)
        return [self._row(case, now) for case in self.store.unfinished() if not case.support]

    def seen(self) -> None:
        """The officer is here; a time without any request counts as a break."""
        now = self._clock()
        if now - self._last_request >= _A_BREAK:
            self._since_break = now
        self._last_request = now

    def pause(self) -> str:
        """Why to stop now, in words; empty where there is no reason."""
        if self._today() >= self._may_read:
            return _("You have read {count:,} cases today. That is enough: stop here.").format(
                count=self._today()
            )
        minutes = (self._clock() - self._since_break) / 60
        if minutes >= self._limits.minutes:
            return _("You have read for {count:.0f} minutes. Take a break.").format(count=minutes)
        return ""

    def go_on(self) -> None:
        """Read on although the page proposed to stop: it proposes so again after a while."""
        self._since_break = self._clock()
        if self._today() >= self._may_read:
            self._may_read = self._today() + max(1, self._limits.cases // 5)

    # What is done ---------------------------------------------------------------------------------

    def leave(self) -> None:
        """Show no case; one that is in hand stays the officer's until its time ends."""
        self._current, self._opened = None, None

    def next(self) -> Shown | None:
        """The case to read next, see `Store.next_case`."""
        self.leave()
        case = self.store.next_case(self.officer)
        return None if case is None else self._at_hand(case)

    def take(self, case_id: int) -> Shown:
        """Take this case of a list in hand."""
        return self._at_hand(self.store.take(case_id, self.officer))

    def open(self, case_id: int) -> Shown:
        """Open the text of the case, with the model's reasons; or close it again."""
        if case_id != self._current:
            raise CaseError(
                _("case {case} is not at hand: load the page again").format(case=case_id)
            )
        case = self.store.case(case_id)
        if not case.posts:
            raise CaseError(_("the text of case {case} was purged").format(case=case_id))
        if self._opened is not None and self._opened[0] == case_id:
            self._opened = None
        else:
            self._opened = case_id, (self.language, is_hidden(case)), self._explained(case)
            self._read.add(case_id)
        return self._at_hand(case)

    def act(self, case_id: int, action: str, *, then_next: bool, **how: Unpack[How]) -> bool:
        """Take a step with a case; afterwards `current` is that case if it asks for more steps.

        Returns:
            Whether the case is on the support list.

        Raises:
            CaseError: the store refuses it, or it decides on a text that was not opened.
        """
        if action in _DECIDES and case_id not in self._read:
            raise CaseError(
                _("open the text of case {case} before you decide").format(case=case_id)
            )
        case = self.store.act(case_id, self.officer, action, **how)
        what = decision_words(how["decision"]) if action in _DECIDES else action_words(action)
        self._note(_("Case {number}: {what}.").format(number=case_id, what=what), case)
        ended = is_finished(case.state, case.decision)
        if case.state is State.DECIDED and case.decision is Decision.UNCLEAR:
            ended = False  # it may rest, and it may be warned
        if then_next or ended or case.state in (State.NEW, State.ASSIGNED):
            self.leave()
        else:
            self._at_hand(case)
        return case.support

    def undo(self) -> None:
        """Take back the last step that the officer took today.

        Raises:
            CaseError: there is none, or it was with a case that the page does not show: what was
                done elsewhere, such as a warning that was sent, is not undone by a key.
        """
        case_id = counts.last_step(self.store, self.officer, self._midnight())
        if case_id is None:
            raise CaseError(_("you have taken no step today that can be undone"))
        if case_id not in (self._current, self._last):
            raise CaseError(
                _("your last step was with case {case}: open that one to undo it").format(
                    case=case_id
                )
            )
        case = self.store.undo(case_id, self.officer)
        self._note(_("Case {number}: the last step is undone.").format(number=case_id), case)
        self._at_hand(case)

    def hold(self, case_id: int, on: bool) -> None:
        """Put a case on hold, so that it is not purged; or lift the hold."""
        self._at_hand(self.store.hold(case_id, self.officer, on=on))

    def paste(self, pasted: str) -> Pasted:
        """Open cases from rows that were copied from Excel.

        Raises:
            InputError: the rows cannot be used.
        """
        rows = rows_of(pasted)
        found = triage(rows, self._classifier, len(rows), known=self.store.known, for_store=True)
        opened = found.open_in(self.store, model=self._classifier.fingerprint, officer=self.officer)
        return Pasted(len(opened), len(found.support), tuple(found.rejects), tuple(found.notes))

    # ----------------------------------------------------------------------------------------------

    def _at_hand(self, case: Case) -> Shown:
        self._current = case.id
        return self._shown(case)

    def _shown(self, case: Case) -> Shown:
        if self._opened is not None:
            number, how, _text = self._opened
            now = self.language, is_hidden(case)
            if number != case.id:
                self._opened = None
            elif how != now:
                self._opened = case.id, now, self._explained(case)
        return shown(
            case,
            now=counts.time_of(self.store),
            model=self._classifier.fingerprint,
            earlier=None if case.earlier_id is None else self.store.case(case.earlier_id),
            opened=None if self._opened is None else self._opened[2],
        )

    def _explained(self, case: Case) -> Opened:
        if is_hidden(case):
            return opened_text(case, None)
        (explanation,) = self._classifier.explain_many([case.posts[0].text])
        return opened_text(case, explanation)

    def _note(self, words: str, case: Case) -> None:
        self._last = case.id
        self.done = Done(words, tuple(post.reference for post in case.posts))

    def _row(self, case: Case, now: datetime, *, posted: bool = False) -> Row:
        since: datetime | None = case.changed_at
        if posted:
            since = case.posts[0].posted_at if case.posts else None
        age = None if since is None else now - since
        return Row(
            case.id,
            state_words(case.state),
            "" if case.decision is None else decision_words(case.decision),
            age_words(age),
            tuple(post.reference for post in case.posts),
        )

    def _there(self, language: str) -> str:
        has = self.templates.languages
        return language if language in has else has[0]

    def _today(self) -> int:
        return counts.read_since(self.store, self.officer, self._midnight())

    def _midnight(self) -> datetime:
        return counts.time_of(self.store).replace(hour=0, minute=0, second=0, microsecond=0)
