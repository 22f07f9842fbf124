"""The table of steps is the practice: what it holds is allowed, all else is refused."""

from __future__ import annotations

from itertools import product

import pytest

from riskclf.casework.states import (
    STEPS,
    Action,
    Decision,
    Recipient,
    State,
    is_finished,
    needs_second_person,
    step_of,
)
from riskclf.errors import CaseError

TRIED = list(product(Action, State, [None, *Decision], [None, *Recipient]))


def test_every_step_of_the_table_is_allowed_and_every_other_is_refused() -> None:
    allowed = {
        (step.action, step.start, decision, recipient)
        for step in STEPS
        for decision in step.decisions
        for recipient in (step.recipients or {None})
    }
    for tried in TRIED:
        if tried in allowed:
            step = step_of(*tried)
            assert (step.action, step.start) == tried[:2]
        else:
            with pytest.raises(CaseError, match="not allowed"):
                step_of(*tried)
    assert allowed <= set(TRIED)


def test_no_two_steps_of_the_table_say_different_things() -> None:
    for one, other in product(STEPS, STEPS):
        if one is not other and (one.action, one.start) == (other.action, other.start):
            both = one.decisions & other.decisions
            assert not both or not (one.recipients & other.recipients)


@pytest.mark.parametrize("decision", [Decision.ADULT, Decision.UNCLEAR])
def test_what_may_be_an_adults_is_not_warned_before_evidence_is_secured(decision: Decision) -> None:
    with pytest.raises(CaseError, match="evidence as secured first"):
        step_of(Action.WARN, State.DECIDED, decision)
    assert step_of(Action.WARN, State.EVIDENCE_SECURED, decision).end is State.WARNED


@pytest.mark.parametrize("start", [State.DECIDED, State.REFERRED])
def test_nor_is_it_referred_to_the_platform_which_would_delete_it(start: State) -> None:
    with pytest.raises(CaseError, match="a platform deletes posts"):
        step_of(Action.REFER, start, Decision.ADULT, Recipient.PLATFORM)
    assert step_of(Action.REFER, start, Decision.ADULT, Recipient.INVESTIGATORS)
    assert step_of(Action.SECURE_EVIDENCE, start, Decision.ADULT).end is State.EVIDENCE_SECURED


def test_a_minors_post_is_warned_at_once() -> None:
    assert step_of(Action.WARN, State.DECIDED, Decision.MINOR).end is State.WARNED


@pytest.mark.parametrize(
    "decision",
    [
        Decision.BENIGN,
        Decision.NEEDS_SUPPORT,
        Decision.GUIDANCE,
        Decision.CANNOT_TELL,
        Decision.DIFFER,
    ],
)
def test_nothing_else_is_ever_warned(decision: Decision) -> None:
    for state in State:
        with pytest.raises(CaseError):
            step_of(Action.WARN, state, decision)


def test_where_two_officers_differ_only_a_settlement_is_allowed() -> None:
    for action in Action:
        if action not in (Action.SETTLE, Action.ASSIGN):
            with pytest.raises(CaseError):
                step_of(action, State.DECIDED, Decision.DIFFER, None)
    assert step_of(Action.SETTLE, State.DECIDED, Decision.DIFFER)


def test_a_refusal_says_which_states_allow_it() -> None:
    with pytest.raises(CaseError, match="the state must be 'checked' or 'warned'"):
        step_of(Action.WITHDRAW, State.NEW)


def test_guidance_referral_and_settlement_need_a_second_person() -> None:
    needing = {x for x in Action if needs_second_person(x)}
    assert needing == {Action.REFER, Action.SETTLE}
    assert {x for x in Decision if needs_second_person(Action.DECIDE, x)} == {Decision.GUIDANCE}


def test_no_case_gets_stuck() -> None:
    reached: set[tuple[State, Decision | None]] = set()
    waiting: list[tuple[State, Decision | None]] = [(State.NEW, None)]
    while waiting:
        state, decision = found = waiting.pop()
        if found in reached:
            continue
        reached.add(found)
        steps = [x for x in STEPS if x.start is state and decision in x.decisions]
        assert steps or is_finished(state, decision), found
        for step in steps:
            decides = step.action in (Action.DECIDE, Action.SETTLE)
            waiting += [(step.end, x) for x in (Decision if decides else [decision])]
    assert {state for state, _ in reached} == set(State)
