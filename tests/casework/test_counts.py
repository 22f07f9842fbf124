"""What became of the warnings: rates, months, time to deletion; and after a purge, the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from riskclf.casework.counting import counts_by, section_of
from riskclf.casework.export import export
from riskclf.casework.facts import Facts, Warned, facts_of, months_between
from riskclf.casework.monthly import SHEETS, month_numbers, write_months
from riskclf.casework.outcomes import import_outcomes
from riskclf.casework.purge import purge
from riskclf.casework.states import Outcome
from riskclf.casework.survival import curve_of, draw, survival_section
from riskclf.language import speaking
from tests.casework.desk import Desk, case_of, opened
from tests.cli.helpers import records

A, B = "officer-a", "officer-b"
TOKYO = ZoneInfo("Asia/Tokyo")
DELETED, STILL_THERE = Outcome.DELETED, Outcome.STILL_THERE


def warn(desk: Desk, decision: str = "minor_solicitation", template: str | None = None) -> int:
    case = desk.next_case(A)
    assert case is not None
    desk.act(case.id, A, "decide", decision=decision)
    if decision != "minor_solicitation":
        desk.act(case.id, A, "secure_evidence")
    desk.act(case.id, A, "warn", template=template)
    return case.id


def of_case(outcome: Outcome | None = DELETED, **how: object) -> Warned:
    case = Warned("2026-04", "minor", "any", "example.org", "", False, outcome, 0, None, None)
    return replace(case, **how)  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Two warnings in April, none in May (no posts either), one in June (July in Tokyo)."""
    cases = [case_of(f"https://example.org/{n}", f"雨が降る {n}") for n in (1, 2)]
    desk = opened(str(tmp_path / "cases.db"), cases)
    warn(desk, template="a" * 16)
    warn(desk, "adult_solicitation")
    desk.clock.time = datetime(2026, 6, 30, 20, tzinfo=UTC)
    desk.add([case_of("https://example.org/3", "雨が降る 1")], model="m1", officer=A)
    warn(desk)
    desk.clock.move(days=10)
    rows = [
        {"reference": f"https://example.org/{n}", "outcome": outcome, "checked_at": day}
        for n, outcome, day in (
            (1, "still_there", "2026-04-02T09:00:00+00:00"),
            (1, "deleted", "2026-04-05T09:00:00+00:00"),
            (2, "still_there", "2026-04-11T09:00:00+00:00"),
        )
    ]
    assert import_outcomes(desk, rows, A, zone=TOKYO).added == 3
    return desk


def test_a_purge_changes_no_count(desk: Desk) -> None:
    before = facts_of(desk, TOKYO)
    desk.act(3, A, "check", gone=True)
    checked = facts_of(desk, TOKYO)
    assert checked != before
    desk.clock.move(days=60)
    assert purge(desk, A, B).posts == 3
    after = facts_of(desk, TOKYO)
    assert (after.warned, after.opened, after.again) == (
        checked.warned,
        checked.opened,
        checked.again,
    )


def test_months_are_those_of_the_zone_and_those_without_posts_are_listed(desk: Desk) -> None:
    rows = counts_by(facts_of(desk, TOKYO), "month")
    assert [(x.name, x.opened, x.warned) for x in rows] == [
        ("2026-04", 2, 2),
        ("2026-05", 0, 0),
        ("2026-06", 0, 0),
        ("2026-07", 1, 1),
        (None, 3, 3),
    ]
    months = facts_of(desk, ZoneInfo("UTC")).months
    assert list(months) == ["2026-04", "2026-05", "2026-06", "2026-07"]
    table = section_of(facts_of(desk, TOKYO), "month").tables[0]
    assert [row[1] for row in table.rows] == ["2", "no posts", "no posts", "1", "3"]
    with speaking("ja"):
        table = section_of(facts_of(desk, TOKYO), "month").tables[0]
        assert [row[1] for row in table.rows] == ["2", "投稿なし", "投稿なし", "1", "3"]


def test_rates_are_of_checks_with_a_result(desk: Desk) -> None:
    minor, adult, unclear, every = counts_by(facts_of(desk, TOKYO), "side")
    rate = minor.rates[DELETED]
    assert (minor.warned, minor.unchecked, rate.hits, rate.of) == (2, 1, 1, 1)
    assert (adult.rates[DELETED].value, adult.rates[STILL_THERE].value) == (0.0, 1.0)
    assert unclear.warned == 0 and unclear.rates[DELETED].value is None
    assert every.rates[DELETED].value == 0.5
    drafts = counts_by(facts_of(desk, TOKYO), "template")
    assert [(x.name, x.warned) for x in drafts] == [("", 2), ("a" * 16, 1), (None, 3)]
    table = section_of(facts_of(desk, TOKYO), "template").tables[0]
    assert [row[0] for row in table.rows] == ["not recorded", "a" * 16, "all"]


