"""A model that lost something is refused, and one that did not is accepted."""

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
from riskclf.evaluation.figures import Proportion
from riskclf.finetuning.figures import Change, Flips, Part
from riskclf.finetuning.gate import Verdict, alone, judge, paired
from tests.finetuning.scores import CLEAR, FLAG, REVIEW, change, scored

OLD_RECALL = ("old", "recall", "flag_or_review")
WRONG_SIDE = ("old", "wrong_side", None)
MACRO_F1 = ("old", "macro_f1", None)


def refused_by(verdict: Verdict) -> dict[tuple[str, str, str | None], list[str]]:
    return {(x.part, x.figure, x.alarm): [*x.refused_by] for x in verdict.refusing}


def flips(change: Change) -> Flips:
    assert change.flips is not None
    return change.flips


def difference(change: Change) -> tuple[float, float, float]:
    found = change.difference
    assert found is not None and found.value is not None
    assert found.low is not None and found.high is not None
    return found.value, found.low, found.high


# Figures -----------------------------------------------------------------------------------------


def test_both_alarms_are_counted_before_and_after_with_their_differences() -> None:
    gold = [0, 0, 1, 1, 2, 2, 2, 2, -1]
    before = scored(gold, [FLAG, CLEAR, REVIEW, CLEAR, FLAG, CLEAR, CLEAR, CLEAR, FLAG])
    after = scored(gold, [FLAG, FLAG, REVIEW, REVIEW, CLEAR, REVIEW, FLAG, CLEAR, FLAG])
    found = paired(before, after).to_dict()
    assert found["counts"] == {
        "rows": 9,
        "clear_cut": 8,
        "risky": 4,
        "benign": 4,
        "unclear": 1,
        "families": None,
        "weighted": False,
    }
    flag, either = found["alarms"]["flag"], found["alarms"]["flag_or_review"]
    assert [flag["recall"][x]["value"] for x in ("before", "after")] == [0.25, 0.5]
    assert [either["recall"][x]["value"] for x in ("before", "after")] == [0.5, 1]
    assert [flag["recall"]["difference"]["value"], either["recall"]["difference"]["value"]] == [
        0.25,
        0.5,
    ]
    assert either["recall"]["won"] == 2 and either["recall"]["lost"] == 0
    assert either["false_positive_rate"]["won"] == 1  # removed
    assert either["false_positive_rate"]["lost"] == 2
    assert either["false_positive_rate"]["difference"]["value"] == 0.25
    assert flag["false_positive_rate"]["lost"] == 1
    assert [either["precision"][x]["value"] for x in ("before", "after")] == [2 / 3, 4 / 6]
    assert either["recall_of"]["adult_solicitation"]["before"]["hits"] == 1
    assert either["recall_of"]["adult_solicitation"]["after"]["hits"] == 2
    assert found["macro_f1"]["difference"]["value"] == pytest.approx(
        found["macro_f1"]["after"]["value"] - found["macro_f1"]["before"]["value"]
    )
    # A label that no longer is benign has the right side; a post that is benign has the first one.
    sides = found["wrong_side"]
    assert [sides[x]["hits"] for x in ("before", "after")] == [1, 0]
    assert (sides["after"]["of"], sides["won"], sides["lost"]) == (4, 1, 0)


def test_the_difference_is_paired() -> None:
    # 50 of 100 found before and after, by the same posts or by others: only the latter is unsure.
    gold = [0] * 100
    before = scored(gold, [FLAG] * 50 + [CLEAR] * 50)
    others = scored(gold, [CLEAR] * 50 + [FLAG] * 50)
    same = paired(before, before).alarms["flag"].recall
    assert difference(same) == (0, 0, 0) and flips(same).p_value == 1
    swapped = paired(before, others).alarms["flag"].recall
    value, low, high = difference(swapped)
    assert value == 0 and low < -0.1 and high > 0.1
    moved = flips(swapped)
    assert (moved.won, moved.lost, moved.net) == (50, 50, 0)


def test_one_side_alone_has_the_same_figures_and_nothing_to_compare_with() -> None:
    gold, decision = [0, 0, 1, 2, 2], [FLAG, REVIEW, CLEAR, CLEAR, FLAG]
    side = scored(gold, decision)
    both, single = paired(side, side), alone(side)
    for alarm in ("flag", "flag_or_review"):
        recall = single.alarms[alarm].recall
        assert recall.after == both.alarms[alarm].recall.after
        assert recall.before is None and recall.difference is None
    assert single.macro_f1.after == both.macro_f1.after
    assert both.has_before and not single.has_before
    assert judge(None, None, single).accepted


