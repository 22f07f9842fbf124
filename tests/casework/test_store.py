"""What officers rely on: nobody's case is taken away, no step is lost, no word leaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from riskclf.casework import Store
from riskclf.casework.schema import Case
from riskclf.casework.steps import LEASE
from riskclf.errors import CaseError, InputError, RiskclfError
from riskclf.text import normalise
from tests.casework.desk import DETAILS, RETENTION, Desk, case_of, opened

A, B, C = "officer-a", "officer-b", "officer-c"


def take(desk: Desk, officer: str = A) -> Case:
    case = desk.next_case(officer)
    assert case is not None
    return case


def test_a_case_goes_all_the_way_and_its_events_say_so(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    case = take(desk)
    assert [post.reference for post in case.posts] == ["r1"]
    desk.act(case.id, A, "decide", decision="adult_solicitation", note="二度目")
    desk.act(case.id, A, "secure_evidence")
    assert desk.act(case.id, A, "warn").warned_at == desk.clock.time
    desk.clock.move(hours=23)
    assert desk.checks_due() == []
    desk.clock.move(hours=2)
    assert [x.id for x in desk.checks_due()] == [case.id]
    desk.act(case.id, B, "check", gone=False)
    desk.clock.move(days=2)
    assert [x.id for x in desk.checks_due()] == [case.id]  # still there: look again
    assert desk.act(case.id, B, "check", gone=True).gone is True
    assert desk.checks_due() == []
    told = [(x.action, x.officer, x.start, x.end) for x in desk.events(case.id)]
    assert told == [
        ("assign", A, "new", "assigned"),
        ("decide", A, "assigned", "decided"),
        ("secure_evidence", A, "decided", "evidence_secured"),
        ("warn", A, "evidence_secured", "warned"),
        ("check", B, "warned", "checked"),
        ("check", B, "checked", "checked"),
    ]
    assert Store.open(place).case(case.id).state == "checked"


def test_a_warning_keeps_the_version_of_its_draft_and_no_other_step_has_one(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    case = take(desk)
    version = "0123456789abcdef"
    with pytest.raises(InputError, match="only warn takes a template"):
        desk.act(case.id, A, "decide", decision="minor_solicitation", template=version)
    desk.act(case.id, A, "decide", decision="minor_solicitation")
    with pytest.raises(InputError, match="the version of a draft"):
        desk.act(case.id, A, "warn", template="こんにちは")
    desk.act(case.id, A, "warn", template=version)
    assert desk.events(case.id)[-1].detail == {"template": version}


def test_the_riskiest_is_read_first_and_one_case_at_a_time(place: str) -> None:
    desk = opened(place, [case_of("low", risk=0.6), case_of("high", risk=0.9)])
    first = take(desk)
    assert first.posts[0].reference == "high"
    assert take(desk).id == first.id  # still in hand
    assert [x.action for x in desk.events(first.id)] == ["assign"]
    assert take(desk, B).posts[0].reference == "low"
    assert desk.next_case(C) is None


def test_a_lease_ends_and_then_another_officer_gets_the_case(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    case = take(desk)
    desk.clock.move(seconds=LEASE.total_seconds() - 1)
    assert desk.next_case(B) is None
    with pytest.raises(CaseError, match="another officer has case 1"):
        desk.take(case.id, B)
    desk.clock.move(seconds=1)
    assert take(desk, B).id == case.id
    with pytest.raises(CaseError, match="not in your hands"):
        desk.act(case.id, A, "decide", decision="benign")
    assert desk.act(case.id, B, "decide", decision="benign").decision == "benign"


def test_who_is_late_may_still_decide_while_nobody_else_has_the_case(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    case = take(desk)
    desk.clock.move(hours=3)
    assert desk.act(case.id, A, "decide", decision="benign").state == "decided"


def test_two_officers_do_not_warn_the_same_case(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    case = take(desk)
    desk.act(case.id, A, "decide", decision="minor_solicitation")
    with pytest.raises(CaseError, match="another officer has"):
        desk.act(case.id, B, "warn")
    desk.clock.move(hours=1)
    desk.act(case.id, B, "warn")
    with pytest.raises(CaseError, match="not allowed in the state 'warned'"):
        desk.act(case.id, A, "warn")


def test_released_and_skipped_cases_come_back_the_skipped_to_others_first(place: str) -> None:
    desk = opened(place, [case_of("high", risk=0.9), case_of("low", risk=0.6)])
    case = take(desk)
    assert desk.act(case.id, A, "release").state == "new"
    assert take(desk).id == case.id
    desk.act(case.id, A, "skip")
    other = take(desk)
    assert other.id != case.id
    assert take(desk, B).id == case.id
    desk.act(case.id, B, "release")
    desk.act(other.id, A, "decide", decision="benign")
    assert take(desk).id == case.id  # nothing else is left


def test_what_is_gone_before_reading_is_no_decision(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    case = desk.act(take(desk).id, A, "gone")
    assert (case.state, case.decision) == ("gone_before_reading", None)
    assert desk.next_case(A) is None


def test_undo_adds_an_event_and_brings_back_what_was(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    case = take(desk)
    desk.act(case.id, A, "decide", decision="minor_solicitation")
    desk.act(case.id, A, "warn")
    back = desk.undo(case.id, A)
    assert (back.state, back.decision, back.warned_at) == ("decided", "minor_solicitation", None)
    back = desk.undo(case.id, A)
    assert (back.state, back.decision) == ("assigned", None)
    with pytest.raises(CaseError, match="nothing to undo"):
        desk.undo(case.id, A)
    desk.act(case.id, A, "decide", decision="benign")
    events = desk.events(case.id)
    assert [x.action for x in events] == ["assign", "decide", "warn", "undo", "undo", "decide"]
    assert [x.undoes for x in events if x.undoes] == [events[2].id, events[1].id]
    assert desk.verify()[0] == 7


def test_an_undone_check_leaves_what_the_check_before_found(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    case = take(desk)
    desk.act(case.id, A, "decide", decision="minor_solicitation")
    desk.act(case.id, A, "warn")
    desk.act(case.id, A, "check", gone=False)
    desk.act(case.id, A, "check", gone=True)
    assert desk.undo(case.id, A).gone is False
    assert desk.undo(case.id, A).gone is None


def test_anothers_step_is_undone_with_a_second_person_only(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    case = take(desk)
    desk.act(case.id, A, "decide", decision="benign")
    with pytest.raises(CaseError, match="needs a second person"):
        desk.undo(case.id, B)
    assert desk.undo(case.id, B, second=C).state == "assigned"
    assert desk.events(case.id)[-1].second == C


@pytest.mark.parametrize("second", [None, A, f" {A.upper()} "])
def test_guidance_and_referral_need_another_person(place: str, second: str | None) -> None:
    desk = opened(place, [case_of("r1")])
    case = take(desk)
    message = "second person"
    with pytest.raises(CaseError, match=message):
        desk.act(case.id, A, "decide", decision="guidance", second=second)
    desk.act(case.id, A, "decide", decision="guidance", second=B, note="電話する")
    with pytest.raises(CaseError, match=message):
        desk.act(case.id, A, "refer", recipient="child_guidance", second=second)
    desk.act(case.id, A, "refer", recipient="child_guidance", second=B)
    assert desk.events(case.id)[-1].detail == {"recipient": "child_guidance"}


# Two officers, blind ------------------------------------------------------------------------------


def test_a_drawn_case_is_decided_by_two_who_do_not_see_each_other(place: str) -> None:
    desk = opened(place, [case_of("r1")], double_share=1)
    case = take(desk)
    assert take(desk, B).id == case.id
    assert desk.next_case(C) is None
    first = desk.act(case.id, A, "decide", decision="benign")
    assert (first.state, first.decision) == ("assigned", None)
    assert desk.next_case(A) is None
    with pytest.raises(CaseError, match="another officer must, blind"):
        desk.take(case.id, A)
    done = desk.act(case.id, B, "decide", decision="benign")
    assert (done.state, done.decision) == ("decided", "benign")


def test_two_who_differ_are_settled_with_a_second_person(place: str) -> None:
    desk = opened(place, [case_of("r1")], double_share=1)
    case = take(desk)
    desk.act(case.id, A, "decide", decision="minor_solicitation")
    take(desk, B)
    assert desk.act(case.id, B, "decide", decision="unclear").decision == "differ"
    assert [x.id for x in desk.unfinished()] == [case.id]
    with pytest.raises(CaseError, match="settle the decision first"):
        desk.act(case.id, A, "warn")
    with pytest.raises(CaseError, match="second person"):
        desk.act(case.id, A, "settle", decision="minor_solicitation")
    settled = desk.act(case.id, A, "settle", decision="minor_solicitation", second=B)
    assert settled.decision == "minor_solicitation"
    assert desk.act(case.id, A, "warn").state == "warned"


def test_a_blind_decision_is_undone_by_who_made_it_only(place: str) -> None:
    desk = opened(place, [case_of("r1")], double_share=1)
    case = take(desk)
    desk.act(case.id, A, "decide", decision="benign")
    with pytest.raises(CaseError, match="only who decided"):
        desk.undo(case.id, B, second=C)
    desk.undo(case.id, A)
    assert take(desk, B).id == case.id
    assert desk.next_case(C) is None
    desk.act(case.id, A, "decide", decision="unclear")
    assert desk.act(case.id, B, "decide", decision="unclear").decision == "unclear"


# Support, hold, new posts -------------------------------------------------------------------------


def test_the_support_list_is_apart_and_every_opening_is_logged(place: str) -> None:
    desk = opened(place, [case_of("r1", support=True), case_of("r2")])
    assert take(desk).posts[0].reference == "r2"
    (listed,) = desk.support_list(B)
    assert listed.posts[0].reference == "r1"
    with desk.reading() as session:
        told = session.execute(text("SELECT action, officer FROM events ORDER BY id")).all()
    assert told[-1] == ("open_support_list", B)
    desk.take(listed.id, B)
    desk.act(listed.id, B, "decide", decision="needs_support")
    assert [x.id for x in desk.support_list(B)] == [listed.id]  # until something was done
    desk.act(listed.id, B, "refer", recipient="child_guidance", second=A)
    assert desk.support_list(B) == []


def test_the_same_reference_is_never_queued_again(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    assert desk.known(["r1", "r2"]) == {"r1"}
    assert desk.add([case_of("r1")], model="m1", officer=A) == []
    assert desk.known([f"r{n}" for n in range(1200)]) == {"r1"}


def test_the_same_text_under_a_new_reference_points_to_the_earlier_case(place: str) -> None:
    desk = opened(place, [case_of("r1", "猫がキーボードの上で寝ている")])
    case = take(desk)
    desk.act(case.id, A, "decide", decision="benign")
    (again,) = desk.add([case_of("r2", "猫が キーボードの上で寝ている")], model="m1", officer=A)
    earlier = desk.case(again).earlier_id
    assert earlier == case.id
    assert desk.case(case.id).decision == "benign"


def test_open_cases_keep_their_scores_and_a_new_model_is_recorded(place: str) -> None:
    desk = opened(place, [case_of("r1", risk=0.9)])
    (new,) = desk.add([case_of("r2", risk=0.6)], model="m2", officer=A)
    assert (desk.case(1).model, desk.case(1).suggested["risk"]) == ("m1", 0.9)
    assert desk.case(new).model == "m2"
    with desk.reading() as session:
        details = session.execute(text("SELECT detail FROM events ORDER BY id")).scalars().all()
    assert "model_before" in str(details[-1]) and "model_before" not in str(details[0])


def test_hold_and_its_end_are_events(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    assert desk.hold(1, A).held
    with pytest.raises(CaseError, match="already on hold"):
        desk.hold(1, A)
    assert not desk.hold(1, A, on=False).held
    assert [x.action for x in desk.events(1)] == ["hold", "lift_hold"]


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action, how",
    [
        ("assign", {}),
        ("praise", {}),
        ("decide", {}),
        ("decide", {"decision": "differ"}),
        ("decide", {"decision": "部活おわった"}),
        ("release", {"decision": "benign"}),
        ("release", {"note": "x"}),
        ("release", {"gone": True}),
        ("check", {}),
        ("refer", {"recipient": "newspaper", "second": B}),
    ],
)
def test_what_an_action_does_not_take_is_an_error(
    tmp_path: Path, action: str, how: dict[str, str]
) -> None:
    desk = opened(str(tmp_path / "cases.db"), [case_of("r1")])
    case = take(desk)
    with pytest.raises(InputError):
        desk.act(case.id, A, action, **how)  # type: ignore[arg-type]
    assert desk.case(case.id).state == "assigned"


@pytest.mark.parametrize("officer", ["", "  ", "a\nb", "x" * 65])
def test_an_id_that_cannot_be_an_officers_is_refused(tmp_path: Path, officer: str) -> None:
    desk = opened(str(tmp_path / "cases.db"))
    with pytest.raises(InputError, match="officer's id"):
        desk.next_case(officer)


def test_a_refused_step_leaves_nothing_behind(place: str) -> None:
    desk = opened(place, [case_of("r1")])
    case = take(desk)
    before = desk.verify()
    with pytest.raises(CaseError):
        desk.act(case.id, A, "warn")
    with pytest.raises(CaseError, match="no case 99"):
        desk.take(99, A)
    assert desk.verify() == before


@pytest.mark.parametrize("missing", ["purpose", "legal_basis", "source"])
def test_a_store_says_what_it_is_for(tmp_path: Path, missing: str) -> None:
    with pytest.raises(InputError, match="says what it is for"):
        Store.create(str(tmp_path / "x.db"), **(DETAILS | {missing: " "}), retention=RETENTION)
    assert not (tmp_path / "x.db").exists()


def test_a_store_is_not_made_over_another(place: str) -> None:
    opened(place)
    with pytest.raises(InputError, match=r"exists already|there is a case store"):
        opened(place)


def test_neither_a_repr_nor_a_database_error_holds_text(place: str) -> None:
    desk = opened(place, [case_of("秘密の番号", "猫がキーボードの上で寝ている")])
    case = desk.case(1)
    shown = repr([case, case.posts, case_of("秘密の番号")])
    with pytest.raises(RiskclfError) as caught, desk.writing() as (session, _, _now):
        session.execute(
            text("INSERT INTO posts (case_id, reference, text, text_key) VALUES (1, :r, :t, 1)"),
            {"r": "秘密の番号", "t": "猫がキーボードの上で寝ている"},
        )
    assert "IntegrityError" in str(caught.value)
    for said in (shown, str(caught.value)):
        assert "秘密" not in said and "猫" not in said


def test_a_text_that_no_database_holds_is_kept_with_its_offsets(place: str) -> None:
    raw = "本\ud800を\0借りた"
    desk = opened(place, [case_of("r\udcff", raw)])
    assert desk.add([case_of("r\udcff", raw)], model="m" * 64, officer=A) == []
    (post,) = desk.case(1).posts
    assert post.text == "本\ufffdを\x01借りた"
    assert normalise(post.text).text == normalise(raw).text
    take(desk)
    desk.act(1, A, "decide", decision="unclear", note="\ud800\0")
    assert desk.verify()


@pytest.mark.parametrize("number", [0, -1, 1 << 31, 10**30])
def test_a_number_that_no_case_can_have_is_told(place: str, number: int) -> None:
    desk = opened(place, [case_of("r1")])
    with pytest.raises(CaseError, match="there is no case"):
        desk.case(number)
    with pytest.raises(CaseError, match="there is no case"):
        desk.take(number, A)