def test_cases_of_one_text_count_less_than_independent_ones() -> None:
    def rate(chains: Sequence[int]) -> float:
        cases = [of_case(DELETED if chain % 2 else STILL_THERE, chain=chain) for chain in chains]
        found = counts_by(Facts(cases, ["2026-04"], {}), "side")[0].rates[DELETED]
        return found.high - found.low

    assert rate([n // 10 for n in range(100)]) > 1.5 * rate(range(100))


def test_withdrawn_warnings_are_apart(desk: Desk) -> None:
    desk.act(3, A, "withdraw")
    every = counts_by(facts_of(desk, TOKYO), "side")[-1]
    assert (every.warned, every.withdrawn) == (2, 1)


def test_the_same_text_after_a_warning_is_counted_with_its_day(desk: Desk) -> None:
    facts = facts_of(desk, TOKYO)
    assert list(facts.again) == ["2026-07-01"]
    assert any("reference: 1 (2026-07-01: 1)" in x for x in section_of(facts, "side").lines)


def test_a_decision_that_was_changed_is_a_note(desk: Desk, tmp_path: Path) -> None:
    desk.add([case_of("r4", "傘を買った"), case_of("r5", "海へ行く")], model="m1", officer=A)
    for _ in range(2):
        case = desk.next_case(A)
        assert case is not None
        desk.act(case.id, A, "decide", decision="benign")
    assert facts_of(desk, TOKYO).changed == 0
    desk.undo(4, A)
    desk.act(4, A, "decide", decision="minor_solicitation")
    facts = facts_of(desk, TOKYO)
    assert (facts.changed, facts.before) == (1, 0)
    export(desk, tmp_path / "decided.csv", A, B)
    desk.undo(5, A)
    desk.act(5, A, "decide", decision="unclear")
    facts = facts_of(desk, TOKYO)
    assert (facts.changed, facts.before) == (2, 1)
    assert any("export again" in line for line in section_of(facts, "side").lines)
    export(desk, tmp_path / "again.csv", A, B)
    labels = [x["label"] for x in records(tmp_path / "again.csv")]
    assert labels[-2:] == ["minor_solicitation", "unclear"]


def test_a_store_without_warnings_says_so(tmp_path: Path) -> None:
    desk = opened(str(tmp_path / "cases.db"))
    facts = facts_of(desk, TOKYO)
    assert "No case was warned." in section_of(facts, "month").lines
    assert list(facts.months) == []
    (line,) = survival_section(curve_of(facts.warned)).lines
    assert line.startswith("No warned case was checked")


def test_months_go_over_the_year() -> None:
    assert months_between("2025-11", "2026-02") == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert months_between("2026-02", "2026-01") == []


# Time to deletion ---------------------------------------------------------------------------------


def test_a_deletion_is_dated_by_the_check_and_the_rest_is_censored(desk: Desk) -> None:
    one, two, three = facts_of(desk, TOKYO).warned
    assert (one.there, one.gone) == (1.0, 4.0)
    assert (two.there, two.gone) == (10.0, None)
    assert (three.there, three.gone) == (None, None)
    curve = curve_of([one, two, three])
    assert (curve.cases, curve.gone, curve.left_out, curve.repeated) == (2, 1, 1, 0)
    assert (curve.days.tolist(), curve.share.tolist()) == ([4.0], [0.5])
    assert curve.at(1) is not None and curve.at(30) is None
    assert curve.median() == 4.0


def test_a_post_that_is_seen_again_had_not_gone(desk: Desk) -> None:
    row = {"reference": "https://example.org/1", "checked_at": "2026-04-07T09:00:00+00:00"}
    import_outcomes(desk, [{**row, "outcome": "still_there"}], A, zone=TOKYO)
    assert facts_of(desk, TOKYO).warned[0].gone is None


def test_the_curve_is_that_of_kaplan_and_meier() -> None:
    gone = [1.0, 2.0, 2.0, 5.0]
    cases = [of_case(gone=day, chain=n) for n, day in enumerate(gone)]
    cases += [of_case(STILL_THERE, there=day, chain=9) for day in (1.5, 3.0, 8.0)]
    curve = curve_of(cases)
    by_hand = 1 - np.array([6 / 7, 6 / 7 * 3 / 5, 6 / 7 * 3 / 5 * 1 / 2])
    assert curve.days.tolist() == [1.0, 2.0, 5.0]
    assert curve.share == pytest.approx(by_hand)
    assert ((curve.low < curve.share) & (curve.share < curve.high)).all()
    assert curve.repeated == 3
    assert any("too narrow" in line for line in survival_section(curve).lines)


def test_where_all_are_gone_the_interval_does_not_end_there() -> None:
    curve = curve_of([of_case(gone=1.0, chain=n) for n in range(20)])
    found = curve.at(1)
    assert found is not None
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.85)


@pytest.mark.parametrize("cases", [0, 3])
def test_the_curve_is_drawn_in_japanese_without_a_missing_letter(
    cases: int, recwarn: pytest.WarningsRecorder
) -> None:
    with speaking("ja"):
        drawn = draw(curve_of([of_case(gone=n + 1.0, chain=n) for n in range(cases)]))
    assert drawn.startswith(b"\x89PNG")
    assert not [x for x in recwarn if "Glyph" in str(x.message)]


# The monthly table --------------------------------------------------------------------------------


def many(counts: Sequence[tuple[str, str, Outcome | None, int]]) -> list[Warned]:
    return [
        of_case(outcome, side=side, site=site)
        for side, site, outcome, count in counts
        for _ in range(count)
    ]


def test_small_numbers_and_what_would_give_them_away_are_not_in_the_table() -> None:
    cases = many(
        [
            ("minor", "example.org", DELETED, 40),
            ("adult", "example.org", DELETED, 30),
            ("adult", "example.org", STILL_THERE, 2),
            ("minor", "example.org", STILL_THERE, 12),
            ("unclear", "example.com", STILL_THERE, 9),
        ]
    )
    found = month_numbers(cases, 5)
    assert list(found) == list(SHEETS)
    shown = [x for rows in found.values() for row in rows.values() for x in row]
    assert not any(x is not None and 0 < x < 5 for x in shown)
    column = [found["side"][name][3] for name in ("adult", "minor", "unclear")]
    assert column[0] is None and column.count(None) > 1
    assert found["side"]["adult"].count(None) > 1 or found["side"]["adult"][-1] is None
    assert found["side"][""] == found["site"][""]
    everything = month_numbers(cases, 1)
    assert everything["side"]["adult"] == [30, 0, 0, 2, 0, 0, 32]
    assert everything["matter"] == {"any": everything["site"][""], "": everything["site"][""]}


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_workbook_has_every_month_and_heads_in_both_languages(
    desk: Desk, tmp_path: Path, lang: str
) -> None:
    from python_calamine import CalamineWorkbook

    place = tmp_path / "month.xlsx"
    with speaking(lang):
        write_months(facts_of(desk, TOKYO), place)
    book = CalamineWorkbook.from_path(str(place))
    names = {"en": ["side", "matter", "site", "about"], "ja": ["立場", "内容", "サイト", "説明"]}
    assert book.sheet_names == names[lang]
    rows = book.get_sheet_by_index(0).to_python()
    assert rows[0][0] == {"en": "month", "ja": "月"}[lang]
    assert {row[0] for row in rows[1:]} == {"2026-04", "2026-05", "2026-06", "2026-07"}
    empty = {"en": "no posts", "ja": "投稿なし"}[lang]
    assert [row[1] for row in rows if row[0] == "2026-05"] == [empty]
    hidden = {"en": "suppressed", "ja": "秘匿"}[lang]
    april = [row for row in rows if row[0] == "2026-04"]
    assert all(x in (0, hidden) for row in april for x in row[2:])


def test_a_month_of_three_hundred_cases_on_many_sites_takes_little_time() -> None:
    draw_ = np.random.default_rng(1)
    outcomes = [*Outcome, None]
    cases = [
        of_case(
            outcomes[int(draw_.choice(6, p=[0.6, 0.05, 0.15, 0.1, 0.05, 0.05]))],
            side=str(draw_.choice(["minor", "adult", "unclear"], p=[0.6, 0.3, 0.1])),
            matter=str(draw_.choice(["any", "lodging", "images"])),
            site=f"s{min(9, draw_.geometric(0.4))}.example",
        )
        for _ in range(300)
    ]
    start = datetime.now(UTC)
    found = month_numbers(cases, 5)
    assert datetime.now(UTC) - start < timedelta(seconds=60)
    shown = [x for rows in found.values() for row in rows.values() for x in row]
    assert np.mean([x is not None and x > 0 for x in shown]) > 0.2