def test_rows_that_are_not_the_same_posts_are_refused() -> None:
    rows = scored([0, 2], [FLAG, CLEAR])
    for other in (
        scored([0, 2, 2], [FLAG, CLEAR, CLEAR]),
        scored([2, 0], [FLAG, CLEAR]),
        scored([0, 2], [FLAG, CLEAR], text_key=[1, 0]),
        scored([0, 2], [FLAG, CLEAR], labels=("a", "b", "c")),
    ):
        with pytest.raises(EvaluationError, match="not the same posts with the same labels; score"):
            paired(rows, other)


def test_weights_change_the_shares_but_not_the_numbers_of_posts() -> None:
    weight = [9.0, 1, 1, 1] + [1.0] * 8
    gold = [0] * 4 + [2] * 8
    before = scored(gold, [FLAG, FLAG, FLAG, CLEAR] + [CLEAR] * 8)  # its weights do not count
    after = scored(gold, [FLAG, CLEAR, CLEAR, CLEAR] + [CLEAR] * 8, weight=weight)
    recall = paired(before, after).alarms["flag"].recall
    assert (flips(recall).lost, flips(recall).net) == (2, 2)
    assert isinstance(recall.after, Proportion) and recall.after.hits == 1
    assert difference(recall)[0] == pytest.approx(-2 / 12)
    assert recall.before is not None and recall.before.value == pytest.approx(11 / 12)
    assert all(check.weighted for check in judge(paired(before, after), None, None).refusing)


# The rule ----------------------------------------------------------------------------------------


def test_no_more_than_three_points_are_lost_and_a_loss_that_chance_explains_passes() -> None:
    assert judge(change(risky=100, lost=3), None, None).accepted  # 3 points are not over 3
    assert refused_by(judge(change(risky=99, lost=3), None, None)) == {OLD_RECALL: ["points"]}
    assert judge(change(risky=200, lost=9, won=4), None, None).accepted


def test_a_loss_whose_interval_leaves_out_no_loss_is_refused_however_small() -> None:
    assert judge(change(risky=1000, lost=3), None, None).accepted
    found = judge(change(risky=1000, lost=5), None, None)
    assert refused_by(found) == {OLD_RECALL: ["interval"]}
    assert judge(change(risky=1000, lost=15, won=9), None, None).accepted


def test_the_interval_decides_and_the_exact_test_is_reported() -> None:
    # As the module's documentation says: 4 lost and none won suffice; the exact test asks for 6.
    (check, *_) = judge(change(risky=1000, lost=4), None, None).checks
    assert check.refused_by == ("interval",)
    assert check.change is not None and flips(check.change).p_value == 0.125
    (check, *_) = judge(change(risky=1000, lost=6), None, None).checks
    assert check.change is not None and flips(check.change).p_value == pytest.approx(0.03125)


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
    assert flips(more.alarms["flag"].false_positive_rate).lost == 20  # reported all the same
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
    assert difference(found.alarms["flag_or_review"].recall)[0] < -0.5
    assert judge(found, None, None).accepted


def test_where_there_are_enough_families_posts_lost_together_weigh_less() -> None:
    # Six posts of 300: one family's, or six families'. The loss is 2 points.
    together = [0] * 6 + [1 + n % 49 for n in range(304)]
    apart = [n % 50 for n in range(310)]
    assert judge(change(risky=300, lost=6, family=together), None, None).accepted
    found = judge(change(risky=300, lost=6, family=apart), None, None)
    assert refused_by(found) == {OLD_RECALL: ["interval"]}


def test_the_p_value_respects_families() -> None:
    apart = change(risky=40, lost=6).alarms["flag_or_review"].recall
    together = change(risky=40, lost=6, family=[0] * 6 + [*range(1, 45)])
    assert flips(apart).p_value == pytest.approx(0.03125)
    assert flips(together.alarms["flag_or_review"].recall).p_value == 1


