"""Whether there is text to read in a post: is it blank, garbled, or in a script that is not known?

A model gives a low risk to what it cannot read, too. A post with one of these codes is therefore
never `clear` (`riskclf.decide`).

Garbled text is found by what the usual accidents leave behind:

- U+FFFD, where bytes are no text in the encoding that was assumed;
- runs of ``?``, where the encoding that was written lacks the character;
- *mojibake*, text in one encoding read as another. Turned back into bytes, most of it is text in
  its own encoding, which other text is not.
"""

from __future__ import annotations

import re

import regex

from riskclf.labels import ReasonCode

__all__ = ["text_codes"]

# Of 10,637 natural lines in four languages one is above a bound. Of lines of eight characters or
# more that were garbled on purpose, 99 in 100 are where UTF-8 was read as Shift_JIS, GBK or Latin-1
# or Shift_JIS and EUC-JP as UTF-8, and nine in ten where these two were read as Latin-1.
_LOST_SHARE = 0.2
_MOJIBAKE_SHARE = {"utf-8 in two bytes": 0.35, "other": 0.2}
_QUESTION_MARKS_SHARE = 0.5

_BLANKS = re.compile(r"\s+")
_LOST = re.compile("[\ufffd\ud800-\udfff]")  # lone surrogates: bytes that Python kept as they were

# "What????" is a question; lost text also stands where words begin, or is long.
_QUESTION_MARKS = re.compile(r"(?<![^\s?])\?+|\?{10,}")
_FEWEST_QUESTION_MARKS = 8

_SUSPECT_CJK = re.compile("[\u4e00-\u9fff\uff61-\uff9f]")
_SUSPECT_WESTERN = re.compile("[\u0080-\u00ff\u0192\u201a][\u0080-\u00ff\u0100-\u2122]")

# What is no Latin letter has three bytes or more in UTF-8. Among the bytes of other text in two
# bytes one such character turns up by chance, but hardly two together.
_UTF8 = re.compile(rb"(?:[\xe1-\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}){2,}")
_SHIFT_JIS_KANA = re.compile(rb"(?:\x82[\x9f-\xf1]|\x83[\x40-\x96]|\x81[\x41-\x5b])+")
_EUC_JP_KANA = re.compile(rb"(?:\xa4[\xa1-\xf3]|\xa5[\xa1-\xf6]|\xa1[\xa2-\xbc]){2,}")

# Letters of other scripts, in words: single ones stand in faces such as (´Д｀), also beside marks.
_LETTER = regex.compile(r"\p{L}")
_OTHER_WORD = regex.compile(
    r"(?V1)[\p{L}--[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Latin}\p{Common}]]"
    r"[\p{L}\p{M}--[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{Latin}\p{Common}]]+"
)
_FEWEST_OTHER_LETTERS = 4
_OTHER_SHARE = 0.5


def _windows_1252() -> dict[int, int]:
    """Each character to its byte; the bytes that Windows-1252 lacks are those of Latin-1."""
    table = {byte: byte for byte in range(256)}
    for byte in range(0x80, 0xA0):
        for character in bytes([byte]).decode("cp1252", "ignore"):
            table[ord(character)] = byte
    return table


_WINDOWS_1252 = _windows_1252()


def text_codes(raw: str, normalised: str) -> tuple[ReasonCode, ...]:
    """What stands in the way of reading a post, from its text alone.

    Args:
        raw: the post as it was given, since normalising hides what garbled it.
        normalised: what `riskclf.text.normalise` made of it.

    Returns:
        Some of `riskclf.labels.REASON_CODES`, in their order; mostly none.
    """
    if not normalised:
        return ("blank",)
    found: list[ReasonCode] = []
    if _is_garbled(raw):
        found.append("unreadable")
    if not normalised.isascii() and _is_in_other_script(normalised):
        found.append("unsupported_script")
    return tuple(found)


def _is_garbled(raw: str) -> bool:
    if "??" in raw:
        count = sum(map(len, _QUESTION_MARKS.findall(raw)))
        if count >= max(_FEWEST_QUESTION_MARKS, _QUESTION_MARKS_SHARE * _length(raw)):
            return True
    if raw.isascii():
        return False
    lost = len(_LOST.findall(raw))
    if lost >= max(1, _LOST_SHARE * _length(raw)):
        return True
    return (bool(_SUSPECT_CJK.search(raw)) and _was_read_in_two_bytes(raw, lost)) or (
        bool(_SUSPECT_WESTERN.search(raw)) and _was_read_in_one_byte(raw, lost)
    )


def _was_read_in_two_bytes(raw: str, lost: int) -> bool:
    """Whether UTF-8 was read as Shift_JIS or GBK, or EUC-JP as Shift_JIS."""
    text = _BLANKS.sub("", raw)
    shift_jis = text.encode("cp932", "replace")
    return (
        _share(_UTF8, shift_jis, lost) >= _MOJIBAKE_SHARE["utf-8 in two bytes"]
        or _share(_EUC_JP_KANA, shift_jis, lost) >= _MOJIBAKE_SHARE["other"]
        or _share(_UTF8, text.encode("gbk", "replace"), lost)
        >= _MOJIBAKE_SHARE["utf-8 in two bytes"]
    )


def _was_read_in_one_byte(raw: str, lost: int) -> bool:
    """Whether UTF-8, Shift_JIS or EUC-JP was read as Latin-1 or Windows-1252."""
    text = "".join(raw.split(" "))  # U+0085 and U+00A0 are bytes here
    content = bytes(_WINDOWS_1252.get(ord(character), 0x3F) for character in text)
    return any(
        _share(pattern, content, lost) >= _MOJIBAKE_SHARE["other"]
        for pattern in (_UTF8, _SHIFT_JIS_KANA, _EUC_JP_KANA)
    )


def _share(pattern: re.Pattern[bytes], content: bytes, lost: int) -> float:
    found: list[bytes] = pattern.findall(content)
    count = sum(len(run) for run in found if len(set(run)) > 1)  # a row of one sign is a row
    return (count + lost) / max(1, len(content))


def _length(raw: str) -> int:
    return len(_BLANKS.sub("", raw))


def _is_in_other_script(normalised: str) -> bool:
    words: list[str] = _OTHER_WORD.findall(normalised)
    if not words:
        return False
    letters = {letter for word in words for letter in word}
    count = sum(len(_LETTER.findall(word)) for word in words)
    return (
        count >= max(_FEWEST_OTHER_LETTERS, _OTHER_SHARE * len(_LETTER.findall(normalised)))
        and len(letters) > 2
    )
