"""The report says why a model is refused, and holds no text of a post."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np

from riskclf.finetuning.figures import NewWords, Part, Report, Split, TrainedOn
from riskclf.finetuning.gate import Verdict, alone, judge, paired
from riskclf.finetuning.report import lines, markdown
from riskclf.finetuning.wording import reason
from riskclf.language import speaking
from tests.finetuning.scores import CLEAR, FLAG, SECRET, change, scored


def reasons(verdict: Verdict) -> list[str]:
    return [reason(check) for check in verdict.refusing]


def report_of(
    old: Part | None, natural: Part | None = None, new: Part | None = None, **more: Any
) -> Report:
    verdict = judge(old, natural, new)
    return replace(
        Report(
            riskclf="1.2.3",
            model_before="0123456789abcdef0123",
            accepted=verdict.accepted,
            regression_accepted=False,
            reasons=reasons(verdict),
            warnings=["few posts: figures are wide"],
            parts={"new": new, "old": old, "natural": natural},
            checks=verdict.checks,
            data=TrainedOn(56, {"a|b": 16, "benign": 40}, 31, 0, 0, 3),
            split=Split(5, 56),
            new_words=NewWords(2, None),
            settings={"epochs": 3, "replay_posts": None},
        ),
        **more,
    )


# Reasons ------------------------------------------------------------------------------------------


def test_a_reason_says_of_how_many_families_the_losses_are() -> None:
    family = [0] * 5 + [1 + n % 10 for n in range(45)]
    (found,) = reasons(judge(change(risky=40, lost=5, family=family), None, None))
    assert "5 posts lost (of 1 family), 0 won" in found
    apart = [n % 50 for n in range(310)]
    (found,) = reasons(judge(change(risky=300, lost=6, family=apart), None, None))
    assert "6 posts lost (of 6 families), 0 won" in found


def test_a_reason_carries_its_figures() -> None:
    (found,) = reasons(judge(change(risky=40, lost=6, won=2), None, None))
    assert found.startswith(
        "On our old posts, recall (flag or review) falls from 38 of 40 to 34 of 40 (-10.0 points, "
    )
    assert "6 posts lost, 2 won; more than 3 points (McNemar's test: p = 0.29)." in found
    (found,) = reasons(judge(None, change(benign=5000, lost=8), None))
    assert "false positives (flag or review) rise from 0 of 5,000 to 8 of 5,000 (+0.16" in found
    assert "8 posts new, 0 removed; the interval excludes 0" in found


def _sides_lost() -> Part:
    """Eight of twenty posts change to the wrong side; what is raised stays."""
    gold = [0] * 20 + [1] * 20 + [2] * 60
    raised = [FLAG] * 40 + [CLEAR] * 60
    before = scored(gold, raised, predicted=[1] * 2 + gold[2:])
    return paired(before, scored(gold, raised, predicted=[1] * 10 + gold[10:]))


def test_wrong_sides_and_macro_f1_are_in_every_report() -> None:
    report = report_of(_sides_lost())
    side, macro = report.reasons
    assert side.startswith(
        "On our old posts, risky posts on the wrong side rise from 2 of 40 to 10 of 40 (+20.0"
    )
    assert macro.startswith("On our old posts, macro-F1 of the labels falls from 96.")
    assert "8 posts lost, 0 won; the interval excludes 0" in macro
    text, page = "\n".join(lines(report)), markdown(report)
    assert "risky posts on the wrong side: 5.0 %" in text
    assert "macro-F1 of the labels: 96." in text
    assert "| risky posts on the wrong side | 5.0 %" in page
    assert "| our old posts: risky posts on the wrong side | +20.0 (" in page
    assert "| our old posts: macro-F1 of the labels | -" in page
    stored = report.to_dict()
    assert stored["parts"]["old"]["wrong_side"]["after"]["hits"] == 10
    assert stored["parts"]["old"]["macro_f1"]["difference"]["high"] < 0
    assert {x["figure"] for x in stored["checks"] if x["refused_by"]} == {"wrong_side", "macro_f1"}


# The report --------------------------------------------------------------------------------------


def test_the_report_tells_each_part_before_and_after_and_the_verdict() -> None:
    report = report_of(change(risky=40, lost=6, won=2), new=change(risky=16, won=8))
    json.dumps(report.to_dict(), allow_nan=False)
    shown = lines(report)
    assert not any("\n" in line for line in shown)
    text = "\n".join(shown)
    new, rest = text.split("Our old posts: ")
    assert "50.0 % (28.0–72.0), 8 of 16 -> 100 % (80.6–100), 16 of 16; +50.0 points, +2" in new
    assert "With 16 risky posts, recall (flag or review) may be anywhere between 80.6 and" in new
    assert "38 of 40 -> 85.0 % (70.9–92.9), 34 of 40; -10.0 points, -2" in rest
    assert "benign posts with an alarm, flag: 0 %" in rest
    assert "no post changed" in rest
    for words in (text, markdown(report)):
        assert report.reasons[0] in words.replace("&lt;", "<")
        assert (
            "No ordinary posts of yours were given (--natural FILE): false positives were measured "
            "on our own benign posts only." in words
        )
        assert "few posts: figures are wide" in words
        assert "Not accepted" in words and "--accept-regression" in words


def test_the_markdown_holds_all_tables_and_no_text_of_a_post() -> None:
    report = report_of(change(risky=40, lost=6, won=2), new=change(risky=16, won=8))
    page = markdown(report)
    assert "riskclf 1.2.3, model before 0123456789abcdef\n" in page
    titles = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert titles == [
        "Verdict",
        "New posts, held out",
        "Our old posts",
        "What the verdict is based on",
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
    assert "| epochs | 3 |" in page and "replay_posts" not in page
    assert SECRET not in json.dumps(report.to_dict()) + page + "\n".join(lines(report))
    for table in page.split("\n\n"):
        if table.startswith("|"):
            cells = [line.replace("\\|", "").count("|") for line in table.strip().splitlines()]
            assert len(set(cells)) == 1


def test_an_accepted_regression_is_still_told() -> None:
    report = report_of(change(risky=40, lost=6), accepted=True, regression_accepted=True)
    text = "\n".join(lines(report))
    assert "Not accepted by the gate; you accepted the regression." in text
    assert report.reasons[0] in text and "--accept-regression" not in text


def test_ordinary_posts_of_the_user_have_their_own_part() -> None:
    report = report_of(change(risky=40), change(benign=200, lost=1))
    text = "\n".join(lines(report))
    assert "Your ordinary posts: " in text and "No ordinary posts" not in text
    assert "0 of 200 -> 0.50 % (0.09–2.8), 1 of 200; +0.5 points, -0.5 to +1.5" in text
    assert "Accepted: no significant loss on these posts." in text


def test_a_model_with_other_labels_before_has_only_one_side() -> None:
    labels = ("bread", "weather", "library")
    rows = scored([0, 1, 2, 2], [CLEAR] * 4, labels=labels, risks=0)
    new = alone(replace(rows, predicted=np.array([0, 1, 2, 0])))
    report = report_of(None, parts={"new": new, "old": None, "natural": None})
    text = "\n".join(lines(report))
    assert "The model before had other labels: there is nothing to compare with." in text
    assert "macro-F1 of the labels: 77.8 %" in text
    assert "Accepted, but nothing could be compared" in text
    assert "No old posts were compared" in text
    assert "risky" not in text and "--natural" not in text
    page = markdown(report)
    assert "|  | after |" in page and "before |" not in page


def test_a_japanese_report_has_the_same_figures_and_no_english_sentence() -> None:
    parts = _sides_lost(), change(benign=5000, lost=8), change(risky=16, won=8)
    english = report_of(*parts)
    with speaking("ja"):
        japanese = report_of(*parts, lang="ja", warnings=["注意"])
    shown = markdown(japanese)
    names = {"flag", "review", "clear", "riskclf", "natural", "FILE", "accepted", "false", "accept"}
    names |= {"minor", "adult", "solicitation", "benign", "regression", "McNemar", "abcdef"}
    # What was trained on and the settings are names and numbers, for engineers.
    words = shown.partition("## データ")[0] + shown.partition("## この報告書の読み方")[2]
    words += "\n".join(lines(japanese))
    assert {*re.findall("[A-Za-z]{2,}", words)} - names == set()
    numbers = [sorted(re.findall(r"\d+\.\d+", page)) for page in (shown, markdown(english))]
    assert numbers[0] == numbers[1] and len(numbers[0]) > 100