@pytest.mark.parametrize("gold", [[], [0], [2], [-1], [0, 0], [2, 2]])
def test_what_is_not_there_is_not_measured_and_refuses_nothing(gold: list[int]) -> None:
    rows = scored(gold, [FLAG] * len(gold))
    found = paired(rows, rows)
    verdict = judge(found, found, found)
    assert verdict.accepted
    measured = {(x.figure, x.change is not None) for x in verdict.checks}
    assert measured == {
        ("recall", 0 in gold),
        ("false_positive_rate", 2 in gold),
        ("wrong_side", 0 in gold),
        ("macro_f1", bool({0, 2} & {*gold})),
    }
    json.dumps([found.to_dict(), *(x.to_dict() for x in verdict.checks)], allow_nan=False)


def test_every_post_lost_is_refused_though_no_draw_differs() -> None:
    found = judge(change(risky=2, lost=2), None, None)
    assert refused_by(found) == {OLD_RECALL: ["points", "interval"]}


def test_nothing_given_is_accepted() -> None:
    assert judge(None, None, None) == Verdict(())
    assert judge(None, None, None).accepted


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


# The sides and the labels -------------------------------------------------------------------------


def labelled(before: Sequence[int], after: Sequence[int], gold: Sequence[int]) -> Part:
    """Two models that raise the same posts and label them differently."""
    raised = [FLAG if label < 2 else CLEAR for label in gold]
    return paired(scored(gold, raised, predicted=before), scored(gold, raised, predicted=after))


MINOR_ADULT = [0] * 20 + [1] * 20 + [2] * 100


def test_a_model_that_tells_the_sides_worse_is_refused() -> None:
    # 3 of 40 on the wrong side before, 5 after.
    before = [1] * 3 + MINOR_ADULT[3:]
    after = [1] * 5 + MINOR_ADULT[5:]
    found = labelled(before, after, MINOR_ADULT)
    assert refused_by(judge(found, None, None)) == {WRONG_SIDE: ["points"]}
    assert judge(None, found, found).accepted  # judged on our old posts only
    assert judge(labelled(before, [1] * 4 + MINOR_ADULT[4:], MINOR_ADULT), None, None).accepted
    assert judge(labelled(after, before, MINOR_ADULT), None, None).accepted


def test_to_find_more_posts_does_not_hide_wrong_sides() -> None:
    # 3 of 20 labelled ones are on the wrong side before, and 5 of 40 after: a smaller share.
    gold = [0] * 40 + [2] * 100
    before = [1] * 3 + [0] * 17 + [2] * 20 + [2] * 100
    after = [1] * 5 + [0] * 35 + [2] * 100
    found = judge(labelled(before, after, gold), None, None)
    assert refused_by(found) == {WRONG_SIDE: ["points"]}


def test_the_side_is_that_of_a_benign_label_too() -> None:
    rows = scored([1, 1], [CLEAR, CLEAR], predicted=[2, 2])
    scores = np.array([[0.1, 0.2, 0.7], [0.2, 0.1, 0.7]])
    found = alone(replace(rows, scores=scores)).wrong_side
    assert found is not None and isinstance(found.after, Proportion)
    assert (found.after.hits, found.after.of) == (1, 2)


def test_a_model_with_one_risk_label_has_no_sides() -> None:
    rows = scored([0, 1], [FLAG, CLEAR], labels=("storm", "sun"), risks=1)
    found = paired(rows, rows)
    assert found.wrong_side is None
    assert "wrong_side" not in {check.figure for check in judge(found, None, None).checks}


def test_macro_f1_refuses_by_its_interval_alone() -> None:
    def labels(lost: int, won: int = 0) -> Part:
        """So many adult posts lose their label, and so many benign ones become right."""
        gold = [0] * 30 + [1] * 10 + [2] * 100
        before = [0] * 30 + [1] * 10 + [0] * won + [2] * (100 - won)
        after = [0] * 30 + [2] * lost + [1] * (10 - lost) + [2] * 100
        return labelled(before, after, gold)

    few = labels(lost=3)
    assert difference(few.macro_f1)[0] < -0.03  # over 3 points, and not refused
    assert MACRO_F1 not in refused_by(judge(few, None, None))
    assert refused_by(judge(labels(lost=8), None, None))[MACRO_F1] == ["interval"]
    # As many became right as wrong, but of the most frequent label.
    even = labels(lost=8, won=8)
    assert flips(even.macro_f1).net == 0
    assert refused_by(judge(even, None, None))[MACRO_F1] == ["interval"]


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
