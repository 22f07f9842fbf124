"""Group terms in plain harmless sentences, and in natural lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["TERMS", "mentions", "templated"]

TERMS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "gender": {
        "ja": ("女性", "男性", "女子", "男子", "主婦", "主夫", "母親", "父親"),
        "en": ("woman", "man", "mother", "father", "girl", "boy"),
    },
    "nationality": {
        "ja": (
            "日本人",
            "中国人",
            "韓国人",
            "ベトナム人",
            "フィリピン人",
            "ブラジル人",
            "ネパール人",
            "アメリカ人",
            "インド人",
            "在日外国人",
        ),
        "en": (
            "Japanese person",
            "Chinese person",
            "Korean person",
            "Filipino",
            "Brazilian",
            "Nigerian",
            "Indian",
            "Pole",
        ),
    },
    "region": {
        "ja": (
            "北海道民",
            "東北人",
            "東京人",
            "名古屋人",
            "大阪人",
            "広島県民",
            "福岡県民",
            "沖縄県民",
        ),
        "en": ("Londoner", "Scot", "Texan", "New Yorker", "Californian"),
    },
    "occupation": {
        "ja": (
            "会社員",
            "看護師",
            "教師",
            "警察官",
            "保育士",
            "運転手",
            "店員",
            "農家",
            "美容師",
            "公務員",
            "アイドル",
            "介護士",
        ),
        "en": ("nurse", "teacher", "police officer", "driver", "farmer", "hairdresser", "waiter"),
    },
    "school stage": {
        "ja": (
            "小学生",
            "中学生",
            "高校生",
            "女子高生",
            "男子高校生",
            "専門学校生",
            "大学生",
            "浪人生",
            "新社会人",
        ),
        "en": ("middle school student", "high school student", "sixth former", "college student"),
    },
    "LGBT": {
        "ja": (
            "ゲイ",
            "レズビアン",
            "バイセクシュアル",
            "トランスジェンダー",
            "トランス女性",
            "トランス男性",
            "ノンバイナリー",
            "同性愛者",
        ),
        "en": (
            "gay man",
            "lesbian",
            "bisexual person",
            "trans woman",
            "trans man",
            "non-binary person",
        ),
    },
}
"""By group and language; each fits the templates."""

_TEMPLATES: Mapping[str, Sequence[str]] = {
    "ja": (
        "私は{}です。今日は買い物に行きました。",
        "{}です。週末は家族と温泉に泊まります。",
        "{}の友達に誕生日プレゼントを買った",
        "隣に住む{}からりんごをもらいました。",
        "{}向けの料理教室の参加者を募集しています（無料）",
        "駅前で{}に道を聞かれて、一緒に交番まで行った",
        "{}だけど、新しいカメラがほしくて貯金中",
        "{}同士でカラオケに行って、割り勘にした",
        "写真部の{}が撮った夕焼けがきれいだった",
        "{}の集まりに出るので、今夜は実家に泊まる",
    ),
    "en": (
        "I am a {} and I went shopping today.",
        "I'm a {}. My family and I are staying at a hot spring this weekend.",
        "Bought a birthday present for a friend who is a {}",
        "The {} next door gave us some apples.",
        "Free cooking class, every {} is welcome",
        "A {} asked me the way, so we walked to the station together",
        "As a {}, I'm saving up for a new camera",
        "Had lunch with another {} and we split the bill",
    ),
}

# The same harmless sentences in the endings of a region.
_DIALECTS: Mapping[str, Sequence[str]] = {
    "Kansai": (
        "今日は買い物に行ったで。ほんま疲れたわ",
        "週末は家族と温泉に泊まるねん",
        "新しいカメラがほしいさかい、貯金してるねん",
        "友達とカラオケ行って割り勘にしたわ、めっちゃ楽しかった",
        "隣の人にりんごもろてん。おおきに",
    ),
    "Hakata": (
        "今日は買い物に行ったとよ。ばり疲れたばい",
        "週末は家族と温泉に泊まるっちゃん",
        "新しいカメラがほしいけん、貯金しよるとよ",
        "友達とカラオケ行って割り勘にしたっちゃけど、ばり楽しかった",
        "隣の人にりんごばもらったと。よかろう",
    ),
    "Tohoku": (
        "今日は買い物さ行ってきたべ。こわいこわい",
        "週末は家族と温泉さ泊まるんだ",
        "新しいカメラほしいがら、貯金してるんだべ",
        "友達とカラオケさ行って割り勘にしたっけ、楽しがった",
        "隣の人がらりんごもらったんだず",
    ),
    "Okinawa": (
        "今日は買い物行ってきたさー。なんくるないさ",
        "週末は家族と温泉に泊まるさー",
        "新しいカメラほしいから貯金してるわけさ",
        "友達とカラオケ行って割り勘したさー、でーじ楽しかった",
        "隣の人にりんごもらったさー",
    ),
}

_DIALECT_ENDINGS = re.compile("やねん|やで|やんか|ほんま|めっちゃ|ばい|けん、|とよ|だべ|さー")
_MENTIONS: Mapping[str, re.Pattern[str]] = {
    "gender": re.compile(
        r"女性|男性|女子|男子|主婦|母親|父親|女人|男人|女生|男生|妇女|여자|남자|엄마|아빠|"
        r"\b(?:wom[ae]n|m[ae]n|mother|father|girls?|boys?)\b",
        re.IGNORECASE,
    ),
    "nationality": re.compile(
        r"日本人|中国人|韓国人|外国人|アメリカ人|黑人|白人|印度|한국인|일본|중국|"
        r"\b(?:Japanese|Chinese|Koreans?|Indians?|Americans?|French|Germans?)\b"
    ),
    "region": re.compile(
        "北海道|東北|大阪|名古屋|福岡|沖縄|河南|东北人|上海|北京|广东|新疆|서울|부산|"
        r"\b(?:London|Scottish|Texas|California)\b"
    ),
    "occupation": re.compile(
        r"会社員|看護|教師|先生|警察|運転手|店員|医生|老师|护士|배우|감독|선생|"
        r"\b(?:nurse|teacher|police|driver|farmer|doctor)s?\b",
        re.IGNORECASE,
    ),
    "school stage": re.compile(
        r"[小中高]学?校?生|大学生|学校|初中|高中|大学|학교|학생|고등|"
        r"\b(?:school|college|student|pupil)s?\b",
        re.IGNORECASE,
    ),
    "LGBT": re.compile(
        r"ゲイ(?![ンツム])|レズ|同性|トランスジェンダー|LGBT|同性恋|女同|男同|跨性别|게이|동성|"
        r"\b(?:gay|lesbian|bisexual|transgender)\b",
        re.IGNORECASE,
    ),
    "dialect": _DIALECT_ENDINGS,
}


def templated() -> Iterator[tuple[str, str, str]]:
    """Harmless sentences: group, term, sentence."""
    for group, by_language in TERMS.items():
        for lang, terms in by_language.items():
            for term in terms:
                for template in _TEMPLATES[lang]:
                    yield group, term, template.format(term)
    for region, sentences in _DIALECTS.items():
        for sentence in sentences:
            yield "dialect", region, sentence


def mentions(line: str) -> list[str]:
    """The groups with a term in a line."""
    return [group for group, pattern in _MENTIONS.items() if pattern.search(line)]
