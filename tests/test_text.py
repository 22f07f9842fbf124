"""Normalising: one form for what looks the same, offsets back to what was written, linear time."""

from __future__ import annotations

import itertools
import re
import sys
import time
import unicodedata
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskclf import text
from riskclf.text import Normalised, normalise

EVERY_CODE_POINT = range(sys.maxunicode + 1)

# Pieces that change, vanish, combine with a neighbour or come in several forms.
AWKWARD = (
    *("か", "は", "ﾊ", "ｶ", "\u3099", "\u309a", "ﾞ", "ﾟ", "゛", "㈱", "㍿", "Ａ", "１", "…", "～"),
    *("가", "ᄀ", "ᅡ", "ᆨ", "ㄱ", "ㅏ", "\u1160", "\u3164", "\uffa0"),
    *("e", "\u0301", "\u0323", "é", "İ", "ﬁ", "½", "´", "\ufdfa"),
    *(" ", "\u3000", "\t", "\r\n", "\x0b", "\x1c", "\x85", "\xa0", "\u2003", "\u2028", "\u2800"),
    *("\0", "\x07", "\x7f", "\xad", "\u200b", "\u200d", "\u2060", "\ufeff", "\u202e", "\u2067"),
    *("\ufe0e", "\ufe0f", "\U000e0101", "\u034f", "\ud83d", "\udc4d", "\ufffd", "\uffff"),
    *("👩", "👧", "🏽", "🇯", "🇵", "❤", "⃣", "\U000e0067"),
)
JUNK = st.lists(
    st.one_of(
        st.sampled_from(AWKWARD),
        st.characters(exclude_categories=()),  # lone surrogates too
        st.text("今日は雨 abc", max_size=4),
    ),
    max_size=20,
).map("".join)


def assert_normal_form(normalised: str) -> None:
    assert unicodedata.is_normalized("NFKC", normalised)
    assert normalise(normalised).text == normalised
    assert "  " not in normalised
    assert normalised == normalised.strip()


def assert_offsets(raw: str, result: Normalised) -> None:
    starts, ends = list(result.starts), list(result.ends)
    assert len(starts) == len(ends) == len(result.text)
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(0 <= a < b <= len(raw) for a, b in zip(starts, ends, strict=True))


# What looks the same becomes the same -------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", ""),
        ("今日は雨", "今日は雨"),
        ("ＡＢＣ１２３！", "ABC123!"),
        ("ﾃﾚﾋﾞのﾘﾓｺﾝ", "テレビのリモコン"),
        ("ﾊﾟﾝ ﾊﾞｽ ｶﾞﾑ", "パン バス ガム"),
        ("は\u309aん か\u3099む", "ぱん がむ"),
        ("㈱みどり商店", "(株)みどり商店"),
        ("㍿みどり", "株式会社みどり"),
        ("①番、½個、ﬁn", "1番、1⁄2個、fin"),
        ("まって〜", "まって〜"),
        ("ᄒ\u1161ᆫ글", "한글"),
        ("cafe\u0301", "café"),
        ("か\u200bさ\u200c\u200d\u2060\ufeff", "かさ"),
        ("か\0さ\x07\x7f\x9b", "かさ"),
        ("❤\ufe0f☔\ufe0e葛\U000e0101", "❤☔葛"),
        ("\u202eか\u2066さ\u2069\u200f", "かさ"),
        ("so\xadft", "soft"),
        ("👨\u200d👩\u200d👧", "👨👩👧"),
        ("傘\ud83dと靴\udc4d", "傘\ufffdと靴\ufffd"),
    ],
)
def test_spellings_of_the_same_text_become_one(raw: str, expected: str) -> None:
    assert normalise(raw).text == expected


@pytest.mark.parametrize(
    "blank",
    [chr(c) for c in EVERY_CODE_POINT if chr(c).isspace()]
    + ["\u115f", "\u1160", "\u2800", "\u3164", "\uffa0", "\r\n", " \u3000\t", "\u200b \u200b"],
    ids=lambda blank: " ".join(f"U+{ord(c):04X}" for c in blank),
)
def test_every_kind_of_blank_is_one_space_inside_and_nothing_outside(blank: str) -> None:
    assert normalise(f"{blank}傘{blank}{blank}靴{blank}").text == "傘 靴"
    assert normalise(blank).text == ""


def test_a_nul_does_not_hide_what_follows() -> None:
    assert normalise("傘を\0買った").text == "傘を買った"


def test_a_letter_under_a_pile_of_marks_stays_itself() -> None:
    result = normalise("か" + "\u0301" * 500 + "さ").text
    assert result[0] == "か"
    assert result[-1] == "さ"
    assert len(result) <= 2 + 30  # the bound of Unicode's Stream-Safe Text Format


# Its own normal form ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        "a" + "\u0301" * 31,
        "a" + "\u0344" * 30,  # one mark that NFKC makes two
        "\u01d6\u0328" + "\u0301" * 29,  # a letter that NFKC takes apart
    ],
    ids=["plain marks", "double marks", "letter taken apart"],
)
def test_a_pile_of_marks_is_cut_once_and_for_all(raw: str) -> None:
    assert_normal_form(normalise(raw).text)


@given(JUNK)
def test_normalising_twice_changes_nothing(raw: str) -> None:
    assert_normal_form(normalise(raw).text)


@cache
def _indifferent(code_point: int) -> bool:
    """NFKC leaves it alone, and it is unassigned, private, an ideograph or a Hangul syllable."""
    character = chr(code_point)
    category = unicodedata.category(character)
    in_mass = 0x3400 <= code_point <= 0x9FFF or 0xAC00 <= code_point <= 0xD7A3
    return unicodedata.normalize("NFKC", character) == character and (
        category in ("Cn", "Co") or (category == "Lo" and (in_mass or code_point >= 0x20000))
    )


