"""Letters that stand in for others: emoji letters, look-alikes of other scripts, kana for kanji.

NFKC has already replaced full-width, mathematical, circled and squared letters. The table below is
cut from Unicode's confusables (UTS 39), letters that look like one Latin letter only. No package
for them fits: `confusables` was last released in 2021; `confusable-homoglyphs` reads 1 MB of JSON
at import, has no emoji letters, and maps 0 to O, 1 to l and m to rn, which honest text holds.
"""

from __future__ import annotations

import re
import unicodedata

from riskclf.disguise.edits import Edit, Undone

__all__ = [
    "LIKELY_KANA",
    "LIKELY_LATIN",
    "kana_for_kanji",
    "latin_for_enclosed",
    "latin_for_lookalikes",
]

_MARKS = "\u0300-\u036f"

# Emoji and enclosed letters -----------------------------------------------------------------------

_ENCLOSED = {
    chr(first + index): chr(ord("A") + index)
    for first in (0x1F150, 0x1F170, 0x1F1E6)  # negative circled, negative squared, regional
    for index in range(26)
}
_ENCLOSED_RUN = re.compile(
    f"(?P<flags>[\U0001f1e6-\U0001f1ff]+)(?P<flag_marks>[{_MARKS}]*)"
    f"|(?P<letter>[\U0001f150-\U0001f169\U0001f170-\U0001f189])[{_MARKS}]*"
    "|[0-9]\u20e3+(?:[0-9]\u20e3+)*"
)
_ANY_ENCLOSED = re.compile("[\u20e3\U0001f150-\U0001f189\U0001f1e6-\U0001f1ff]")
_LETTER_BESIDE = re.compile(
    "[A-Za-z\u00c0-\u02af\u0370-\u052f\u1d00-\u1dbf\ua730\ua731\U0001f150-\U0001f169"
    "\U0001f170-\U0001f189\U0001f1e6-\U0001f1ff]"
)

# Emoji keyboards have these alone: blood groups, parking.
_EMOJI_LETTERS = "🅰🅱🅾🅿"

# ISO 3166-1, and EU, UN, XK: pairs of regional letters that are shown as a flag.
_COUNTRY_CODES = (
    "ACADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACC"
    "CDCFCGCHCICKCLCMCNCOCPCRCUCVCWCXCYCZDEDGDJDKDMDODZEAECEEEGEHERESETEUFIFJFKFMFOFR"
    "GAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUICIDIEILIMINIOIQIRISITJEJMJOJP"
    "KEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMU"
    "MVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASB"
    "SCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTATCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUN"
    "USUYUZVAVCVEVGVIVNVUWFWSXKYEYTZAZMZW"
)
_COUNTRIES = frozenset(_COUNTRY_CODES[at : at + 2] for at in range(0, len(_COUNTRY_CODES), 2))


def latin_for_enclosed(text: str) -> Undone:
    """Letters for emoji letters (🅹🅺, 🇯🇰), digits for keycaps; flags and a single 🅰 stay.

    Keycaps are counted where two or more stand together: one alone numbers a step.
    """
    edits: list[Edit] = []
    count = 0
    if not _ANY_ENCLOSED.search(text):
        return Undone(edits, 0)
    behind = -1
    for run in _ENCLOSED_RUN.finditer(text):
        whole = run[0]
        if run["flags"]:
            if _are_flags(run["flags"]):
                continue
        elif run["letter"]:
            beside = text[max(0, run.start() - 1) : run.start()] + text[run.end() : run.end() + 1]
            if run["letter"] in _EMOJI_LETTERS and not _LETTER_BESIDE.search(beside):
                continue
        new = "".join(_ENCLOSED.get(c, c) for c in whole if c != "\u20e3")
        if run.start() != behind:  # letters in a row are one disguise
            count += whole[0] not in "0123456789" or len(new) > 1
        behind = run.end()
        edits.append(Edit(run.start(), run.end(), unicodedata.normalize("NFKC", new)))
    return Undone(edits, count)


def _are_flags(regional: str) -> bool:
    letters = "".join(_ENCLOSED[c] for c in regional)
    pairs = [letters[at : at + 2] for at in range(0, len(letters), 2)]
    return _COUNTRIES.issuperset(pairs)


# Look-alikes of Latin letters ---------------------------------------------------------------------


def _table(letters: str, latin: str) -> dict[str, str]:
    return dict(zip(letters, latin, strict=True))


