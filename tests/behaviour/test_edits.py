"""The edits of whole phrases, on harmless text."""

from __future__ import annotations

import random

import pytest

from tests.behaviour.edits import DIRECTION, INVARIANCE, LANGUAGES

ORDINARY = {
    "ja": "高2です。大阪で参考書がほしいです、2万円もするんだよ。図書館へ行く友達を募集しています",
    "en": "I'm 16 and I want a maths book, $20 in Boston. Can you recommend one, please?",
}
FRAMES = ("author", "quotation", "question", "the past", "third person", "report")


def edited(name: str, text: str, lang: str = "ja", seed: int = 0) -> str | None:
    return {**INVARIANCE, **DIRECTION}[name](text, lang, random.Random(seed))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", [*INVARIANCE, *DIRECTION])
def test_an_edit_is_seeded_and_changes_text(name: str, lang: str) -> None:
    text = ORDINARY[lang]
    changed = edited(name, text, lang)
    if changed is None:
        assert (name, lang) == ("dialect endings", "en")
    else:
        assert changed != text
        assert edited(name, text, lang) == changed


@pytest.mark.parametrize("name", [x for x in DIRECTION if x.startswith(FRAMES)])
def test_a_frame_holds_the_post_as_it_is(name: str) -> None:
    for lang, text in ORDINARY.items():
        assert text in (edited(name, text, lang) or "")


def test_places_and_sums_become_others_and_nothing_else_changes() -> None:
    text = "大阪から大阪まで5000円、17歳の妹と"
    place = edited("places", text)
    assert place and "大阪" not in place and place.endswith("まで5000円、17歳の妹と")
    start, end = place.split("から")
    assert end.startswith(start)  # the same name everywhere
    sums = edited("sums of money", text)
    assert sums and sums.startswith("大阪から大阪まで") and sums.endswith("000円、17歳の妹と")
    assert sums != text
    assert edited("places", "大阪弁の辞書を買った") is None
    assert edited("sums of money", "17歳の妹と3人で") is None


def test_pupils_become_adults_only_where_no_other_age_is_told() -> None:
    assert (
        edited("adults instead of pupils", "高校生です。友達と図書館") == "社会人です。友達と図書館"
    )
    assert edited("adults instead of pupils", "I'm 16, maths is hard", "en") == (
        "I'm 28, maths is hard"
    )
    assert edited("adults instead of pupils", "高校生です。10代の友達と図書館") is None
    assert edited("adults instead of pupils", "夜中1時まで本を読んだ") is None


def test_an_ask_is_negated() -> None:
    assert edited("negation of the ask", "友達を募集しています") == "友達を募集していません"
    assert edited("negation of the ask", "looking for a tutor", "en") == "not looking for a tutor"
    assert edited("negation of the ask", "図書館で本を読んだ") is None
