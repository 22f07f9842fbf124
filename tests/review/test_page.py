"""What an officer can do at the page, asked for as its buttons ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from riskclf.casework import Decision, State, Store
from riskclf.casework.schema import Case
from riskclf.casework.triage import NewCase
from riskclf.classifier import RiskClassifier
from riskclf.review.desk import Limits
from tests.review.helpers import (
    OFFICER,
    Running,
    Walltime,
    new_case,
    new_store,
    own_drafts,
    running,
)

TEXT = "猫がキーボードの上で寝ている"
HOSTILE = (
    "<script>alert(1)</script> & <img src=x onerror=alert(2)> \"'</blockquote> "
    "Does anybody know when the library opens?"
)


@contextmanager
def page_of(
    classifier: RiskClassifier, place: Path, *cases: NewCase, **how: Any
) -> Iterator[tuple[Running, Store]]:
    """A page that was entered, over a store with these cases; the drafts are an agency's own."""
    store = new_store(place / "cases.db", cases, model=classifier.fingerprint, clock=Walltime())
    with running(store, classifier, templates=own_drafts(place / "drafts.toml"), **how) as page:
        page.enter()
        yield page, store


def main(page: Running, path: str, **body: Any) -> str:
    """What the main part shows after a step."""
    answer = page.post(path, body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["main"])


def refused(page: Running, path: str, **body: Any) -> str:
    answer = page.post(path, body)
    assert answer.status_code == 409, answer.text
    return str(answer.json()["error"])


class _Words(HTMLParser):
    """The text of an HTML fragment, and the tags in it."""

    def __init__(self, html: str, of: str = "") -> None:
        super().__init__()
        self.text, self.tags = "", list[str]()
        self._of, self._inside = of, not of
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self._inside = self._inside or dict(attrs).get("id") == self._of

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and not (self._of and tag == "blockquote")

    def handle_data(self, data: str) -> None:
        self.text += data if self._inside else ""


def decide(page: Running, case: int, decision: str, **further: Any) -> str:
    main(page, "/api/open", case=case)
    return main(page, "/api/act", case=case, action="decide", decision=decision, **further)


def test_a_hostile_post_is_shown_as_text(classifier: RiskClassifier, tmp_path: Path) -> None:
    case = new_case(classifier, HOSTILE, HOSTILE, HOSTILE, context=HOSTILE)
    with page_of(classifier, tmp_path, case) as (page, _store):
        main(page, "/api/next")
        html = main(page, "/api/open", case=1)
        whole = page.client.get("/").text
    for shown in (html, whole):
        assert "script>alert" not in shown and "<img" not in shown
    assert _Words(html, "post").text == HOSTILE
    assert "mark" in _Words(html).tags  # cut into evidence, and whole again
    assert {"script", "img"}.isdisjoint(_Words(html).tags)


def test_a_text_is_closed_until_it_is_opened(classifier: RiskClassifier, tmp_path: Path) -> None:
    case = new_case(classifier, "r1", TEXT, f"{TEXT}。", context="電車が遅れています")
    with page_of(classifier, tmp_path, case) as (page, _store):
        closed = main(page, "/api/next")
        assert "寝" not in closed + page.client.get("/").text and "遅" not in closed
        assert "2 posts say the same" in closed
        assert "open the text" in refused(
            page, "/api/act", case=1, action="decide", decision="benign"
        )
        opened = main(page, "/api/open", case=1)
        words = _Words(opened).text
        assert TEXT in words and f"{TEXT}。" in words and "遅れて" in words
        assert "寝" not in main(page, "/api/open", case=1)


