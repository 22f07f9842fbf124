"""Posts that cannot be read are found, and ordinary ones are not taken for them."""

from __future__ import annotations

import pytest

from riskclf.labels import REASON_CODES
from riskclf.legibility import text_codes
from riskclf.text import normalise
from tests.conftest import CHINESE, ENGLISH, JAPANESE, KOREAN

ACCIDENTS = [  # written in one encoding, read in another
    ("utf-8", "cp932"),
    ("utf-8", "gbk"),
    ("utf-8", "cp1252"),
    ("utf-8", "latin-1"),
    ("utf-8", "euc-jp"),
    ("cp932", "utf-8"),
    ("cp932", "latin-1"),
    ("cp932", "cp1252"),
    ("cp932", "euc-jp"),
    ("euc-jp", "utf-8"),
    ("euc-jp", "latin-1"),
    ("euc-jp", "cp932"),
]


def codes(post: str) -> tuple[str, ...]:
    return text_codes(post, normalise(post).text)


@pytest.mark.parametrize(
    "post",
    [
        *(*JAPANESE, *ENGLISH, *KOREAN, *CHINESE),
        "え、まじで？？？？？？？？",
        "what???????",
        "????",
        "ほんとに????????",
        "huh??? really????",
        "え……",
        "えっと､､､､､",
        "ｱﾊﾟｰﾄ､ﾏﾝｼｮﾝ､ｺｰﾋﾟｰ",
        "･･････",
        "¥¥¥",
        "£5 – it’s “cheap”… ½ price, 20 °C",
        "Où est le café ? Près de l’hôtel, à gauche, où j’ai dîné l’été dernier.",
        "Größe: 12 m². Schön, daß Sie kommen können!",
        "😀😂🥰👍🎉📚",
        "Σ(ﾟДﾟ) (´Д｀) ლ(´ڡ`ლ) ฅ^•ω•^ฅ",
        "やったー (☝ ՞ਊ ՞)☝",
        "ロシア語では、さようならは до завтра と言うらしい",
        "Ωの単位、λと書く",
        "https://example.com/?a=1&b=2??",
        "最後の絵文字が消えた、残りは読める�",
    ],
)
def test_an_ordinary_post_has_no_code(post: str) -> None:
    assert codes(post) == ()


@pytest.mark.parametrize("post", ["", " ", "\0", "　\n\t", "\u200b\ufeff", "\u3164", "\ufe0f"])
def test_what_leaves_nothing_is_blank(post: str) -> None:
    assert codes(post) == ("blank",)


@pytest.mark.parametrize(("written", "read"), ACCIDENTS)
def test_text_that_was_read_in_another_encoding_is_unreadable(written: str, read: str) -> None:
    for post in JAPANESE:
        garbled = post.encode(written, "ignore").decode(read, "replace")
        assert "unreadable" in codes(garbled), garbled


@pytest.mark.parametrize("read", ["latin-1", "cp1252"])
@pytest.mark.parametrize("post", ["今 日 は 雨 が 降 る", "「、」「。」", "パ ン 屋 さん へ"])
def test_blanks_and_rare_bytes_do_not_hide_it(post: str, read: str) -> None:
    assert codes(post) == ()
    assert codes(post.encode().decode(read, "replace")) == ("unreadable",)


def test_what_an_encoding_lacked_is_unreadable() -> None:
    for post in (*JAPANESE, "LINE交換してくれる友だちを探しています"):
        if sum(not character.isascii() for character in post) >= 10:
            assert codes(post.encode("ascii", "replace").decode()) == ("unreadable",)


def test_bytes_kept_as_surrogates_are_unreadable() -> None:
    kept = JAPANESE[1].encode("cp932").decode("utf-8", "surrogateescape")
    assert codes(kept) == ("unreadable",)


@pytest.mark.parametrize(
    "post",
    [
        "Сегодня я взял в библиотеке три книги",
        "วันนี้ฉันยืมหนังสือสามเล่มจากห้องสมุด",
        "استعرت اليوم ثلاثة كتب من المكتبة",
        "आज मैंने पुस्तकालय से तीन किताबें लीं",
        "Σήμερα δανείστηκα τρία βιβλία",
        "היום שאלתי שלושה ספרים מהספרייה",
        "LINE: Сегодня я взял в библиотеке три книги 10:25",
    ],
)
def test_a_post_in_another_script_has_its_own_code(post: str) -> None:
    assert codes(post) == ("unsupported_script",)


def test_a_post_with_a_little_of_another_script_is_read() -> None:
    assert codes(f"{JAPANESE[1]}спасибо") == ()


def test_a_long_post_is_judged_as_a_whole_and_in_time() -> None:
    garbled = JAPANESE[1].encode().decode("cp932", "replace")
    assert codes(garbled * 2000) == ("unreadable",)
    assert codes(JAPANESE[1] * 2000 + garbled) == ()
    assert codes("?" * 1_000_000) == ("unreadable",)
    assert set(codes("я" * 1_000_000)) <= set(REASON_CODES)