_GREEK = _table("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορκυτχγη", "ABEZHIKMNOPTYXaivopkutxyn")
_CYRILLIC = _table(
    "ЅІЈАВЕКМНОРСТУХаеорсухѕіјѡѴѵҮүһҽӀӏԁԌԛԜԝꙇкмт", "SIJABEKMHOPCTYXaeopcyxsijwVvYyheIldGqWwikmt"
)
_OTHER_SCRIPTS = (
    _table("ՍՏՕագզհոռսցքօ", "USOwqqhnnugfo")
    | _table("ᎠᎡᎢᎥᎩᎪᎫᎬᎳᎷᎻᎽᏀᏂᏃᏏᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏳᏴꭵꮁꮃꮓꮩꮪꮯ", "DRTiYAJEWMHYGhZbRWSVSLCPKdGBirwzvsc")
    | _table("ꓐꓑꓒꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "BPdDTGKJCZFMNLSRVHWXYAEIOU")
)
# Small capitals; phonetic alphabets use some of them, so those alone are no disguise.
_SMALL_CAPITALS = _table("ᴀᴄᴅᴇꜰᴊᴋᴍᴏᴘꜱᴛᴜᴠᴡᴢǫ", "acdefjkmopstuvwzq")
_PHONETIC = _table("ʙɢʜɪʟɴʀʏɡɑ", "bghilnryga")

_LOOKALIKES = _GREEK | _CYRILLIC | _OTHER_SCRIPTS | _SMALL_CAPITALS | _PHONETIC
_SURE = frozenset(_LOOKALIKES) - frozenset(_PHONETIC)
# Honest words mix these with Latin at their ends (TNF-α, IFNγ), so only between Latin letters.
_INSIDE_ONLY = frozenset("αινρκυτχγη")

_WORD = re.compile(
    "[A-Za-z\u00c0-\u02af\u0370-\u0373\u0376-\u0377\u037b-\u037d\u037f\u0386-\u052f\u0531-\u0587"
    "\u13a0-\u13fd\u1d00-\u1dbf\u1e00-\u1fff\ua4d0-\ua4f7\ua640-\ua69f\ua730\ua731\uab70-\uabbf"
    f"{_MARKS}]{{2,}}"
)
_ANY_SURE = re.compile(f"[{''.join(sorted(_SURE))}]")
# Cheap: true of every text that the first two rules find something in.
LIKELY_LATIN = re.compile(
    f"[{''.join(sorted(_SURE))}\u20e3\U0001f150-\U0001f189\U0001f1e6-\U0001f1ff]"
)
_LATIN = re.compile("[A-Za-z]")
_OTHER_LETTER = re.compile("[A-Za-zぁ-ヿ一-鿿가-힣]")
_LATIN_WITH_MARKS = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")


def latin_for_lookalikes(text: str) -> Undone:
    """Latin letters in words that mix scripts, and in words of nothing but look-alikes.

    A word with a letter that looks like no Latin one stays (Привет, μm), and so does a word
    without any Latin letter where the text has such letters of its script elsewhere, or no other
    script: that is a language, not a disguise.
    """
    edits: list[Edit] = []
    if not _ANY_SURE.search(text):
        return Undone(edits, 0)
    foreign = any(
        c.isalpha() and c not in _LOOKALIKES and unicodedata.name(c, "").startswith(_ALPHABETS)
        for c in text
    )
    has_other = bool(_OTHER_LETTER.search(text))
    for match in _WORD.finditer(text):
        word = match[0]
        letters = [c for c in word if not unicodedata.combining(c)]
        if not _SURE.intersection(letters) or len(letters) < 2 or not all(map(_is_latin, letters)):
            continue
        if not _LATIN.search(word) and (
            not _SMALL_CAPITALS.keys() & set(letters) and (foreign or not has_other)
        ):
            continue
        new = "".join(
            c if c in _INSIDE_ONLY and not _is_inside(letters, c) else _LOOKALIKES.get(c, c)
            for c in word
        )
        if new != word:
            edits.append(Edit(*match.span(), unicodedata.normalize("NFKC", new)))
    return Undone(edits, len(edits))


_ALPHABETS = ("GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "LISU")


def _is_latin(letter: str) -> bool:
    return letter.isascii() or letter in _LOOKALIKES or bool(_LATIN_WITH_MARKS.match(letter))


def _is_inside(letters: list[str], letter: str) -> bool:
    """No such letter begins or ends the word, and a plain Latin letter stands in it."""
    return letter not in (letters[0], letters[-1]) and any(c.isascii() for c in letters)


# Kana and kanji -----------------------------------------------------------------------------------

# Left out, for honest text has them there: 口 (口コミ), 力 (スキル力アップ), 二, 八 (二コース).
_KANJI = _table("一工夕卜", "ーエタト")
# Strictly between katakana; 一ツ, 一イ and counts (一ダース) stay.
_KANJI_IN_KATAKANA = re.compile(
    "(?<=[ァ-ヺー])[一工夕卜]+(?=[ァ-ヺー])(?![ツイウヶカ]|ダース|パック|セット|カップ|キロ|グラム"
    "|メートル|センチ|ページ|ポイント|チーム|グループ|ゲーム|ラウンド|ケース|ピース|クラス"
    "|コース|ドル|ユーロ|リットル|シーズン|パーセント|レース|ステージ|ランク|シーン|ボトル)"
)
_KATAKANA = _table("ヘベペリ", "へべぺり")
_KATAKANA_IN_HIRAGANA = re.compile("(?<=[ぁ-ゖ])[ヘベペリ](?=[ぁ-ゖ])")
LIKELY_KANA = (
    "[一工夕卜ヘベペリ]",
    "(?<=[ァ-ヺー][一工夕卜])(?=[ァ-ヺー一工夕卜])|(?<=[ぁ-ゖ][ヘベペリ])(?=[ぁ-ゖ])",
)
"""Cheap: a rare character, and what stands around it, in every text that has one to replace."""

_ANY_KANA = re.compile(f"{LIKELY_KANA[0]}(?:{LIKELY_KANA[1]})")


def kana_for_kanji(text: str) -> Undone:
    """Katakana for kanji that look like it, strictly between katakana (ラ一メン)."""
    if not _ANY_KANA.search(text):
        return Undone([], 0)
    edits = [
        Edit(*run.span(), "".join(_KANJI[c] for c in run[0]))
        for run in _KANJI_IN_KATAKANA.finditer(text)
    ] + [Edit(*run.span(), _KATAKANA[run[0]]) for run in _KATAKANA_IN_HIRAGANA.finditer(text)]
    return Undone(sorted(edits), len(edits))
