"""Phrases: what belongs together, and a window without some of it."""

from __future__ import annotations

import numpy as np
import pytest

from riskclf.explanation.phrases import Phrases
from riskclf.tokens import Tokenizer
from tests.explanation.fuzzed import fuzzed_posts


def shown(post: str, tokenizer: Tokenizer) -> list[str]:
    (window,) = tokenizer.encode(post).windows
    return [post[a:b] for a, b in Phrases.of(post, window, tokenizer).shown]


@pytest.mark.parametrize(
    ("post", "expected"),
    [
        ("今日は図書館で本を三冊借りました。", ["今日", "図書館", "本", "三冊", "借りました"]),
        ("「明日の天気」は雨のち晴れらしいよ", ["明日", "天気", "雨のち", "晴れらしい"]),
        ("My bicycle is flat, again", ["My", "bicycle", "is", "flat", "again"]),
        ("오늘 점심은 뭐 먹지", ["오늘", "점심은", "뭐", "먹지"]),
        ("お母さんと動物園へ行ってください", ["お母さん", "動物園", "行ってください"]),
        ("本を借りてくれる人いませんか", ["本", "借りてくれる人いません"]),
        ("係の方はいますか。人に来る", ["係の方はいます", "人", "来る"]),
        ("ﾊﾟﾝ\u200bを  買った", ["ﾊﾟﾝ", "買った"]),
    ],
)
def test_words_stand_with_what_belongs_to_them(
    post: str, expected: list[str], tokenizer: Tokenizer
) -> None:
    assert shown(post, tokenizer) == expected


@pytest.mark.parametrize("unknown", [["ไ"] * 80 + ["ไทย"] * 5, ["ไทย"] * 80 + ["ไ"] * 70], ids=len)
def test_a_window_of_unknown_words_is_found_by_its_text(
    unknown: list[str], tokenizer: Tokenizer
) -> None:
    # The ids of these windows are all the same, and their texts are not of one length.
    post = " ".join(unknown)
    windows = tokenizer.encode(post).windows
    assert len(windows) > 2
    for window in windows:
        found = Phrases.of(post, window, tokenizer)
        assert post[slice(*found.whole)].replace(" ", "") == window.text.replace(" ", "")


def test_all_phrases_are_the_window_itself(
    sentences: tuple[str, ...], tokenizer: Tokenizer
) -> None:
    for post in sentences:
        (window,) = tokenizer.encode(post).windows
        phrases = Phrases.of(post, window, tokenizer)
        assert phrases.kept(np.ones(len(phrases), dtype=bool)) == window


def test_a_phrase_that_is_left_out_is_gone_for_every_expert(tokenizer: Tokenizer) -> None:
    post = "今日は図書館で本を借りた"
    (window,) = tokenizer.encode(post).windows
    phrases = Phrases.of(post, window, tokenizer)
    members = np.array([post[a:b] != "図書館" for a, b in phrases.shown])
    kept = phrases.kept(members)
    assert kept.text == "今日は 本を借りた"
    assert kept.words == "今日 は 本 を 借り た"
    # The same ids as without it, between the same special tokens.
    assert kept.ids == tokenizer.encode("今日は 本を借りた").windows[0].ids


def test_spans_lie_in_the_raw_post_in_order_whatever_it_holds(tokenizer: Tokenizer) -> None:
    for post in fuzzed_posts(400):
        for window in tokenizer.encode(post).windows:
            phrases = Phrases.of(post, window, tokenizer)
            places = [phrases.whole[0], *(x for span in phrases.shown for x in span)]
            assert places == sorted(places)
            assert 0 <= places[0] <= places[-1] <= phrases.whole[1] <= len(post)
            everything = phrases.kept(np.ones(len(phrases), dtype=bool))
            assert everything.ids == window.ids
            nothing = phrases.kept(np.zeros(len(phrases), dtype=bool))
            assert (len(nothing.ids), nothing.text, nothing.words) == (2, "", "")


def test_a_window_of_a_long_post_is_found_in_it(tokenizer: Tokenizer) -> None:
    post = "".join(f"{number}日は雨。" for number in range(1, 60))
    for window in tokenizer.encode(post).windows:
        phrases = Phrases.of(post, window, tokenizer)
        start, end = phrases.whole
        assert post[start:end] == window.text
        assert all(start <= a < b <= end for a, b in phrases.shown)