def test_probabilities_are_words_and_numbers_are_folded(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    with page_of(classifier, tmp_path, new_case(classifier, "r1", TEXT)) as (page, _store):
        html = main(page, "/api/next")
        shown, folded = html.split("Show numbers")[0], html.split("Show numbers")[1]
        assert "%" not in shown and "%" in folded.split("</details>")[0]
        page.post("/api/language", {"language": "ja"})
        whole = page.client.get("/").text
        assert '<html lang="ja"' in whole
        assert any(f"リスク：{word}" in whole for word in "高中低")


def test_the_support_list_is_apart_and_every_opening_is_logged(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    cases = [new_case(classifier, f"r{n}", TEXT, support=n == 1) for n in (1, 2)]
    with page_of(classifier, tmp_path, *cases) as (page, store):

        def openings() -> int:
            with store.reading() as session:
                from riskclf.casework.schema import Event

                return session.query(Event).filter_by(action="open_support_list").count()

        assert "Not read: 1" in page.client.get("/").text
        assert "Case 2" in main(page, "/api/next")
        assert openings() == 0
        listed = main(page, "/api/support")
        assert openings() == 1
        assert "Case 1" in listed and "3 h ago" in listed and "寝" not in listed
        assert "not at hand" in refused(page, "/api/open", case=1)
        main(page, "/api/take", case=1)
        for decision in ("minor_solicitation", "needs_support"):
            shown = decide(page, 1, decision)
            assert "drafts" not in shown and "ばつではありません" not in shown
            page.post("/api/undo")
        assert "(juvenile_line)" in page.client.get("/").text.split('id="instructions"')[1]


def test_an_adults_post_is_warned_only_after_its_evidence_is_secured(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    with page_of(classifier, tmp_path, new_case(classifier, "r1", TEXT)) as (page, store):
        main(page, "/api/next")
        shown = decide(page, 1, "adult_solicitation")
        assert "data-copy-draft" not in shown and "同意があっても犯罪" in shown
        assert "evidence" in refused(page, "/api/act", case=1, action="warn", next=True)
        shown = main(page, "/api/act", case=1, action="secure_evidence")
        assert "data-copy-draft" in shown
        main(page, "/api/act", case=1, action="warn", next=True)
        assert store.case(1).state is State.WARNED


def test_a_sample_draft_cannot_be_copied(classifier: RiskClassifier, tmp_path: Path) -> None:
    store = new_store(
        tmp_path / "cases.db", [new_case(classifier, "r1", TEXT)], model=classifier.fingerprint
    )
    with running(store, classifier) as page:
        page.enter()
        main(page, "/api/next")
        shown = decide(page, 1, "minor_solicitation")
        assert "【見本】" in shown and "cannot be copied" in shown
        radios = shown.split('type="radio"')[1:]
        assert radios and all("disabled" in radio.split(">")[0] for radio in radios)


def test_drafts_are_there_in_each_language_of_the_agency(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    with page_of(classifier, tmp_path, new_case(classifier, "r1", TEXT)) as (page, _store):
        main(page, "/api/next")
        # The English page offers a draft in the language of the post.
        assert "ばつではありません" in decide(page, 1, "minor_solicitation")
        shown = main(page, "/api/drafts", case=1, language="en")
        assert "This is no punishment" in shown and "ばつではありません" not in shown


def test_guidance_needs_a_second_person_and_keeps_the_note(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    with page_of(classifier, tmp_path, new_case(classifier, "r1", TEXT)) as (page, store):
        main(page, "/api/next")
        main(page, "/api/open", case=1)
        how = {"case": 1, "action": "decide", "decision": "guidance", "note": "a call"}
        assert "second person" in refused(page, "/api/act", **how, second="")
        assert "another" in refused(page, "/api/act", **how, second=OFFICER)
        main(page, "/api/act", **how, second="chief-1")
        assert store.case(1).decision is Decision.GUIDANCE
        assert store.events(1)[-1].second == "chief-1"


def test_the_last_step_of_today_is_undone(classifier: RiskClassifier, tmp_path: Path) -> None:
    cases = [new_case(classifier, f"r{n}", TEXT, priority=9 - n) for n in (1, 2)]
    with page_of(classifier, tmp_path, *cases) as (page, store):
        assert "no step" in refused(page, "/api/undo")
        main(page, "/api/next")
        assert "Case 2" in decide(page, 1, "benign")
        assert "Case 1" in main(page, "/api/undo")
        assert store.case(1).decision is None
        assert "no step" in refused(page, "/api/undo")


def test_a_step_taken_elsewhere_is_not_undone_by_a_key(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    with page_of(classifier, tmp_path, new_case(classifier, "r1", TEXT)) as (page, store):
        store.take(1, OFFICER)
        store.act(1, OFFICER, "decide", decision="minor_solicitation")
        store.act(1, OFFICER, "warn")
        assert "case 1: open that one" in refused(page, "/api/undo")
        main(page, "/api/take", case=1)
        main(page, "/api/undo")
        assert store.case(1).warned_at is None


def test_a_flagged_post_is_a_high_risk_at_any_prevalence(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    case = new_case(classifier, "r1", TEXT)
    rare = replace(case, prediction=replace(case.prediction, decision="flag", risk=0.2))
    with page_of(classifier, tmp_path, rare) as (page, _store):
        assert "risk: high" in main(page, "/api/next")


def test_an_earlier_decision_on_the_same_text_is_shown(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    with page_of(classifier, tmp_path, new_case(classifier, "r1", TEXT)) as (page, store):
        main(page, "/api/next")
        decide(page, 1, "benign")
        store.add([new_case(classifier, "r2", TEXT)], model="m", officer="chief")
        shown = main(page, "/api/next")
        assert "posted before" in shown and "Case 1: Benign" in shown


def test_checks_due_and_further_steps_are_lists(classifier: RiskClassifier, tmp_path: Path) -> None:
    cases = [new_case(classifier, f"r{n}", TEXT, priority=9 - n) for n in (1, 2)]
    with page_of(classifier, tmp_path, *cases) as (page, store):
        main(page, "/api/next")
        decide(page, 1, "minor_solicitation")
        main(page, "/api/act", case=1, action="warn", next=True)
        decide(page, 2, "adult_solicitation")
        checks, further = main(page, "/api/lists").split("Further steps")
        assert "Case 1" not in checks and "Case 2" in further
        assert isinstance(store._clock, Walltime)
        store._clock.ahead += timedelta(days=2)
        checks, further = main(page, "/api/lists").split("Further steps")
        assert "Case 1" in checks and "r1" in checks and "寝" not in checks + further
        main(page, "/api/take", case=1)
        main(page, "/api/act", case=1, action="check", gone=True)
        assert store.case(1).gone is True


def test_a_referral_and_a_hold(classifier: RiskClassifier, tmp_path: Path) -> None:
    with page_of(classifier, tmp_path, new_case(classifier, "r1", TEXT)) as (page, store):
        main(page, "/api/next")
        shown = decide(page, 1, "adult_solicitation")
        assert 'value="investigators"' in shown and 'value="platform"' not in shown
        assert "on hold" in main(page, "/api/hold", case=1, on=True)
        step = {"case": 1, "action": "refer", "recipient": "investigators"}
        assert "second person" in refused(page, "/api/act", **step, second="")
        main(page, "/api/act", **step, second="chief-1")
        assert store.case(1).state is State.REFERRED and store.case(1).held


def test_it_proposes_to_stop_and_to_take_a_break(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    seconds = [0.0]
    cases = [new_case(classifier, f"r{n}", TEXT, priority=9 - n) for n in range(1, 5)]
    how = {"limits": Limits(cases=2, minutes=50), "clock": lambda: seconds[0]}
    with page_of(classifier, tmp_path, *cases, **how) as (page, _store):
        for _ in range(6):  # nine minutes of work each
            seconds[0] += 9 * 60
            shown = main(page, "/api/next")
        assert "Take a break" in shown and "Case" not in shown
        seconds[0] += 10 * 60
        assert "Case 1" in main(page, "/api/next")
        assert "Case 2" in decide(page, 1, "benign")
        assert "Read by you today: 1." in page.client.get("/").text
        assert "2 cases today" in decide(page, 2, "benign")
        assert "2 cases today" in main(page, "/api/next")
        assert "Case 3" in main(page, "/api/next", on=True)
        assert "3 cases today" in decide(page, 3, "benign")


def test_rows_from_excel_become_cases(classifier: RiskClassifier, tmp_path: Path) -> None:
    with page_of(classifier, tmp_path) as (page, store):
        pasted = f'r1\t{TEXT}\nr2\t"電車が遅れています。\n次の便は10時25分です"\n\t部活おわった〜\n'
        shown = main(page, "/api/paste", text=pasted)
        assert {*store.case(1).suggested["thresholds"]} == {"flag", "review"}
        assert "Cases opened: 2" in shown and "Row 3" in shown
        assert store.known(["r1", "r2"]) == {"r1", "r2"}
        assert "Case" in main(page, "/api/next")
        assert "nothing was pasted" in refused(page, "/api/paste", text=" \n")


def test_a_drawn_case_shows_nothing_of_the_model_until_both_have_decided(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    told = ("The model suggests", "Show numbers", "Reasons", "Evidence", "<mark", "look at it", "%")
    earlier = new_case(classifier, "r0", TEXT, priority=0.5)
    with page_of(classifier, tmp_path, earlier) as (page, store):
        store.take(1, "officer-9")
        store.act(1, "officer-9", "decide", decision="adult_solicitation")
        store.add([new_case(classifier, "r1", TEXT)], model="another model", officer="chief")
        with store.writing() as (session, _, _now):
            session.get_one(Case, 2).double = True
        for html in (main(page, "/api/take", case=2), main(page, "/api/open", case=2)):
            assert not any(word in html for word in told)
            assert "posted before" not in html and "Another model" not in html
            assert "Two officers decide this case, each blind" in html
        assert TEXT in _Words(html).text
        page.post("/api/language", {"language": "ja"})
        whole = page.client.get("/").text
        assert "モデルの提案" not in whole and "互いに見ずに判断します" in whole
        page.post("/api/language", {"language": "en"})
        main(page, "/api/act", case=2, action="decide", decision="benign")
        store.take(2, "officer-8")
        store.act(2, "officer-8", "decide", decision="benign")
        shown = main(page, "/api/take", case=2)
        assert "The model suggests" in shown and "posted before" in shown
        assert "<mark" in main(page, "/api/open", case=2)
        assert isinstance(store._clock, Walltime)
        store._clock.ahead += timedelta(minutes=31)
        store.undo(2, "officer-8")
        assert not any(x in page.client.get("/").text for x in ("The model suggests", "<mark"))


def test_a_check_says_what_was_found(classifier: RiskClassifier, tmp_path: Path) -> None:
    with page_of(classifier, tmp_path, new_case(classifier, "r1", TEXT)) as (page, store):
        main(page, "/api/next")
        decide(page, 1, "minor_solicitation")
        assert "Checked: the account is gone" in main(page, "/api/act", case=1, action="warn")
        main(page, "/api/act", case=1, action="check", outcome="account_gone")
        assert store.case(1).outcome == "account_gone"
