"""Blind decisions: what is drawn, what is hidden, and what they tell."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from riskclf.casework.agreement import Blind, agreement_of, figures_of, sections_of
from riskclf.casework.blind import is_hidden, share_of
from riskclf.casework.drafts import Templates
from riskclf.casework.export import export
from riskclf.casework.intake import DeskPost
from riskclf.casework.purge import purge
from riskclf.casework.schema import Case, Event
from riskclf.casework.states import Decision
from riskclf.casework.triage import Because, NewCase, triage
from riskclf.labels import LABELS, Prediction
from riskclf.language import speaking
from tests.casework.desk import Desk, case_of, opened
from tests.casework.model import fake, rows
from tests.cli.helpers import records

A, B, C = "officer-a", "officer-b", "officer-c"
WORDS = ["雨", "雪", "海", "山", "川", "空", "花", "鳥", "風", "月"]


def texts(count: int, risk: int, start: int = 0) -> list[str]:
    """Texts that are not near-duplicates of each other."""
    draw = random.Random(start)
    return ["".join(draw.sample(WORDS, 8)) + f"。{start + n} %{risk:02}" for n in range(count)]


def new_case(number: int, decision: str, *, drawn: float | None = None, size: int = 1) -> NewCase:
    risk = {"flag": 0.9, "review": 0.6, "clear": 0.1}[decision]
    scores = dict(zip(LABELS, (risk, 0.0, 1 - risk), strict=True))
    found = Prediction(LABELS[0], scores, risk, decision, False, LABELS[0])  # type: ignore[arg-type]
    posts = [DeskPost(n, f"雨が降る {number}", f"r{number}-{n}") for n in range(size)]
    priority = {"flag": 2, "review": 1, "clear": 0}[decision] + risk
    return NewCase(posts, found, Because.RISK, priority, drawn=drawn)


def decide(desk: Desk, case: int, first: str, second: str | None = None) -> None:
    for officer, decision in ((A, first), (B, second or first)):
        desk.take(case, officer)
        desk.act(case, officer, "decide", decision=decision)


# What is drawn ------------------------------------------------------------------------------------


def test_posts_that_would_not_be_listed_are_drawn_with_a_known_probability(tmp_path: Path) -> None:
    data = rows(*texts(15, 90), *texts(10, 60, 100), *texts(75, 5, 200))
    found = triage(data, fake(tmp_path), 30, for_store=True, drawn_share=0.1)
    assert (len(found.cases), len(found.drawn)) == (27, 3)
    assert dict(found.rest) == {"clear": 73}
    for case in found.drawn:
        assert case.drawn == pytest.approx(3 / 73)
        assert case.because == "drawn" and case.explanation is not None
        assert 1 <= case.priority < 2  # after all that are flagged, and before the end
    listed = {post.reference for case in found.cases for post in case.posts}
    assert listed.isdisjoint(case.posts[0].reference for case in found.drawn)
    assert any("3" in note and "73" in note for note in found.notes)


def test_every_post_that_is_not_listed_can_be_drawn(tmp_path: Path) -> None:
    data = rows(*texts(10, 90), *texts(4, 5, 200))
    drawn = set()
    for _ in range(60):
        found = triage(data, fake(tmp_path), 12, for_store=True, drawn_share=0.1)
        drawn |= {case.posts[0].reference for case in found.drawn}
    assert drawn == {f"r{n}" for n in range(11, 15)} - {"r11"}  # r11 is listed


def test_a_flagged_post_never_gives_its_place_to_a_drawn_one(tmp_path: Path) -> None:
    data = rows(*texts(19, 90), *texts(30, 5, 200))
    found = triage(data, fake(tmp_path), 20, for_store=True, drawn_share=0.5)
    assert (len(found.cases), len(found.drawn)) == (19, 1)
    found = triage(
        rows(*texts(25, 90), "海 %05"), fake(tmp_path), 20, for_store=True, drawn_share=1
    )
    assert (len(found.cases), len(found.drawn)) == (20, 0)
    assert "No post was drawn from the 6" in found.notes[-1]


def test_nothing_is_drawn_where_all_posts_are_listed_or_none_is_wanted(tmp_path: Path) -> None:
    data = rows(*texts(5, 90), *texts(5, 5, 200))
    for capacity, share in ((10, 0.5), (5, 0.0)):
        found = triage(data, fake(tmp_path), capacity, for_store=True, drawn_share=share)
        assert len(found.cases) == capacity and not found.drawn


def test_the_store_keeps_the_probability_and_what_the_draw_stands_for(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), double_share=0.25)
    data = rows(*texts(10, 90), *texts(30, 5, 200), "助けて %90")
    found = triage(
        data, fake(tmp_path, support=True), 12, for_store=True, drawn_share=share_of(desk)
    )
    found.open_in(desk, model="m1", officer=A)
    with desk.reading() as session:
        cases = session.query(Case).all()
        told = session.query(Event).filter_by(action="open_cases").one().detail
    assert told["rest"] == {"clear": 30} and told["listed"] == {"flag": 10}
    assert (told["drawn"], told["share"]) == (2, 0.25)
    assert sum(x.drawn == pytest.approx(2 / 30) for x in cases) == 2
    for case in cases:
        assert case.double == (case.drawn is not None)
        assert not (case.support and case.double)
        assert case.drawn in (None, 0.25, pytest.approx(2 / 30))


def test_the_number_of_a_case_does_not_tell_its_rank(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), double_share=0.1)
    cases = [new_case(n, "flag") for n in range(20)]
    desk.add(cases, model="m1", officer=A)
    references = [desk.case(n).posts[0].reference for n in range(1, 21)]
    assert references != [f"r{n}-0" for n in range(20)] and len(set(references)) == 20


def test_a_drawn_case_at_clear_is_read_before_the_others_at_clear(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), double_share=1)
    desk.add([new_case(1, "clear"), new_case(2, "flag")], model="m1", officer=A)
    clear = next(desk.case(n) for n in (1, 2) if desk.case(n).suggested["decision"] == "clear")
    flag = desk.case(3 - clear.id)
    assert flag.priority == 2.9 and 1 <= clear.priority < 2


# What is hidden -----------------------------------------------------------------------------------


def test_the_model_is_hidden_until_both_have_decided_and_a_difference_is_settled(
    tmp_path: Path,
) -> None:
    desk = opened(str(tmp_path / "cases.db"), [case_of("r1"), case_of("r2")], double_share=1)
    for case, second in ((1, "unclear"), (2, "benign")):
        assert is_hidden(desk.case(case))
        offer = Templates.read().offer(desk.case(case), "en")
        assert not offer.drafts and "No draft yet" in str(offer.reason)
        desk.take(case, A)
        assert is_hidden(desk.act(case, A, "decide", decision="benign"))
        desk.take(case, B)
        assert is_hidden(desk.act(case, B, "decide", decision=second)) == (case == 1)
    assert not is_hidden(desk.act(1, A, "settle", decision="unclear", second=C))
    assert Templates.read().offer(desk.case(1), "en").drafts


def test_a_case_of_the_support_list_is_never_hidden(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), [case_of("r1", support=True)], double_share=1)
    assert not is_hidden(desk.case(1))


# What it tells ------------------------------------------------------------------------------------


def opened_runs(place: str, flags: Sequence[bool], clears: Sequence[bool], rest: int) -> Desk:
    """A store where all listed cases and some clear posts of the rest were decided blind."""
    desk = opened(place, double_share=1)
    listed = [new_case(n, "flag") for n in range(len(flags))]
    drawn = [new_case(100 + n, "clear", drawn=len(clears) / rest) for n in range(len(clears))]
    desk.add([*listed, *drawn], model="m1", officer=A, rest={"clear": rest})
    truth = {f"r{n}-0": risky for n, risky in enumerate(flags)}
    truth |= {f"r{100 + n}-0": risky for n, risky in enumerate(clears)}
    for number in range(1, len(truth) + 1):
        risky = truth[desk.case(number).posts[0].reference]
        decide(desk, number, "minor_solicitation" if risky else "benign")
    return desk


def test_drawn_posts_stand_for_all_that_were_not_listed(place: str) -> None:
    desk = opened_runs(place, [True] * 6 + [False] * 2, [True] + [False] * 9, 100)
    found = agreement_of(desk)
    assert (found.posts, found.decided, found.labelled) == (
        {"clear": 100, "review": 0, "flag": 8},
        18,
        18,
    )
    assert found.precision["flag"].value == pytest.approx(6 / 8)
    assert found.recall["flag"].value == pytest.approx(6 / 16)
    assert found.share.value == pytest.approx(16 / 108)
    purge(desk, A, B, before=desk.clock.time.replace(year=2030))
    assert agreement_of(desk) == found


def test_no_risky_post_among_the_drawn_ones_does_not_mean_that_there_is_none(
    tmp_path: Path,
) -> None:
    found = agreement_of(opened_runs(str(tmp_path / "cases.db"), [True] * 10, [False] * 10, 1000))
    recall = found.recall["flag"]
    assert recall.value == 1.0 and recall.low is not None and recall.low < 0.1


@pytest.mark.filterwarnings("error")
def test_what_is_missing_is_told(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), double_share=1)
    assert agreement_of(desk).recall["flag"].high is None
    desk.add([new_case(1, "flag"), new_case(2, "review")], model="m1", officer=A)
    found = agreement_of(desk)
    assert (found.drawn, found.decided, found.share.value, found.kappa.value) == (2, 0, None, None)
    decide(desk, next(n for n in (1, 2) if desk.case(n).suggested["decision"] == "flag"), "benign")
    found = agreement_of(desk)
    assert found.precision["flag"].value == 0.0
    assert found.precision["shown"].value is None and found.recall["flag"].value is None
    desk.add([new_case(3, "flag")], model="m1", officer=A, rest={"clear": 50})
    assert agreement_of(desk).uncovered == 50
    desk.add([new_case(4, "flag")], model="m2", officer=A)
    found = agreement_of(desk)
    assert (found.drawn, found.other_models, found.pairs) == (1, 3, 1)
    said = [line for section in sections_of(found) for line in section.lines]
    assert any("Of another model" in line for line in said)


def test_posts_of_a_case_and_a_decision_that_is_no_label(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), double_share=1)
    desk.add([new_case(1, "flag", size=3)], model="m1", officer=A)
    desk.add([new_case(2, "flag")], model="m1", officer=A)
    desk.add([new_case(3, "flag")], model="m1", officer=A)
    decide(desk, 1, "adult_solicitation")
    decide(desk, 2, "benign")
    decide(desk, 3, "cannot_tell")
    found = agreement_of(desk)
    assert (found.posts["flag"], found.decided, found.labelled) == (5, 3, 2)
    assert found.precision["flag"].value == pytest.approx(3 / 4)


def test_a_decision_changed_in_view_of_the_model_does_not_count(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), [new_case(1, "flag")], double_share=1)
    decide(desk, 1, "benign")
    desk.undo(1, B)
    desk.act(1, B, "decide", decision="minor_solicitation")
    desk.act(1, A, "settle", decision="minor_solicitation", second=C)
    found = agreement_of(desk)
    assert found.precision["flag"].value == 0.0
    assert (found.changed, found.agreed.value) == (1, 1.0)


def test_a_decision_undone_before_the_second_is_blind_still(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"), [new_case(1, "flag")], double_share=1)
    desk.take(1, A)
    desk.act(1, A, "decide", decision="benign")
    desk.undo(1, A)
    desk.act(1, A, "decide", decision="unclear")
    desk.take(1, B)
    desk.act(1, B, "decide", decision="unclear")
    found = agreement_of(desk)
    assert (found.precision["flag"].value, found.agreed.value, found.changed) == (1.0, 1.0, 0)


def test_kappa_is_that_of_cohen_and_its_interval_holds_it(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    choices = ["minor_solicitation", "adult_solicitation", "benign"]
    first = draw.choice(choices, 40).tolist()
    second = [x if draw.random() < 0.7 else str(draw.choice(choices)) for x in first]
    desk = opened(str(tmp_path / "cases.db"), double_share=1)
    desk.add([new_case(n, "flag") for n in range(40)], model="m1", officer=A)
    for number, (one, other) in enumerate(zip(first, second, strict=True), start=1):
        decide(desk, number, one, other)
    kappa = agreement_of(desk).kappa
    assert kappa.value == pytest.approx(cohen_kappa_score(first, second))
    assert kappa.low is not None and kappa.high is not None and kappa.value is not None
    assert 0.05 < kappa.value - kappa.low < 0.4 and kappa.value < kappa.high <= 1


def test_officers_who_never_differed_may_still_differ(tmp_path: Path) -> None:
    kappa = agreement_of(
        opened_runs(str(tmp_path / "cases.db"), [True, True, False, True], [False], 5)
    ).kappa
    assert kappa.value == 1.0 and kappa.high == 1.0
    assert kappa.low is not None and kappa.low < 0.5


def test_what_is_drawn_is_exported_by_itself_with_its_weight(tmp_path: Path) -> None:
    desk = opened_runs(str(tmp_path / "cases.db"), [True, False], [False, False], 10)
    desk_all = tmp_path / "all.csv"
    assert export(desk, desk_all, A, B) == 0  # all of them were drawn
    assert export(desk, tmp_path / "drawn.csv", A, B, drawn=True) == 4
    found = records(tmp_path / "drawn.csv")
    assert sorted(float(x["weight"]) for x in found) == [1.0, 1.0, 5.0, 5.0]
    assert {x["label"] for x in found} == {"minor_solicitation", "benign"}


def test_it_is_told_in_japanese(tmp_path: Path) -> None:
    with speaking("ja"):
        sections = sections_of(
            agreement_of(opened_runs(str(tmp_path / "cases.db"), [True], [False], 5))
        )
    said = "".join(line for section in sections for line in section.lines)
    assert "適合率" in said and "再現率" in said and "カッパ" in said


def test_the_intervals_hold_the_truth() -> None:
    """Of 60 months with 20,800 posts, of which 400 are drawn; in most of them none is missed."""
    sizes = {"clear": 20_000, "review": 400, "flag": 400}
    rates = {"clear": 0.0005, "review": 0.1, "flag": 0.5}
    drawn = {"clear": 320, "review": 40, "flag": 40}
    draw = np.random.default_rng(5)
    held = {"precision": 0, "recall": 0, "share": 0}
    for _ in range(60):
        cases: list[Blind] = []
        risky: dict[str, int] = {}
        for name, size in sizes.items():
            posts = draw.random(size) < rates[name]
            risky[name] = int(posts.sum())
            for is_risky in draw.choice(posts, drawn[name], replace=False).tolist():
                told = {"decision": name}
                case = Case(id=len(cases), suggested=told, size=1, drawn=drawn[name] / size)
                settled = Decision.MINOR if is_risky else Decision.BENIGN
                cases.append(Blind(case, settled, settled, settled, case.id))
        share, precision, recall = figures_of(sizes, cases)
        shown, total = risky["flag"] + risky["review"], sum(risky.values())
        for name, found, truth in (
            ("precision", precision["shown"], shown / 800),
            ("recall", recall["shown"], shown / total),
            ("share", share, total / 20_800),
        ):
            assert found.low is not None and found.high is not None
            held[name] += found.low <= truth <= found.high
    assert min(held.values()) >= 52
