"""One rule for what counts as a text, what as missing or blank, and which texts are the same."""

from __future__ import annotations

import zlib
from contextlib import ExitStack
from typing import Any

import pytest

from riskclf.finetuning.data import read_raw
from riskclf.tables import (
    Columns,
    Target,
    TargetReader,
    UnlabelledPosts,
    is_blank,
    is_missing,
    same_text,
    text_key,
    text_problem,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("天気", None),
        ("", None),
        (" \u3000\n", None),
        (None, "it is missing"),
        (NAN, "it is missing"),
        (3, "it is a number, not text"),
        (["天気"], "it is a list, not text"),
        ({"天気": 1}, "it is an object, not text"),
        (True, "it is a boolean, not text"),
    ],
)
def test_a_text_is_a_str_and_what_is_wrong_is_said_without_it(
    value: Any, problem: str | None
) -> None:
    assert text_problem(value) == problem


@pytest.mark.parametrize("text", ["", " ", "\u3000\t\n", "\u200b", "\u3164 "])
def test_a_text_is_blank_when_a_model_sees_nothing_in_it(text: str) -> None:
    assert is_blank(text)
    assert text_problem(text) is None
    assert text_problem(text, blank_allowed=False) == "it is blank"
    assert not is_blank(f"{text}雨{text}")


@pytest.mark.parametrize("value", [None, NAN, "", "  ", "\u3000"])
def test_a_value_of_another_column_is_missing_when_a_table_without_types_would_leave_it_empty(
    value: Any,
) -> None:
    assert is_missing(value)
    assert TargetReader(("a", "b"), {}).read(value) == "it is missing"
    assert not any(map(is_missing, (0, 0.0, False, "0", [], {})))


def test_the_commands_agree_on_what_is_missing_and_differ_only_in_blank_texts() -> None:
    values = ["天気", "", " ", None, NAN, 3]
    rows = [{"text": value, "label": "a"} for value in values]
    with ExitStack() as stack:
        unlabelled = UnlabelledPosts(rows, "text", stack)
        assert [row.values["text"] for row in unlabelled] == ["天気", "", " "]
        assert [(x.number, x.reason) for x in unlabelled.rejects] == [
            (4, "it is missing"),
            (5, "it is missing"),
            (6, "it is a number, not text"),
        ]
    learned = read_raw(rows, Columns())
    assert [row.number for row in learned.rows] == [1]
    assert [(x.number, x.reason) for x in learned.rejects] == [
        (2, "it is blank"),
        (3, "it is blank"),
        (4, "it is missing"),
        (5, "it is missing"),
        (6, "it is a number, not text"),
    ]


def test_texts_are_the_same_whatever_their_width_case_and_blanks() -> None:
    assert same_text("ＡＢＣ　ｄｅｆ") == same_text("abc DEF\n")
    assert text_key("ＡＢＣ　ｄｅｆ") == text_key("abc DEF\n")
    assert text_key("abc") != text_key("abd")
    assert -(2**63) <= text_key("天気") < 2**63
    text_key("half of a pair: \ud800")


def test_a_key_is_longer_than_a_checksum() -> None:
    # Which takes these for the same, and among a million texts some hundred pairs.
    assert zlib.crc32(b"plumless") == zlib.crc32(b"buckeroo")
    assert text_key("plumless") != text_key("buckeroo")


def test_an_unclear_post_is_read_as_one() -> None:
    assert TargetReader(("a", "b"), {"?": "unclear"}).read("?") == Target((), -1, "unclear")
