"""Disguises are undone, honest text stays, and offsets lead back to what was written."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskclf.disguise import undo as module
from riskclf.disguise.edits import Edit, Mapped, apply
from riskclf.disguise.undo import may_be_disguised, undo
from riskclf.text import normalise, plain_form

DISGUISED = {
    "look-alikes of Latin letters": [
        ("sсhооl", "school"),  # Cyrillic
        ("schοοl", "school"),  # Greek
        ("ЈК です", "JK です"),
        ("ꓙꓗです", "JKです"),
        ("ᴊᴋ", "jk"),
        ("sсhо\u0301ol", "schóol"),
    ],
    "enclosed and emoji letters": [
        ("🅹🅺です", "JKです"),
        ("🅙🅚", "JK"),
        ("🇯🇰です", "JKです"),
        ("🅿🅰🅿🅰", "PAPA"),
        ("Ⓙⓚ", "Jk"),
        ("🄹🄺", "JK"),
        ("𝓼𝓬𝓱𝓸𝓸𝓵", "school"),
        ("1\ufe0f\u20e37\ufe0f\u20e3歳", "17歳"),
    ],
    "kana for kanji and kanji for kana": [("ラ一メン", "ラーメン"), ("あリがとう", "ありがとう")],
    "signs between single characters": [
        ("パ/パ/活", "パパ活"),
        ("パ・パ・活の話", "パパ活の話"),
        ("パ🍀パ🍀活", "パパ活"),
        ("女 子 高 生", "女子高生"),
        ("高.校.生", "高校生"),
        ("学*校", "学校"),
        ("学.校の話", "学校の話"),
        ("カ_ラオケ", "カラオケ"),
        ("p a p a", "papa"),
        ("h.i.g.h", "high"),
        ("h i g h s c h o o l", "highschool"),
        ("K-i-T-e", "KiTe"),
        ("J・K", "J・K"),
        ("J・Kです", "JKです"),
        ("J K です", "JK です"),
        ("깜.짝.놀.랐.다", "깜짝놀랐다"),
    ],
    "long runs": [("ぱーーーぱ活", "ぱーぱ活"), ("パパ活ーーー", "パパ活ー"), ("sooooo", "sooo")],
    "invisible characters inside a word": [("sch\u200bool", "school"), ("学\u2060校", "学校")],
}
PAIRS = [pair for pairs in DISGUISED.values() for pair in pairs]

RESPELLED = [  # read with digits, and no disguise
    ("十七歳です", "17歳です"),
    ("一七歳", "17歳"),
    ("二十歳以上", "20歳以上"),
    ("十七岁", "17岁"),
    ("六歳の弟", "6歳の弟"),
    ("高二です", "高2です"),
    ("中三女子", "中3女子"),
    ("小六女子", "小6女子"),
    ("高校三年生", "高校3年生"),
    ("高ニ女子", "高2女子"),
    ("1\u20e3 手順", "1 手順"),
    ("ＪＫ", "JK"),
    ("⑰", "17"),
]

HONEST = [
    *("Привет мир", "Москва и СССР", "Καλημέρα", "(Д)", "μm", "TNFα", "IFNγ", "café", "naïve"),
    *("🇯🇵", "🇯🇵🇰🇷", "🅰型", "🅿あり", "[ˈlɪkə]", "T_T", "x_x", "(へ_へ)", "星*カフェ"),
    *(
        "J.K. Rowling",
        "U.S.A.",
        "A・B",
        "X・Y",
        "J・R・R・トールキン",
        "J・K・ローリングです",
        "K・S氏は",
    ),
    *("1 2 3", "3.5", "2024.5.6", "090-1-2-3", "Q & A", "A B型", "A B C D", "a.m.", "S・M・Lです"),
    *("O・Kです", "C D です", "Y・Zです", "K-i-T", "山田・J*Kです"),
    *(
        "○ × △",
        "小・中・高校",
        "月・火・水・木",
        "東 西 南 北",
        "あ い う え お",
        "イ・ロ・ハ・ニ",
        "一・二・三・四",
    ),
    *("今日 は 雨", "더 볼 수 없", "이 왜 이", "I am a boy", "プロ野球パ・リーグ"),
    *(
        "wwwwww",
        "ええええ",
        "哈哈哈哈哈哈",
        "ㅋㅋㅋㅋㅋㅋ",
        "1000000",
        "!!!!!!!",
        "スーパー",
        "emmmm",
        "hhhhhhh",
    ),
    *(
        "一人",
        "二人",
        "三重県",
        "高三郎",
        "中二病",
        "小一時間",
        "中一日",
        "中一年置いて",
        "最高二",
        "大学四年除了",
        "小六は",
    ),
    *(
        "何十歳",
        "两三岁",
        "百二十歳",
        "三、四十歳",
        "四五歳",
        "十七八歳",
        "天才",
        "二才",
        "〇歳児",
        "高校三年間",
    ),
    *(
        "リスト一覧",
        "コミュニケーション力",
        "一ツ",
        "ネット口コミ",
        "スキル力アップ",
        "ピザ一ピース",
        "カナダへ行く",
        "二カ月",
    ),
]


@pytest.mark.parametrize(("raw", "read"), PAIRS)
def test_a_disguise_is_undone_and_counted(raw: str, read: str) -> None:
    result = normalise(raw)
    assert result.text == read
    assert result.undone == (raw != read)


@pytest.mark.parametrize(("raw", "read"), RESPELLED)
def test_another_spelling_is_read_alike_and_not_counted(raw: str, read: str) -> None:
    result = normalise(raw)
    assert result.text == read
    assert result.undone == 0


@pytest.mark.parametrize("text", HONEST)
@pytest.mark.parametrize("context", ["{}", "「{}」と書いた。"])
def test_honest_text_stays_as_it_is(text: str, context: str) -> None:
    raw = context.format(text)
    result = normalise(raw)
    assert result.text == unicodedata.normalize("NFKC", raw)
    assert result.undone == 0


def test_each_disguise_counts_once() -> None:
    assert normalise("パ/パ/活の🅹🅺、sсhооlへ").undone == 3
    assert normalise("パ.パ.活_女_子")[::3] == ("パパ活女子", 2)
    assert normalise("🇯 🇰 です").undone == 3  # two letters, and the blank between them
    assert normalise("دست\u200cها").undone == 0  # Persian needs the joiner
    assert normalise("so\xadft").undone == 0  # a hyphenation of Latin text


@pytest.mark.parametrize(
    ("raw", "part", "source"),
    [
        ("今日パ/パ/活する", "パパ活", "パ/パ/活"),
        ("今日パ/パ/活する", "パ活", "パ/活"),
        ("の🅹🅺で", "J", "🅹"),
        ("は十七歳", "17", "十七"),
        ("は十七歳", "7", "七"),
        ("は二十五歳", "5", "二十五"),
        ("ぱーーーぱ活", "ーぱ", "ーーーぱ"),
        ("a sсhооl b", "hoo", "hоо"),
        ("1\ufe0f\u20e37\ufe0f\u20e3歳", "17", "1\ufe0f\u20e37\ufe0f\u20e3"),
    ],
)
def test_a_span_covers_what_was_undone(raw: str, part: str, source: str) -> None:
    result = normalise(raw)
    start = result.text.index(part)
    first, last = result.raw_span(start, start + len(part))
    assert raw[first:last].rstrip("\ufe0f\u20e3") == source.rstrip("\ufe0f\u20e3")


# Its own normal form ------------------------------------------------------------------------------

ALPHABET = st.sampled_from(
    "aJKowzhAéсоЈКжДαοΑωᴊɪꓙɡ🅹🅺🅰🇯🇰🇵🄹Ⓙ𝓼1７⑰\u20e3"
    "あいぱょっパァラメヘへニ二一ーロ口力八高中小初校学年歳才女十七三〇々가각ㅋ"
    " \u3000\n.・/-*_♡🍀〜~!、()\u0301\u0327\u3099\u309a゛\u200b\ufe0f"
)
MIXED = st.text(ALPHABET, max_size=14)
# Few characters, so that runs and neighbours come together.
DENSE = st.sets(ALPHABET, min_size=2, max_size=5).flatmap(
    lambda few: st.text(st.sampled_from(sorted(few)), max_size=16)
)


@settings(max_examples=1500)
@given(st.one_of(MIXED, DENSE))
def test_what_is_undone_is_a_normal_form_with_offsets(raw: str) -> None:
    result = normalise(raw)
    assert normalise(result.text).text == result.text
    assert normalise(result.text).undone == 0
    assert unicodedata.is_normalized("NFKC", result.text)
    assert result.text == result.text.strip()
    assert "  " not in result.text
    starts, ends = list(result.starts), list(result.ends)
    assert len(starts) == len(ends) == len(result.text)
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(0 <= start < end <= len(raw) for start, end in zip(starts, ends, strict=True))


@settings(max_examples=1500)
@given(st.one_of(MIXED, DENSE))
def test_the_quick_check_misses_nothing(raw: str) -> None:
    plain = plain_form(raw)
    text, _ = undo(Mapped(plain.text, plain.starts, plain.ends))
    if text.text != plain.text:
        assert may_be_disguised(plain.text, common=False)
        assert normalise(raw).text == text.text


def test_a_text_that_never_settles_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROUNDS", 0)
    assert normalise("パ/パ/活").text == "パ/パ/活"


def test_edits_keep_the_map() -> None:
    before = Mapped("abcde", range(0, 5), range(1, 6))
    after = apply(before, [Edit(1, 2, ""), Edit(2, 4, "XY"), Edit(4, 5, "pqr")])
    assert after.text == "aXYpqr"
    assert list(after.starts) == [0, 2, 3, 4, 4, 4]
    assert list(after.ends) == [1, 3, 4, 5, 5, 5]


# Time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit",
    [
        "パ/",
        "a.",
        "a ",
        "a・b-",
        "o",
        "ー",
        "ラ一",
        "一",
        "🅹",
        "🇯",
        "1\u20e3",
        "о",
        "oо",
        "ᴊ",
        "о\u0301",
        "十七歳",
        "高二",
        "女 子-",
        "あリ",
        "a\u200b",
        "𝓼",
        "Ⓙa",
        "ー.",
        "学*",
        "가.",
        "\u200b",
        "\xad",
        "・",
    ],
    ids=ascii,
)
def test_time_grows_with_the_length_and_no_faster(unit: str) -> None:
    def seconds(raw: str) -> float:
        def once() -> float:
            before = time.process_time()
            normalise(raw)
            return time.process_time() - before

        return min(once() for _ in range(3))

    size = 40_000
    assert seconds((unit * size)[: 4 * size]) < 8 * seconds((unit * size)[:size])
