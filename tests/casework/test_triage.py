"""Which posts are shown, in which order, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from riskclf.casework.intake import DeskColumns
from riskclf.casework.triage import Because, Triage, triage
from riskclf.errors import InputError
from riskclf.language import speaking
from tests.casework.desk import opened
from tests.casework.model import fake, rows
from tests.cli.helpers import records, with_model

EXAMPLES = Path(__file__).parents[2] / "riskclf" / "example_posts.csv"


def references(found: Triage) -> list[list[str | None]]:
    return [[post.reference for post in case.posts] for case in found.cases]


def test_the_riskiest_come_first_and_no_more_than_the_capacity(tmp_path: Path) -> None:
    data = rows("雨 %10", "海 %90", "山 %60", "川 %95", "空 %20")
    assert references(triage(data, fake(tmp_path), 3)) == [["r4"], ["r2"], ["r3"]]
    assert len(triage(data, fake(tmp_path), 99).cases) == 5


def test_what_could_not_be_read_comes_before_what_is_clear(tmp_path: Path) -> None:
    data = rows("雨 %40", "? %01", "山 %55")
    assert references(triage(data, fake(tmp_path), 3)) == [["r3"], ["r2"], ["r1"]]


def test_near_duplicates_are_one_case_and_other_numbers_or_labels_are_not(tmp_path: Path) -> None:
    data = rows(
        "駅前で写真を撮る人を探しています %90 一人目",
        "駅前で写真を撮る人を探しています %90 二人目",
        "駅前で写真を撮る人を探しています %91 一人目",
        "駅前で写真を撮る人を探しています %90 adult 一人",
    )
    assert references(triage(data, fake(tmp_path), 5)) == [["r3"], ["r1", "r2"], ["r4"]]


def test_many_copies_do_not_use_up_the_capacity(tmp_path: Path) -> None:
    copies = ["傘を買いました %90"] * 50
    data = rows(*copies, "山へ行きます %70", "川で泳ぎます %60")
    found = triage(data, fake(tmp_path), 3)
    assert [len(case.posts) for case in found.cases] == [50, 1, 1]


@pytest.mark.parametrize("context", ["山で会える人 %90", "r1"])
def test_a_short_reply_to_a_shown_post_is_shown_after_it(tmp_path: Path, context: str) -> None:
    data = rows(
        "山で会える人 %90",
        "海の話 %70",
        "来る？",
        "来る？",
        "晴れたので洗濯をして、布団を干して、それから買い物に行ってきました。",
        context=[None, None, context, "よい天気 %10", context],
    )
    columns = DeskColumns(context="context")
    found = triage(data, fake(tmp_path), 3, columns=columns)
    assert references(found) == [["r1"], ["r3"], ["r2"]]
    assert found.cases[1].posts[0].context == "山で会える人 %90"
    assert (found.cases[1].because, found.cases[1].prediction.decision) == ("reply", "clear")


def test_a_flood_of_replies_does_not_use_up_the_capacity(tmp_path: Path) -> None:
    replies = [f"返事 {n}番" for n in range(30)]
    data = rows(*replies, "海の話 %70", context=["山で会える人 %90"] * 30 + [None])
    found = triage(data, fake(tmp_path), 20, columns=DeskColumns(context="context"))
    assert [case.because for case in found.cases].count(Because.REPLY) == 10
    assert "Not shown: 20 more short replies to posts that are shown." in found.notes


def test_a_file_names_no_author_and_no_support(tmp_path: Path) -> None:
    data = rows("助けて %90", "海 %85", author=["someone", "somebody"])
    place = tmp_path / "list.csv"
    triage(data, fake(tmp_path, support=True), 5).save(place)
    content = place.read_text(encoding="utf-8")
    assert "some" not in content and "support" not in content
    header, first, *_ = content.splitlines()
    assert header.startswith("case,row,reference,posted_at,text,because,side,label,decision,risk,")
    assert first.startswith("1,1,r1,,助けて %90,risk,minor_solicitation,")


def test_for_a_store_the_support_list_is_apart_and_takes_no_capacity(tmp_path: Path) -> None:
    data = rows("助けて %90", "海 %85", "山 %81", "助けて")
    classifier = fake(tmp_path, support=True)
    found = triage(data, classifier, 1, for_store=True)
    assert references(found) == [["r2"]]
    assert [case.posts[0].reference for case in found.support] == ["r1", "r4"]
    flagged = found.support[0].prediction  # as without the head
    assert (flagged.label, flagged.decision) == ("minor_solicitation", "flag")


def test_without_a_support_head_it_says_so(tmp_path: Path) -> None:
    found = triage(rows("海 %85"), fake(tmp_path), 1, for_store=True)
    assert found.notes == ["The model has no support head: there is no support list."]


def test_what_the_store_holds_is_neither_scored_nor_shown(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"))
    classifier = fake(tmp_path)
    first = triage(rows("海 %85", "山 %82"), classifier, 1, known=desk.known, for_store=True)
    desk.add(first.cases, model="m1", officer="a")
    classifier = fake(tmp_path)
    again = triage(rows("海 %85", "山 %82"), classifier, 5, known=desk.known, for_store=True)
    assert references(again) == [["r2"]]
    assert classifier.scored == ["山 %82"]  # type: ignore[attr-defined]
    assert again.notes[0] == "Already in the store, and not shown again: 1 posts."


def test_a_row_that_repeats_a_reference_is_left_out(tmp_path: Path) -> None:
    data = [*rows("海 %85"), *rows("海 %85")]
    found = triage(data, fake(tmp_path), 5)
    assert references(found) == [["r1"]]
    assert found.notes == ["Left out, because an earlier row has the same reference: 1 rows."]


def test_a_row_without_reference_is_rejected_for_a_store_only(tmp_path: Path) -> None:
    data: list[dict[str, Any]] = [*rows("海 %85"), {"text": "山 %82", "reference": None}]
    found = triage(data, fake(tmp_path), 5, for_store=True)
    assert [(x.number, x.column, x.reason) for x in found.rejects] == [
        (2, "reference", "it is missing")
    ]
    assert len(triage(data, fake(tmp_path), 5).cases) == 2
    with pytest.raises(InputError, match="--reference-column"):
        triage([{"text": "海"}], fake(tmp_path), 5, for_store=True)


def test_times_are_read_with_their_zone_and_a_bad_one_loses_no_post(tmp_path: Path) -> None:
    times = ["2026-01-31T18:00:00+09:00", "yesterday", None]
    found = triage(rows("海 %90", "山 %80", "川 %70", posted_at=times), fake(tmp_path), 5)
    at = [case.posts[0].posted_at for case in found.cases]
    assert at[0] is not None and at[0].isoformat() == "2026-01-31T09:00:00+00:00"
    assert at[1:] == [None, None]
    assert found.notes == [
        "The time of 1 posts cannot be read. Write it like 2026-01-31T18:00:00+09:00."
    ]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "xlsx"])
def test_every_format_holds_the_same_rows(tmp_path: Path, suffix: str) -> None:
    place = tmp_path / f"list.{suffix}"
    triage(rows("海 %90", "海 %90", "山 %85"), fake(tmp_path), 5).save(place)
    found = records(place)
    assert [(int(x["case"]), x["reference"], x["because"]) for x in found] == [
        (1, "r1", "risk"),
        (1, "r2", "near_duplicate"),
        (2, "r3", "risk"),
    ]


def test_a_list_says_why_a_post_is_on_it_in_words_and_offsets(tmp_path: Path) -> None:
    place = tmp_path / "list.jsonl"
    data = rows("海 %90", "海 %90", "山 %10")
    with speaking("ja"):
        triage(data, fake(tmp_path), 5).save(place)
    found = records(place)
    assert [x["aspects"] for x in found] == ["対面・同伴", "対面・同伴", ""]
    assert json.loads(found[0]["spans"]) == [
        {"start": 0, "end": 1, "for_risk": True, "strength": "strong", "question": ""}
    ]


def test_only_what_is_listed_is_explained_and_for_a_store_one_post_a_case(tmp_path: Path) -> None:
    data = rows("海 %90", "海 %90", "山 %85", "川 %80", "助けて %70")
    model = fake(tmp_path, support=True)
    assert [len(x) for x in triage(data, model, 2).explanations] == [2, 1]
    found = triage(data, model, 2, for_store=True)
    assert [len(x) for x in found.explanations] == [1, 1]
    desk = opened(str(tmp_path / "cases.db"))
    desk.add([*found.cases, *found.support], model="m", officer="a")
    first, _, last = (desk.case(n).suggested for n in (1, 2, 3))
    assert first["aspects"][0]["answers"] == ["company"] and first["window"] == [0, 5]
    assert "scenarios" not in first and "spans" not in last


def test_a_capacity_of_no_post_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 or more"):
        triage(rows("海"), fake(tmp_path), 0)


def test_only_with_a_prevalence_it_says_what_to_expect(tmp_path: Path) -> None:
    data = rows("海 %90", "山 %80", "川 %10")
    assert triage(data, fake(tmp_path), 2).expected is None
    expected = triage(data, fake(tmp_path), 2, prevalence=0.5).expected
    assert expected is not None
    assert (expected.cases, expected.hidden) == (2, 1)
    assert expected.right.value == pytest.approx(1.7)


@with_model
def test_the_packaged_model_shows_the_four_risky_examples_first() -> None:
    from riskclf import RiskClassifier

    classifier = RiskClassifier.load(device="cpu", prevalence=0.3)
    columns = DeskColumns(reference="id")
    found = triage(EXAMPLES, classifier, 4, columns=columns, prevalence=0.3)
    assert {case.posts[0].reference for case in found.cases} == {"1", "2", "3", "4"}
    assert found.expected is not None and (found.expected.right.value or 0) > 3
    store = triage(EXAMPLES, classifier, 12, columns=columns, for_store=True)
    listed = {case.posts[0].reference for case in store.support}
    assert len(listed) < 5 and listed.isdisjoint(x for case in references(store) for x in case)
