"""Edits of whole phrases, after CheckList (Ribeiro and others 2020).

Invariance: what is changed must not change what the model says. Direction: after the change the
guide calls the post benign, so the risk must fall. Every edit is regular and adds no risky phrase;
it gives None where it finds nothing to change.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence

__all__ = ["DIRECTION", "INVARIANCE", "LANGUAGES", "Edit"]

Edit = Callable[[str, str, random.Random], str | None]
"""A post, its language, and what is chosen at random, to the changed post."""

LANGUAGES = ("ja", "en")
"""Of posts that are edited here."""

_PERSONS = {
    "ja": ("さくら", "ゆい", "はると", "みお", "そうた", "ひなた", "けんた", "あおい"),
    "en": ("Emma", "Liam", "Olivia", "Noah", "Mia", "Lucas"),
}
_INTRODUCED = {"ja": "{}です。{}", "en": "{} here. {}"}
_PLACES = {
    "ja": ("東京", "大阪", "名古屋", "札幌", "福岡", "仙台", "広島", "神戸", "京都", "横浜"),
    "en": ("London", "Manchester", "Chicago", "Boston", "Toronto", "Sydney"),
}
_ANY_PLACE = {
    "ja": re.compile(
        "(?:東京|大阪|名古屋|札幌|福岡|仙台|広島|神戸|(?<!東)京都|横浜|新宿|渋谷|池袋|上野|秋葉原|梅田|なんば|難波|"
        "博多|天神|大宮|千葉|埼玉|川崎|岡山|熊本|新潟|静岡|浜松|金沢|那覇)(?![語人弁湾城湯])"
    ),
    "en": re.compile(
        r"\b(?:London|Manchester|Leeds|Birmingham|Liverpool|Chicago|Boston|Seattle|Denver|Toronto|"
        r"Sydney|Melbourne|Houston|Dallas|Atlanta|Portland|Tokyo|Osaka)\b"
    ),
}
_SUMS = re.compile(
    r"(?<![0-9.])[0-9]{1,5}(?=\s*(?:万|千|円|yen\b|dollars?\b|quid\b|k\b))|(?<=[$£€¥])[0-9]+"
)
_EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]\ufe0f?")
_NEW_EMOJI = ("😊", "✨", "🎵", "🌸", "🙏")


def _other(old: str, choices: Sequence[str], rng: random.Random) -> str:
    return rng.choice([x for x in choices if x != old])


def _persons(text: str, lang: str, rng: random.Random) -> str | None:
    """The author gives a name first."""
    return _INTRODUCED[lang].format(rng.choice(_PERSONS[lang]), text)


def _places(text: str, lang: str, rng: random.Random) -> str | None:
    """Large cities and stations, each by another city everywhere."""
    new: dict[str, str] = {}
    changed = _ANY_PLACE[lang].sub(
        lambda x: new.setdefault(x[0], _other(x[0], _PLACES[lang], rng)), text
    )
    return changed if new else None


def _sums(text: str, lang: str, rng: random.Random) -> str | None:
    """Sums of money of the same size."""

    def replaced(match: re.Match[str]) -> str:
        first = _other(match[0][0], "123456789", rng)
        return first + match[0][1:]

    changed = _SUMS.sub(replaced, text)
    return changed if changed != text else None


def _emoji(text: str, lang: str, rng: random.Random) -> str | None:
    """Those that are there are taken out, or one is put at the end."""
    without = _EMOJI.sub("", text)
    return without.strip() if without != text else f"{text}{rng.choice(_NEW_EMOJI)}"


_END = r"(?=$|[\s。!！?？、,…〜~ー]|[\u2600-\u27bf\U0001f300-\U0001faff])"


def _replacing(pairs: Mapping[str, Sequence[tuple[str, str]]]) -> Edit:
    """The first form of each pair by the second, by language."""
    compiled = {
        lang: [(re.compile(old, re.IGNORECASE), new) for old, new in rules]
        for lang, rules in pairs.items()
    }

    def edit(text: str, lang: str, rng: random.Random) -> str | None:
        changed = text
        for old, new in compiled.get(lang, ()):
            changed = old.sub(new, changed)
        return changed if changed != text else None

    return edit


_POLITE = {
    "ja": [
        (r"お願いします" + _END, "お願い"),
        (r"(?<=い)です" + _END, ""),
        (r"てます" + _END, "てる"),
        (r"ています" + _END, "ている"),
        (r"でます" + _END, "でる"),
        (r"ください" + _END, "くださいませ"),
        (r"(?<=[一-龥ァ-ヺー])です" + _END, "だよ"),
        (r"いませんか" + _END, "いないかな"),
        (r"ありませんか" + _END, "ないかな"),
    ],
    "en": [(r"\bcan you\b", "could you please"), (r"\bi'm\b", "I am"), (r"\bi want\b", "I'd like")],
}
_DIALECT = {
    "ja": [
        (r"だよね" + _END, "やんな"),
        (r"だよ" + _END, "やで"),
        (r"だね" + _END, "やね"),
        (r"だ" + _END, "や"),
        (r"かな" + _END, "かなぁ"),
        (r"ですか" + _END, "ですのん"),
        (r"ませんか" + _END, "まへんか"),
        (r"ます" + _END, "ますわ"),
        (r"です" + _END, "ですわ"),
        (r"(?<=[らかさたなまばがべめけせてね])ない" + _END, "へん"),
        (r"けど" + _END, "けんど"),
    ],
}


def _line_breaks(text: str, lang: str, rng: random.Random) -> str | None:
    """A new line behind each mark, or none where there were some."""
    if "\n" in text:
        return text.replace("\n", " ")
    changed = re.sub(r"(?<=[。、!！?？])\s*(?=[^\s。、!！?？])|(?<=[.,!?]) ", "\n", text)
    return changed if changed != text else None


INVARIANCE: Mapping[str, Edit] = {
    "names of persons": _persons,
    "places": _places,
    "sums of money": _sums,
    "emoji": _emoji,
    "politeness": _replacing(_POLITE),
    "dialect endings": _replacing(_DIALECT),
    "line breaks": _line_breaks,
}


def _framed(frames: Mapping[str, Sequence[str]]) -> Edit:
    def edit(text: str, lang: str, rng: random.Random) -> str | None:
        return rng.choice(frames[lang]).format(text) if lang in frames else None

    return edit


_NEGATED = {
    "ja": [
        (r"募集(?:して(?:い)?ます|してる|中です|中|します)", "募集していません"),
        (r"募集" + _END, "募集はしません"),
        (r"(?:探|さが)して(?:(?:い)?ます|る)", "探していません"),
        (r"お願いします", "お断りします"),
        (r"欲しい|ほしい", "いらない"),
        (r"会いたい", "会いたくない"),
        (r"泊めて(?:ほしい|くれる|ください)", "泊めてもらわない"),
        (r"泊めて" + _END, "泊めないで"),
        (r"(?<=[会行泊])えます" + _END, "えません"),
        (r"(?<=会)える" + _END, "えない"),
        (r"(?<=泊め|会い|払い|買い|あげ|渡し|出し|でき)ます" + _END, "ません"),
        (r"(?:い|あり)ませんか[？?]?", "はいりません"),
    ],
    "en": [
        (r"\blooking for\b", "not looking for"),
        (r"\bi(?:'d like| want| need)\b", "I don't want"),
        (r"\bi can\b", "I can't"),
        (r"\bi(?:'ll| will)\b", "I won't"),
        (r"(?<!don't )\bneed\b", "don't need"),
    ],
}

# Every way in which a post says that somebody is under 18, by what says that they are grown up.
_GROWN_UP = {
    "ja": [
        (r"女子(?:高|中)生", "女性会社員"),
        (r"男子(?:高|中)生", "男性会社員"),
        (
            r"(?:高校|中学|小学|(?<![一-龥])[高中])(?:[1-3１-３一二三])(?:年生|年)?(?:の?女子|女|の?男子|男)?",
            "社会人3年目",
        ),
        (r"高校生|中学生|小学生|未成年", "社会人"),
        (r"(?<![A-Za-z])(?:L?JK|DK|JC)[1-3]?(?![A-Za-z])", "会社員"),
        (r"(?<![0-9])1[3-7](?=歳|才|さい|女|男|[♀♂])", "28"),
        (r"家出(?:少女|少年)", "旅行中の会社員"),
        (r"放課後", "仕事の後"),
        (r"学校", "会社"),
        (r"制服", "スーツ"),
    ],
    "en": [
        (r"\b1[3-7](?= ?(?:yo|y/o|years?|f\b|m\b))", "28"),
        (r"\b(?<=i'm )1[3-7]\b|\b(?<=i am )1[3-7]\b", "28"),
        (r"\b(?:high|middle) ?school(?:er|ers)?( (?:girl|boy|student)s?)?\b", "office worker"),
        (r"\bschool ?(?:girl|boy|kid)s?\b|\bteen(?:ager)?s?\b|\bminors?\b", "office worker"),
        (r"\b(?:year|grade) (?:[7-9]|1[0-2])\b|\b(?:9|10|11)th grade(?:r)?\b", "office job"),
        (r"\b(?:sophomore|freshman|sixth form)\b", "office job"),
        (r"\bschool\b", "work"),
    ],
}
_STAGE_LEFT = re.compile(
    r"[小中高]校?生|高校|中学|小学|[高中小][1-6一二三]|(?<![A-Za-z])[JD][KC](?![A-Za-z])|未成年|少女|少年|"
    r"学年|学生|10代|18|1[0-7]|school|teen|grade|\byear\b|minor|kid|young|girl|boy",
    re.IGNORECASE,
)


def _grown_up(text: str, lang: str, rng: random.Random) -> str | None:
    """Pupils become adults, in posts where no other word tells of an age."""
    changed = _replacing(_GROWN_UP)(text, lang, rng)
    return None if changed is None or _STAGE_LEFT.search(changed) else changed


DIRECTION: Mapping[str, Edit] = {
    "author: a parent or teacher found it": _framed(
        {
            "ja": (
                "娘のスマホを見たら「{}」と書いてありました。親として心配です",
                "担任です。生徒が「{}」と書いているのを見つけ、保護者に連絡しました",
            ),
            "en": (
                "I'm a parent. I found \"{}\" on my daughter's phone and I'm worried",
                'I\'m a teacher. A pupil had written "{}", so I called the family',
            ),
        }
    ),
    "negation of the ask": _replacing(_NEGATED),
    "quotation, with a warning": _framed(
        {
            "ja": (
                "「{}」のような投稿は危険です。相談窓口があります",
                "警察からのお知らせです。「{}」という投稿を見たら知らせてください",
            ),
            "en": (
                'Posts like "{}" are dangerous. There is a helpline',
                'A notice from the police: if you see a post like "{}", tell us',
            ),
        }
    ),
    "question about it": _framed(
        {
            "ja": (
                "「{}」と書くのは法律に違反しますか？",
                "「{}」という投稿はどこに通報すればいいですか？",
            ),
            "en": (
                'Is it against the law to post "{}"?',
                'Where can I report a post that says "{}"?',
            ),
        }
    ),
    "the past, regretted": _framed(
        {
            "ja": ("何年も前に「{}」と書いてしまったことを、今は後悔しています",),
            "en": ('Years ago I posted "{}". I regret it now',),
        }
    ),
    "third person": _framed(
        {
            "ja": (
                "昨日のニュースによると、逮捕された人は「{}」と書いていたそうです",
                "小説の主人公が「{}」と書く場面がこわかった",
            ),
            "en": (
                'According to the news, the man who was arrested had written "{}"',
                'The scene of the novel in which she writes "{}" scared me',
            ),
        }
    ),
    "report": _framed(
        {
            "ja": (
                "「{}」という投稿を見つけたので通報しました",
                "こういう投稿を運営に通報済みです：「{}」",
            ),
            "en": (
                'I saw a post that said "{}" and reported it',
                'Reported this to the platform: "{}"',
            ),
        }
    ),
    "adults instead of pupils": _grown_up,
}
