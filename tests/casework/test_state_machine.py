"""Any order of steps, by any officers: what the store says follows from a simple model of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from riskclf.casework.schema import Case, Lease, Post
from riskclf.casework.states import Action, Decision, Recipient, State, is_finished
from riskclf.errors import CaseError, InputError
from tests.casework.desk import case_of, opened

officers = st.sampled_from(["a", "b", "c"])
cases = st.integers(1, 3)
_ASKED = {
    Action.DECIDE: st.fixed_dictionaries({"decision": st.sampled_from(Decision)}),
    Action.SETTLE: st.fixed_dictionaries({"decision": st.sampled_from(Decision)}),
    Action.CHECK: st.fixed_dictionaries({"gone": st.booleans()}),
    Action.REFER: st.fixed_dictionaries({"recipient": st.sampled_from(Recipient)}),
}


class Desk(RuleBasedStateMachine):
    """The third case is decided by two."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        place = str(Path(self.directory.name) / "cases.db")
        self.desk = opened(place, [case_of(f"r{n}", f"雨が降る {n}") for n in range(3)])
        with self.desk.writing() as (session, _, _now):
            session.get_one(Case, 3).double = True
        self.log: list[str] = []

    def teardown(self) -> None:
        self.directory.cleanup()

    @rule(officer=officers)
    def next_case(self, officer: str) -> None:
        case = self.desk.next_case(officer)
        if case is not None:
            assert case.state is State.ASSIGNED

    @rule(case=cases, officer=officers)
    def take(self, case: int, officer: str) -> None:
        self._try(lambda: self.desk.take(case, officer))

    @rule(
        case=cases,
        officer=officers,
        action=st.sampled_from([*(set(Action) - {Action.ASSIGN})]),
        data=st.data(),
    )
    def act(self, case: int, officer: str, action: Action, data: st.DataObject) -> None:
        how = data.draw(_ASKED.get(action, st.just({})))
        self._try(lambda: self.desk.act(case, officer, action, second="z", **how))

    @rule(case=cases, officer=officers, second=st.sampled_from([None, "z"]))
    def undo(self, case: int, officer: str, second: str | None) -> None:
        self._try(lambda: self.desk.undo(case, officer, second=second))

    @rule(minutes=st.sampled_from([1, 29, 31]))
    def wait(self, minutes: int) -> None:
        self.desk.clock.move(minutes=minutes)

    def _try(self, step: object) -> None:
        before = self.desk.verify()
        try:
            step()  # type: ignore[operator]
        except (CaseError, InputError):
            assert self.desk.verify() == before  # a refusal leaves nothing behind

    @invariant()
    def nobody_is_robbed(self) -> None:
        with self.desk.reading() as session:
            for case in session.scalars(select(Case)):
                holding = session.scalars(
                    select(Lease).where(Lease.case_id == case.id, Lease.until > self.desk.clock())
                ).all()
                blind = case.double and case.state is State.ASSIGNED
                assert len(holding) <= (2 if blind else 1)
            assert len(session.scalars(select(Post)).all()) == 3  # no text is lost

    @invariant()
    def the_case_is_what_its_events_say(self) -> None:
        self.desk.verify()
        for number in (1, 2, 3):
            case, events = self.desk.case(number), self.desk.events(number)
            undone = {event.undoes for event in events}
            counted = [x for x in events if x.id not in undone and x.action != "undo"]
            steps = [x for x in counted if x.action not in ("assign", "release", "skip")]
            if steps and steps[-1].end is not State.ASSIGNED:
                assert (case.state, case.decision) == (steps[-1].end, steps[-1].after)
            else:
                assert case.state in (State.NEW, State.ASSIGNED) and case.decision is None
            warned = [x for x in steps if x.action == "warn"]
            assert (case.warned_at is not None) == bool(warned)
            if warned and case.decision in (Decision.ADULT, Decision.UNCLEAR):
                assert any(x.action == "secure_evidence" for x in steps)
            assert is_finished(case.state, case.decision) or case.purged_at is None


TestDesk = Desk.TestCase
TestDesk.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