@pytest.mark.parametrize("context", ["{}", "か{}", "a{}b", "가{}"])
def test_every_code_point_gives_a_normal_form_in_every_context(context: str) -> None:
    for code_point in itertools.filterfalse(_indifferent, EVERY_CODE_POINT):
        raw = context.format(chr(code_point))
        result = normalise(raw)
        try:
            assert_normal_form(result.text)
            assert_offsets(raw, result)
        except AssertionError as error:
            raise AssertionError(f"U+{code_point:04X}") from error


def test_code_points_without_other_forms_stay_as_they_are() -> None:
    code_points = list(filter(_indifferent, EVERY_CODE_POINT))
    for start in range(0, len(code_points), 4096):
        raw = "".join(f"か{chr(code_point)}" for code_point in code_points[start : start + 4096])
        assert normalise(raw).text == raw


def test_every_plain_character_stands_for_exactly_one() -> None:
    plain = re.compile(f"[{text._PLAIN}]")
    characters = [chr(c) for c in EVERY_CODE_POINT if plain.fullmatch(chr(c))]
    assert len(characters) > 80_000  # the CJK and Hangul blocks at least
    neighbours = ("", "a", "か", "ﾊ", "가", "漢")
    for character in characters:
        alone = unicodedata.normalize("NFKC", character)
        assert len(alone) == 1, f"U+{ord(character):04X}"
        # Dropped or blank characters must not slip through.
        assert normalise(f"\u200b{character}").text == alone, f"U+{ord(character):04X}"
        for before in neighbours:
            joined = unicodedata.normalize("NFKC", before + character)
            assert joined == unicodedata.normalize("NFKC", before) + alone, (
                f"U+{ord(character):04X} after {before!r}"
            )


# Offsets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "part", "source"),
    [
        ("今日は雨", "は", "は"),
        ("ﾊﾟﾝを買う", "パ", "ﾊﾟ"),
        ("ﾊﾟﾝを買う", "ン", "ﾝ"),
        ("㈱みどり", "(株)", "㈱"),
        ("㈱みどり", "株", "㈱"),
        ("傘\u3000\n靴", " ", "\u3000\n"),
        ("  傘 ", "傘", "傘"),
        ("傘\u200b靴と傘", "傘靴", "傘\u200b靴"),
        ("か\u200b\u3099む", "が", "か\u200b\u3099"),
        ("ᄒ\u1161ᆫ글", "한", "ᄒ\u1161ᆫ"),
        ("📚👨\u200d👩と", "👨👩", "👨\u200d👩"),
        ("cafe\u0301!", "é!", "e\u0301!"),
    ],
)
def test_raw_span_covers_what_a_part_came_from(raw: str, part: str, source: str) -> None:
    result = normalise(raw)
    start = result.text.index(part)
    raw_start, raw_end = result.raw_span(start, start + len(part))
    assert raw[raw_start:raw_end] == source


@given(JUNK)
def test_every_character_has_a_span_and_spans_never_go_back(raw: str) -> None:
    assert_offsets(raw, normalise(raw))


@given(JUNK, st.data())
def test_a_part_is_found_again_in_its_raw_span(raw: str, data: st.DataObject) -> None:
    result = normalise(raw)
    visible = [index for index, character in enumerate(result.text) if character != " "]
    if not visible:
        return
    first, last = sorted(data.draw(st.tuples(*[st.sampled_from(visible)] * 2)))
    start, end = result.raw_span(first, last + 1)
    assert result.text[first : last + 1] in normalise(raw[start:end]).text


@pytest.mark.parametrize("span", [(0, 0), (2, 1), (-1, 1), (0, 5)])
def test_an_impossible_span_is_refused(span: tuple[int, int]) -> None:
    with pytest.raises(IndexError, match=f"no span {span[0]}:{span[1]} in a text of 4 characters"):
        normalise("今日は雨").raw_span(*span)


# Time and size ------------------------------------------------------------------------------------


def _seconds(raw: str) -> float:
    """Processor time, so that other programs do not count; the best of three."""

    def measured() -> Iterator[float]:
        for _ in range(3):
            before = time.process_time()
            normalise(raw)
            yield time.process_time() - before

    return min(measured())


@pytest.mark.parametrize(
    "unit",
    [
        "a\u0301\u0323",
        "\u0301\u0323",
        " \n",
        "ᄀ\u1161ᆨ",
        "\u1161",
        "\0",
        "ﾊﾟ",
        "👩\u200d",
        "今日は、雨 ",
    ],
    ids=ascii,
)
def test_time_grows_with_the_length_and_no_faster(unit: str) -> None:
    # Four times the text takes some 4 times as long, and would take 16 times if it were quadratic.
    size = 100_000
    assert _seconds((unit * size)[: 4 * size]) < 8 * _seconds((unit * size)[:size])


def test_ten_megabytes_go_through(sentences: tuple[str, ...]) -> None:
    page = "\n".join(sentences) + "\n"
    raw = page * (10_000_000 // len(page.encode()) + 1)
    result = normalise(raw)
    assert len(raw.encode()) >= 10_000_000
    assert result.text.startswith(normalise(sentences[0]).text)
    assert result.text.endswith(normalise(sentences[-1]).text)
    last = len(result.text)
    assert result.raw_span(last - 1, last) == (len(raw) - 2, len(raw) - 1)
