"""Signs and blanks between single characters: "パ.パ.活", "h i g h". They are taken out.

What honest text does with the same signs decides where. Counted on 493,000 natural lines: lists
of single characters stand with "・", "/", "-" and blanks (小・中・高校, 月・火・水, A・B・C,
J・R・R・トールキン), and Korean words of one syllable stand beside each other. So these signs need
four characters, or three of kana and kanji mixed, and clear ends. Other signs (., hearts, emoji)
need three, and * and _ within one script two; so does a full stop between kanji in Japanese text.
Digits are never joined: prices, dates, phone numbers.

Left out: "J.K" (U.S, O.K and initials are as common), commas (lists and clauses), Korean with
blanks (11,000 runs in 35,000 lines), runs of numerals, days, directions and colours.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

from riskclf.disguise.edits import Edit, Undone

__all__ = ["LIKELY_RUN", "join"]

_LATIN = "A-Za-zÀ-ÖØ-öø-ɏʀ-ʯͰ-ϿЀ-ԯᴀ-ᶿꜰꜱ"
_KANA = "ぁ-ゖァ-ヺー"
_HAN = "々一-鿿"
_HANGUL = "가-힣"
_ODD = "*_|+`.☀-➿\U0001f300-\U0001faff"
_LISTING = r"・/\-"
_LETTER = rf"(?<![{_LATIN}0-9])[{_LATIN}](?![{_LATIN}0-9])"
_OTHER = rf"[{_KANA}{_HAN}{_HANGUL}]"
_SIGN = rf" ?[{_ODD}{_LISTING}] ?| "
_RUN = re.compile(
    rf"{_LETTER}(?P<sign>{_SIGN}){_LETTER}(?:(?P=sign){_LETTER})*"
    rf"|{_OTHER}(?P<mark>{_SIGN}){_OTHER}(?:(?P=mark){_OTHER})*"
)

LIKELY_RUN = (
    rf"[{_ODD}{_LISTING} ]",
    rf"(?<=[*_.])[{_KANA}{_HAN}]"
    rf"|[{_KANA}{_HAN}{_HANGUL}] ?[{_ODD}{_LISTING}]"
    rf"|(?<= )[{_KANA}{_HAN}] [{_KANA}{_HAN}]"
    rf"|(?<=[{_LATIN}].)[{_LATIN}](?![{_LATIN}])(?:(?<=[A-Z].[A-Z])|(?<=[*_☆★♡♥].)"
    rf"| ?[{_ODD}{_LISTING} ] ?[{_LATIN}](?![{_LATIN}]))",
)
"""Cheap: a rare character, and what stands behind it, in every text with a run that is joined."""

_SCRIPTS = {
    "latin": re.compile(f"[{_LATIN}]"),
    "kana": re.compile(f"[{_KANA}]"),
    "han": re.compile(f"[{_HAN}]"),
    "hangul": re.compile(f"[{_HANGUL}]"),
    "digit": re.compile("[0-9]"),
}
_KATAKANA = re.compile("[ァ-ヺー]")
_JAPANESE = re.compile(f"[{_KANA}]")

# Kinds of single kanji that honest text lists: numbers, days, seasons, directions, colours, sizes.
_LISTED = frozenset(
    "〇一二三四五六七八九十月火水木金土日祝春夏秋冬東西南北中赤青黄白黒緑紫大小上下左右"
)
_IROHA = "イロハニホヘトチリヌルヲ"


def join(text: str) -> Undone:
    """Take the signs out between single characters, where that is no honest list."""
    edits: list[Edit] = []
    count = 0
    run = _RUN.search(text)
    while run:
        sign = run["sign"] or run["mark"]
        # Every character of the run is single, the first and the last of it may belong to words.
        width = len(sign) + 1
        characters = run[0][::width]
        if _is_disguise(text, run.start(), run.end(), characters, sign):
            count += 1
            edits += [
                Edit(at + 1, at + width, "") for at in range(run.start(), run.end() - 1, width)
            ]
        # The last character may begin the next run, with another sign.
        run = _RUN.search(text, run.end() - 1)
    return Undone(edits, count)


def _is_disguise(text: str, start: int, end: int, characters: str, sign: str) -> bool:
    scripts = {_script(character) for character in characters}
    bare = sign.strip() or " "
    if "ー" in (characters[0], *_doubled(characters)):
        return False
    if scripts == {"latin"}:
        return _latin_is_disguise(text, start, end, characters, sign)
    first, last = text[max(0, start - 1) : start], text[end : end + 1]
    # る in 入る・道 belongs to a word, パ behind hiragana begins one.
    begins = _script(first) not in ("kana", "han") or bool(
        _KATAKANA.match(characters[0]) and not _KATAKANA.match(first)
    )
    clear = begins and _script(last) != _script(characters[-1])
    if "hangul" in scripts:
        return scripts == {"hangul"} and bare != " " and len(characters) >= 3 and clear
    if "latin" in scripts or _LISTED.issuperset(characters) or _is_sequence(characters):
        return False
    if bare in " ・/-":
        mixed = scripts == {"kana", "han"}
        return clear and len(characters) >= (3 if mixed else 4)
    if sign == "." and scripts == {"han"} and _JAPANESE.search(text):
        return True  # Japanese writes no such full stop, Chinese does
    if sign in "*_" and len(scripts) == 1:
        return len(set(characters)) > 1  # へ_へ is a face
    return len(characters) >= 3


def _latin_is_disguise(text: str, start: int, end: int, letters: str, sign: str) -> bool:
    bare = sign.strip() or " "
    same_case = letters.isupper() or letters.islower()
    # A name: J・R・R・トールキン, K・S氏.
    named = text[end : end + 1] in ("・", "氏", "さ", "君", "様")
    if named or text[max(0, start - 1) : start] == "・" or len(set(letters)) == 1:
        return False
    if not same_case and len(letters) < 4:
        return False
    if len(letters) == 2:
        # "J_K", "J・K" and, in Japanese, "J K"; not "A・B" or "X・Y".
        if _is_enumeration(letters):
            return False
        if sign in "*_☆★♡♥":
            return True
        return sign in "・ " and letters.isupper() and bool(_JAPANESE.search(text))
    if _is_sequence(letters) or letters.upper() == "SML":
        return False
    if bare == ".":
        return letters.islower()  # U.S.A. and initials stay
    return len(letters) >= (4 if bare in " /" else 3)


def _is_enumeration(letters: str) -> bool:
    """A and B, A and D, B and C, X and Y: what honest text names things with; and O.K."""
    return letters[0] in "AXax" or letters.upper() in ("BC", "CD", "DE", "EF", "YZ", "BO", "OK")


def _is_sequence(characters: str) -> bool:
    """In the order of an alphabet: A B C, あ い う, イ ロ ハ."""
    if characters in _IROHA:
        return True
    steps = {ord(b) - ord(a) for a, b in pairwise(characters)}
    return all(1 <= step <= 3 for step in steps)


def _doubled(characters: str) -> tuple[str, ...]:
    return ("ー",) if "ーー" in characters else ()


@cache
def _script(character: str) -> str:
    return next((n for n, p in _SCRIPTS.items() if p.match(character)), "")
