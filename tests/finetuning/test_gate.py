"""A model that lost something is refused, one that did not is let in, and the report says why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from riskclf.errors import EvaluationError
from riskclf.evaluation.scored import Coded, ScoredRows
from riskclf.finetuning.gate import Verdict, alone, judge, lines, markdown, paired

LABELS = ("minor_solicitation", "adult_solicitation", "benign")
CLEAR, REVIEW, FLAG = 0, 1, 2
SECRET = "the library is closed on rainy days"


def scored(
    gold: Sequence[int],
    decision: Sequence[int],
    *,
    family: Sequence[int] | None = None,
    weight: Sequence[float] | None = None,
    text_key: Sequence[int] | None = None,
    labels: tuple[str, ...] = LABELS,
    risks: int = 2,
) -> ScoredRows:
    """Rows as a model scored them: what it raises gets the right risk label, or the first one."""
    count, benign = len(gold), len(labels) - 1
    right, raised = np.array(gold, dtype=np.int64), np.array(decision, dtype=np.int64)
    predicted = np.where(raised > CLEAR, np.where(right == benign, 0, right), benign)
    scores = np.eye(len(labels))[predicted]
    return ScoredRows(
        labels=labels,
        risk_labels=labels[:risks],
        number=np.arange(count),
        gold=right,
        kind=Coded(("unclear",), np.where(right < 0, 0, -1)),
        predicted=predicted,
        decision=raised,
        risk=scores[:, :risks].sum(axis=1),
        scores=scores,
        text_key=np.array(range(count) if text_key is None else text_key, dtype=np.int64),
        weight=None if weight is None else np.array(weight, dtype=float),
        family=None
        if family is None
        else Coded(
            tuple(f"f{number}" for number in range(max(family) + 1)),
            np.array(family, dtype=np.int64),
        ),
        text=np.array([SECRET] * count, dtype=object),
    )


def change(
    *, risky: int = 0, benign: int = 0, lost: int = 0, won: int = 0, to: int = REVIEW, **more: Any
) -> dict[str, Any]:
    """Figures of `risky` or else `benign` posts of which some became wrong, and some right.

    Ten posts of the other kind, and all else, are right with both models. What is raised of the
    `risky` or `benign` ones is raised to `to`.
    """
    other = 2 if risky else 0
    own, others = (risky, 10) if risky else (benign, 10)
    gold = [0 if risky else 2] * own + [other] * others
    bad, good = (CLEAR, to) if risky else (to, CLEAR)
    before = [good] * lost + [bad] * won + [good] * (own - lost - won)
    after = [bad] * lost + [good] * won + [good] * (own - lost - won)
    rest = [CLEAR if risky else FLAG] * others
    return paired(scored(gold, before + rest, **more), scored(gold, after + rest, **more))


def refused_by(verdict: Verdict) -> dict[tuple[str, str, str], list[str]]:
    return {
        (x["part"], x["figure"], x["alarm"]): x["refused_by"]
        for x in verdict.figures["checks"]
        if x.get("refused_by")
    }


# Figures -----------------------------------------------------------------------------------------


def test_both_alarms_are_counted_before_and_after_with_their_differences() -> None:
    gold = [0, 0, 1, 1, 2, 2, 2, 2, -1]
    before = scored(gold, [FLAG, CLEAR, REVIEW, CLEAR, FLAG, CLEAR, CLEAR, CLEAR, FLAG])
    after = scored(gold, [FLAG, FLAG, REVIEW, REVIEW, CLEAR, REVIEW, FLAG, CLEAR, FLAG])
    found = paired(before, after)
    assert found["counts"] == {
        "rows": 9, "risky": 4, "benign": 4, "unclear": 1, "families": None, "weighted": False
    }  # fmt: skip
    flag, either = found["alarms"]["flag"], found["alarms"]["flag_or_review"]
    assert [flag["recall"][x]["value"] for x in ("before", "after")] == [0.25, 0.5]
    assert [either["recall"][x]["value"] for x in ("before", "after")] == [0.5, 1]
    assert [flag["recall"]["difference"]["value"], either["recall"]["difference"]["value"]] == [
        0.25,
        0.5,
    ]
    assert either["recall"]["won"] == 2 and either["recall"]["lost"] == 0
    assert either["false_positive_rate"]["won"] == 1  # no longer raised
    assert either["false_positive_rate"]["lost"] == 2
    assert either["false_positive_rate"]["difference"]["value"] == 0.25
    assert flag["false_positive_rate"]["lost"] == 1
    assert [either["precision"][x]["value"] for x in ("before", "after")] == [2 / 3, 4 / 6]
    assert either["recall_of"]["adult_solicitation"]["before"]["hits"] == 1
    assert either["recall_of"]["adult_solicitation"]["after"]["hits"] == 2
    assert found["macro_f1"]["difference"]["value"] == pytest.approx(
        found["macro_f1"]["after"]["value"] - found["macro_f1"]["before"]["value"]
    )
    assert found["other_risk_label"]["after"]["of"] == 4


def test_the_difference_is_paired() -> None:
    # 50 of 100 found before and after, by the same posts or by others: only the latter is unsure.
    gold = [0] * 100
    before = scored(gold, [FLAG] * 50 + [CLEAR] * 50)
    others = scored(gold, [CLEAR] * 50 + [FLAG] * 50)
    same = paired(before, before)["alarms"]["flag"]["recall"]
    assert (same["difference"]["low"], same["difference"]["high"], same["p_value"]) == (0, 0, 1)
    swapped = paired(before, others)["alarms"]["flag"]["recall"]
    assert swapped["difference"]["value"] == 0
    assert swapped["difference"]["low"] < -0.1 and swapped["difference"]["high"] > 0.1
    assert (swapped["won"], swapped["lost"], swapped["net"]) == (50, 50, 0)


def test_one_side_alone_has_the_same_figures_and_nothing_to_compare_with() -> None:
    gold, decision = [0, 0, 1, 2, 2], [FLAG, REVIEW, CLEAR, CLEAR, FLAG]
    side = scored(gold, decision)
    both, single = paired(side, side), alone(side)
    for alarm in ("flag", "flag_or_review"):
        recall = single["alarms"][alarm]["recall"]
        assert recall["after"] == both["alarms"][alarm]["recall"]["after"]
        assert recall["before"] is None and recall["difference"] is None
    assert single["macro_f1"]["after"] == both["macro_f1"]["after"]
    assert judge(None, None, single).accepted


def test_rows_that_are_not_the_same_posts_are_refused() -> None:
    rows = scored([0, 2], [FLAG, CLEAR])
    for other in (
        scored([0, 2, 2], [FLAG, CLEAR, CLEAR]),
        scored([2, 0], [FLAG, CLEAR]),
        scored([0, 2], [FLAG, CLEAR], text_key=[1, 0]),
        scored([0, 2], [FLAG, CLEAR], labels=("a", "b", "c")),
    ):
        with pytest.raises(EvaluationError, match="not the same posts"):
            paired(rows, other)


def test_weights_change_the_shares_but_not_the_numbers_of_posts() -> None:
    weight = [9.0, 1, 1, 1] + [1.0] * 8
    gold = [0] * 4 + [2] * 8
    before = scored(gold, [FLAG, FLAG, FLAG, CLEAR] + [CLEAR] * 8)  # its weights do not count
    after = scored(gold, [FLAG, CLEAR, CLEAR, CLEAR] + [CLEAR] * 8, weight=weight)
    recall = paired(before, after)["alarms"]["flag"]["recall"]
    assert (recall["lost"], recall["net"], recall["after"]["hits"]) == (2, 2, 1)
    assert recall["difference"]["value"] == pytest.approx(-2 / 12)
    assert recall["before"]["value"] == pytest.approx(11 / 12)
    (reason,) = judge(paired(before, after), None, None).reasons
    assert "weighted" in reason


# The rule ----------------------------------------------------------------------------------------

OLD_RECALL = ("old", "recall", "flag_or_review")


def test_no_more_than_three_points_are_lost_and_a_loss_that_chance_explains_passes() -> None:
    assert judge(change(risky=100, lost=3), None, None).accepted  # 3 points are not over 3
    assert refused_by(judge(change(risky=99, lost=3), None, None)) == {OLD_RECALL: ["points"]}
    assert judge(change(risky=200, lost=9, won=4), None, None).accepted


def test_a_loss_whose_interval_leaves_out_no_loss_is_refused_however_small() -> None:
    assert judge(change(risky=1000, lost=3), None, None).accepted
    found = judge(change(risky=1000, lost=5), None, None)
    assert refused_by(found) == {OLD_RECALL: ["interval"]}
    assert judge(change(risky=1000, lost=15, won=9), None, None).accepted


def test_the_interval_decides_and_the_exact_test_stands_beside_it() -> None:
    # As the module's documentation says: 4 lost and none won suffice; the exact test asks for 6.
    (check, *_) = judge(change(risky=1000, lost=4), None, None).figures["checks"]
    assert check["refused_by"] == ["interval"] and check["p_value"] == 0.125
    (check, *_) = judge(change(risky=1000, lost=6), None, None).figures["checks"]
    assert check["p_value"] == pytest.approx(0.03125)


@pytest.mark.parametrize("part", ["old", "natural"])
def test_false_positives_are_held_to_the_same_rule_at_both_alarms(part: str) -> None:
    def verdict(**options: Any) -> Verdict:
        found = change(**options)
        return judge(found, None, None) if part == "old" else judge(None, found, None)

    either, flag = ((part, "false_positive_rate", x) for x in ("flag_or_review", "flag"))
    assert verdict(benign=100, lost=3).accepted
    assert refused_by(verdict(benign=99, lost=3)) == {either: ["points"]}
    assert refused_by(verdict(benign=1000, lost=5)) == {either: ["interval"]}
    assert refused_by(verdict(benign=99, lost=3, to=FLAG)) == {
        flag: ["points"],
        either: ["points"],
    }
    assert verdict(benign=1000, lost=15, won=9, to=FLAG).accepted
    assert verdict(benign=100, won=20).accepted  # fewer false positives


def test_posts_that_were_for_review_and_are_flagged_now_count_at_flag() -> None:
    gold = [2] * 50 + [0] * 10
    before = scored(gold, [REVIEW] * 5 + [CLEAR] * 45 + [FLAG] * 10)
    after = scored(gold, [FLAG] * 5 + [CLEAR] * 45 + [FLAG] * 10)
    found = refused_by(judge(None, paired(before, after), None))
    assert set(found) == {("natural", "false_positive_rate", "flag")}


def test_new_posts_may_raise_more_but_not_find_less() -> None:
    found = refused_by(judge(None, None, change(risky=40, lost=5)))
    assert set(found) == {("new", "recall", "flag_or_review")}
    more = change(benign=40, lost=20, to=FLAG)
    assert more["alarms"]["flag"]["false_positive_rate"]["lost"] == 20  # reported all the same
    assert judge(None, None, more).accepted


@pytest.mark.parametrize(("moved", "accepted"), [(3, True), (40, False)])
def test_a_few_posts_may_move_from_flag_to_review_but_not_the_lot(
    moved: int, accepted: bool
) -> None:
    gold = [0] * 40
    before = scored(gold, [FLAG] * 40)
    after = scored(gold, [REVIEW] * moved + [FLAG] * (40 - moved))
    assert judge(paired(before, after), None, None).accepted == accepted


@pytest.mark.parametrize(("count", "won"), [(1, 0), (2, 0), (3, 1), (10, 0), (10, 4), (33, 0)])
def test_a_single_flip_never_refuses(count: int, won: int) -> None:
    for found in (
        change(risky=count, lost=1 + won, won=won, to=FLAG),
        change(benign=count, lost=1 + won, won=won, to=FLAG),
    ):
        assert judge(found, found, found).accepted


def test_copies_of_one_post_are_a_single_flip() -> None:
    keys = [*range(50)]
    assert not judge(change(benign=40, lost=5, text_key=keys), None, None).accepted
    assert judge(change(benign=40, lost=5, text_key=[7] * 5 + keys[5:]), None, None).accepted


def test_a_heavy_post_is_a_single_flip_too() -> None:
    found = change(risky=30, lost=1, weight=[50.0] + [1.0] * 39)
    assert found["alarms"]["flag_or_review"]["recall"]["difference"]["value"] < -0.5
    assert judge(found, None, None).accepted


def test_where_there_are_enough_families_posts_lost_together_weigh_less() -> None:
    # Six posts of 300: one family's, or six families'. The loss is 2 points.
    together = [0] * 6 + [1 + n % 49 for n in range(304)]
    apart = [n % 50 for n in range(310)]
    assert judge(change(risky=300, lost=6, family=together), None, None).accepted
    found = judge(change(risky=300, lost=6, family=apart), None, None)
    assert refused_by(found) == {OLD_RECALL: ["interval"]}
    assert "6 posts lost (of 6 families), 0 won" in found.reasons[0]


def test_a_reason_says_that_all_losses_are_of_one_family() -> None:
    family = [0] * 5 + [1 + n % 10 for n in range(45)]
    (reason,) = judge(change(risky=40, lost=5, family=family), None, None).reasons
    assert "5 posts lost (of 1 family), 0 won" in reason


def test_a_reason_carries_its_figures() -> None:
    found = change(risky=40, lost=6, won=2)
    (reason,) = judge(found, None, None).reasons
    assert reason.startswith(
        "On our old posts, recall (flag or review) falls from 38 of 40 to 34 of 40 (-10.0 points, "
    )
    assert "6 posts lost, 2 won; more than 3 points (McNemar's exact test: p = 0.29)." in reason
    (reason,) = judge(None, change(benign=5000, lost=8), None).reasons
    assert "false positives (flag or review) rise from 0 of 5,000 to 8 of 5,000 (+0.16" in reason
    assert "8 posts newly raised, 0 no longer raised; the interval leaves out no loss" in reason


@pytest.mark.parametrize("gold", [[], [0], [2], [-1], [0, 0], [2, 2]])
def test_what_is_not_there_is_not_measured_and_refuses_nothing(gold: list[int]) -> None:
    rows = scored(gold, [FLAG] * len(gold))
    found = paired(rows, rows)
    verdict = judge(found, found, found)
    assert verdict.accepted and verdict.reasons == ()
    measured = {(x["figure"], x["measured"]) for x in verdict.figures["checks"]}
    assert measured == {("recall", 0 in gold), ("false_positive_rate", 2 in gold)}
    json.dumps(found, allow_nan=False)
    assert markdown(report_of(found, verdict)) and lines(report_of(found, verdict))


def test_every_post_lost_is_refused_though_no_draw_differs() -> None:
    found = judge(change(risky=2, lost=2), None, None)
    assert refused_by(found) == {OLD_RECALL: ["points", "interval"]}


def test_nothing_given_is_accepted_and_said_not_to_be_compared() -> None:
    verdict = judge(None, None, None)
    assert verdict == Verdict(True, (), verdict.figures) and verdict.figures["checks"] == []


def test_the_interval_refuses_chance_as_rarely_as_the_docs_say() -> None:
    # 100 posts of which 5 % flip, either way alike: summed over all possible flips.
    refused = total = 0.0
    for flips in range(13):
        for won in range(flips + 1):
            chance = float(binom.pmf(flips, 100, 0.05) * binom.pmf(won, flips, 0.5))
            total += chance
            if flips - 2 * won >= 4 and chance > 1e-5:
                found = judge(change(risky=100, lost=flips - won, won=won), None, None)
                by = refused_by(found).get(OLD_RECALL, [])
                refused += chance * ("interval" in by)
    assert total > 0.998
    assert 0.005 < refused < 0.025


Decisions = st.lists(
    st.tuples(
        st.sampled_from([-1, 0, 1, 2]),
        st.sampled_from([CLEAR, REVIEW, FLAG]),
        st.sampled_from([CLEAR, REVIEW, FLAG]),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


def options_of(rows: Sequence[Any], families: int, weighted: bool) -> dict[str, Any]:
    count = len(rows)
    return {
        "family": [n % families for n in range(count)] if families else None,
        "weight": [1.0 + n % 3 for n in range(count)] if weighted else None,
    }


@settings(max_examples=25, deadline=None)
@given(rows=Decisions, families=st.sampled_from([0, 5, 45]), weighted=st.booleans())
def test_a_model_that_changes_nothing_is_accepted(
    rows: list[tuple[int, int, int, bool]], families: int, weighted: bool
) -> None:
    gold, decision, _, _ = map(list, zip(*rows, strict=True))
    side = scored(gold, decision, **options_of(rows, families, weighted))
    found = paired(side, side)
    assert judge(found, found, found).accepted


@settings(max_examples=40, deadline=None)
@given(rows=Decisions, families=st.sampled_from([0, 5, 45]), weighted=st.booleans())
def test_more_losses_never_turn_a_refusal_into_acceptance(
    rows: list[tuple[int, int, int, bool]], families: int, weighted: bool
) -> None:
    gold, first, second, loses = map(np.array, zip(*rows, strict=True))
    options = options_of(rows, families, weighted)
    before = scored(gold.tolist(), first.tolist(), **options)

    def verdict(decision: NDArray[np.int64]) -> Verdict:
        found = paired(before, scored(gold.tolist(), decision.tolist(), **options))
        return judge(found, found, found)

    less = verdict(second)
    worse = verdict(np.where(loses, np.where(gold == 2, FLAG, CLEAR), second))
    assert less.accepted or not worse.accepted
    for check, by in refused_by(less).items():
        assert set(by) <= set(refused_by(worse).get(check, ()))


# The report --------------------------------------------------------------------------------------


def report_of(old: Any, verdict: Verdict, **more: Any) -> dict[str, Any]:
    return {
        "riskclf": "1.2.3",
        "model_before": "0123456789abcdef0123",
        "data": {"posts": 56, "labels": {"a|b": 16, "benign": 40}, "rejected": 3},
        "split": {"folds": 5, "groups": 31},
        "warnings": ["few posts: figures are wide"],
        "parts": {"new": change(risky=16, won=8), "old": old, "natural": None},
        "natural_source": "ours",
        "new_words": [SECRET, SECRET],
        "accepted": verdict.accepted,
        "regression_accepted": False,
        "reasons": list(verdict.reasons),
        "settings": {"epochs": 3, "rehearsal": None},
    } | more


def test_the_report_tells_each_part_before_and_after_and_the_verdict() -> None:
    old = change(risky=40, lost=6, won=2)
    verdict = judge(old, None, None)
    report = json.loads(json.dumps(report_of(old, verdict), allow_nan=False))
    shown = lines(report)
    assert not any("\n" in line for line in shown)
    text = "\n".join(shown)
    new, rest = text.split("Our old posts: ")
    assert "50.0 % (28.0–72.0), 8 of 16 -> 100 % (80.6–100), 16 of 16; +50.0 points, +2" in new
    assert "With 16 risky posts, recall (flag or review) may lie anywhere between 80.6 and" in new
    assert "38 of 40 -> 85.0 % (70.9–92.9), 34 of 40; -10.0 points, -2" in rest
    assert "benign posts raised, flag: 0 %" in rest
    assert "no post changed" in rest
    for words in (text, markdown(report)):
        assert verdict.reasons[0] in words.replace("&lt;", "<")
        assert (
            "No ordinary posts of yours were given (--natural FILE): false positives were measured "
            "on our own benign posts only." in words
        )
        assert "few posts: figures are wide" in words
        assert "Not accepted" in words and "--accept-regression" in words


def test_the_markdown_holds_all_tables_and_no_text_of_a_post() -> None:
    old = change(risky=40, lost=6, won=2)
    verdict = judge(old, None, None)
    page = markdown(report_of(old, verdict))
    assert "riskclf 1.2.3, model before 0123456789abcdef\n" in page
    titles = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert titles == [
        "Verdict",
        "New posts, held out",
        "Our old posts",
        "What the verdict rests on",
        "Warnings",
        "Data",
        "Settings",
        "How to read this",
    ]
    assert "| risky posts found, flag or review | 95.0 % (83.5–98.6), 38 of 40 | 85.0 %" in page
    assert "| our old posts: recall, flag or review | -10.0 (" in page
    assert "| +4 | refused (points) |" in page
    assert "| our old posts: false positives, flag | no change | 0 | passed |" in page
    assert "| labels: a\\|b | 16 |" in page and "| new words | 2 |" in page
    assert "| epochs | 3 |" in page and "rehearsal" not in page
    everything = json.dumps([old, verdict.figures, verdict.reasons]) + page
    assert SECRET not in everything + "\n".join(lines(report_of(old, verdict)))
    for table in page.split("\n\n"):
        if table.startswith("|"):
            cells = [line.replace("\\|", "").count("|") for line in table.strip().splitlines()]
            assert len(set(cells)) == 1


def test_a_loss_that_was_taken_knowingly_is_still_a_loss() -> None:
    old = change(risky=40, lost=6)
    verdict = judge(old, None, None)
    text = "\n".join(lines(report_of(old, verdict, regression_accepted=True)))
    assert "Not accepted by the figures; you took the loss knowingly." in text
    assert verdict.reasons[0] in text and "--accept-regression" not in text


def test_ordinary_posts_of_the_user_have_their_own_part() -> None:
    old, natural = change(risky=40), change(benign=200, lost=1)
    parts = {"new": None, "old": old, "natural": natural}
    report = report_of(old, judge(old, natural, None), parts=parts, natural_source="yours")
    text = "\n".join(lines(report))
    assert "Your ordinary posts: " in text and "No ordinary posts" not in text
    assert "0 of 200 -> 0.50 % (0.09–2.8), 1 of 200; +0.5 points, -0.5 to +1.5" in text
    assert "Accepted: these posts show no loss that counts." in text


def test_a_model_with_other_labels_before_has_only_one_side() -> None:
    labels = ("bread", "weather", "library")
    rows = scored([0, 1, 2, 2], [CLEAR] * 4, labels=labels, risks=0)
    new = alone(replace(rows, predicted=np.array([0, 1, 2, 0])))
    report = {"parts": {"new": new}, "accepted": True}
    text = "\n".join(lines(report))
    assert "The model before had other labels: there is nothing to compare with." in text
    assert "macro-F1 of the labels: 77.8 %" in text
    assert "Accepted, but nothing could be compared" in text
    assert "No old posts were compared" in text
    assert "risky" not in text and "--natural" not in text
    page = markdown(report)
    assert "|  | after |" in page and "before |" not in page


def test_that_no_ordinary_posts_were_given_is_said_whatever_stood_in_for_them() -> None:
    old, ours = change(risky=40), change(benign=20)
    alone_old: dict[str, Any] = {"parts": {"old": old}}
    both = {"parts": {"old": old, "natural": ours}, "natural_source": "ours"}
    for report in (alone_old, both):
        assert any(line.startswith("No ordinary posts of yours") for line in lines(report))
    assert any(line.startswith("Our ordinary posts: ") for line in lines(both))


def test_a_report_that_lacks_everything_is_still_rendered() -> None:
    assert lines({}) == []
    assert markdown({}).startswith("# Fine-tuning: before and after")
