"""Kanji numerals where they state an age or a school grade: 十七歳 is read as 17歳, 高二 as 高2.

This is another spelling, not a disguise, so it is not counted. One way only: digits stay.
"""

from __future__ import annotations

import re

from riskclf.disguise.edits import Edit, Undone

__all__ = ["LIKELY_NUMERAL", "digits_for_ages_and_grades"]

_DIGITS = {
    **{kanji: value for value, kanji in enumerate("〇一二三四五六七八九")},
    **{"壱": 1, "弐": 2, "参": 3, "ニ": 2},  # the last is katakana ni, which looks like two
}
_NUMERAL = "〇一二三四五六七八九十壱弐参"

# 何十歳, 数十歳, 百二十歳 and 三、四十歳 state no age in two digits; 天才 and 才能 are no ages.
_AGE = re.compile(
    rf"(?<![{_NUMERAL}ニ百千万億何数幾廿卅两0-9])(?<![{_NUMERAL}][、・,~〜])"
    rf"(?P<number>[{_NUMERAL}ニ]{{1,3}})(?=[歳岁歲]|才(?![能覚気人女子色知幹智媛]))"
)

# 高二 and its like are grades where no kanji stands before, and what follows fits: the end of the
# word, 女, 男 or 生, 年 that is not 年間. So 最高二, 高三郎, 中二病, 小一時間 and 中一日 stay.
# 小六 is a name too, so it needs 女, 男, 生 or 年.
_CHILD = "(?=[女男生]|年(?![間前後ぶ制置]))"
_END = rf"(?:{_CHILD}|(?=[のでだはがをにもやとっ、。,!?\s)）」・/]|です|JK|jk|$))"
_GRADE = re.compile(
    rf"(?<![一-鿿0-9])(?:現|新|元)?(?:高(?P<high>[一二三]){_END}|中(?P<middle>[一二三]){_END}"
    rf"|小(?P<primary>[一二三四五六]){_CHILD})"
    "|初(?P<chuyi>[一二三])(?=女生|男生|学生)"
)
# 小学校の六年間 and 大学四年除了 (four years) state no grade.
_YEAR = r"(?=年(?:[生级級次のでにだは、,。\s)」]|$))"
_KATAKANA_TWO = re.compile(r"(?<![ァ-ヶー一-鿿])[高中小](?P<two>ニ)(?=[女男生]|年(?!間))")
_SCHOOL_YEAR = re.compile(
    r"(?:高校|高等学校|中学|中学校|小学|小学校|大学)の?(?P<year>[一二三四五六ニ])" + _YEAR
)
LIKELY_NUMERAL = (
    rf"[{_NUMERAL}ニ]",
    r"[歳岁歲才]|(?<=[高中小初学校の].)(?![一-鿿](?<![女男生年学]))",
)
"""Cheap: a rare character, and what stands behind it, in every text that has one to replace."""


_ANY = re.compile(f"{LIKELY_NUMERAL[0]}(?:{LIKELY_NUMERAL[1]})")


def digits_for_ages_and_grades(text: str) -> Undone:
    """Digits in the place of kanji numerals that state an age or a grade."""
    edits: list[Edit] = []
    if _ANY.search(text):
        for age in _AGE.finditer(text):
            value = _value(age["number"], before_sai=text.startswith("才", age.end()))
            if value is not None:
                edits.append(Edit(age.start(), age.end(), str(value)))
        for pattern in (_GRADE, _KATAKANA_TWO, _SCHOOL_YEAR):
            for grade in pattern.finditer(text):
                name = grade.lastgroup
                assert name is not None  # every alternative has a group
                edits.append(Edit(*grade.span(name), str(_DIGITS[grade[name]])))
    return Undone(sorted(edits), 0)


def _value(number: str, before_sai: bool) -> int | None:
    """The age that a numeral states; None where it states none, or two (四五歳, 十七八歳)."""
    if "十" in number:
        tens, _, ones = number.partition("十")
        if len(tens) > 1 or len(ones) > 1 or "〇" in tens + ones or "十" in ones:
            return None
        return 10 * (_DIGITS[tens] if tens else 1) + (_DIGITS[ones] if ones else 0)
    digits = [_DIGITS[character] for character in number]
    if len(digits) == 1:
        # 二才 is mostly a word of its own, 〇歳 is written in censuses.
        return None if before_sai or not digits[0] or number == "ニ" else digits[0]
    if len(digits) > 2 or not digits[0] or digits[1] == digits[0] + 1:
        return None
    return 10 * digits[0] + digits[1]
