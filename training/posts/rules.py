"""The rules that our posts keep: content, twins, families, balance, duplicates."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from riskclf.labels import Label
from riskclf.tables.duplicates import near_duplicate_pairs
from riskclf.text import normalise
from training.posts.post import FOLDS, GATE, OUTSIDE, Post

__all__ = ["CONTENT_RULES", "broken_rules", "letters", "near_duplicates", "problems"]

MAX_RISKY_PER_LABEL = 250
"""The design's bound on posts per risky label; plain posts, Korean, Chinese and invented slang have
bounds of their own, or are for testing."""

MAX_RISKY_SHARE = 0.25
"""Risky posts are the smaller part of what we write, unclear ones not counted."""

_MAX_PLAIN_PER_LABEL = {"ja, en": 75, "ko": 20, "zh": 20}
"""Plain posts of each risky label, by language."""

CONTENT_RULES: Mapping[str, re.Pattern[str]] = {
    "a link or a handle": re.compile(r"https?:|www\.|@\w"),
    "digits like a phone number": re.compile(r"\d[\d\- ]{7,}\d"),
    "a sexual word": re.compile(
        r"セックス|エッチ|えっち|性行為|ホ別|下着|パンツ|裸|\bsex|\bnude|naked|underwear|섹스|做爱",
        re.IGNORECASE,
    ),
    "小学生": re.compile("小学生|小[1-6１-６]|小学"),
    "an age under 13": re.compile(
        r"(?<![\d.,:])(?:[1-9]|1[0-2])\s?(?:歳|才|yo\b|y/o|years? old|살|岁)"
    ),
}
"""What no post of ours may hold. The last two bind risky posts only. Not a list of coded terms."""

_RISKY_ONLY = ("小学生", "an age under 13")


def broken_rules(text: str, *, risky: bool) -> Iterator[str]:
    """What a text holds that `CONTENT_RULES` forbid; two of them bind risky posts only."""
    read = unicodedata.normalize("NFKC", text)
    for what, pattern in CONTENT_RULES.items():
        if (risky or what not in _RISKY_ONLY) and pattern.search(read):
            yield what


def near_duplicates(
    texts: Mapping[str, str], others: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str, float]]:
    """Pairs of keys whose texts are near-duplicates, with their similarity.

    Compared are the letters only: digits, symbols and blanks are left out
    (`riskclf.tables.duplicates.near_duplicate_pairs`).

    Args:
        texts: key to text.
        others: compared with each of `texts`; None compares `texts` among themselves.
    """
    keys = list(texts)
    other_keys = keys if others is None else list(others)
    ours = [letters(text) for text in texts.values()]
    theirs = None if others is None else [letters(text) for text in others.values()]
    for one, other, similarity in near_duplicate_pairs(ours, theirs):
        yield keys[one], other_keys[other], similarity


def problems(posts: Sequence[Post]) -> list[str]:
    """Every rule that the posts break, one line each; ids only, never a text."""
    return [
        *_content_problems(posts),
        *_twin_problems(posts),
        *_family_problems(posts),
        *_balance_problems(posts),
        *_duplicate_problems(posts),
        *_aspect_problems(posts),
        *_fold_problems(posts),
    ]


def _content_problems(posts: Sequence[Post]) -> Iterator[str]:
    for post in posts:
        longest = 200 if post.lang == "en" else 140
        if not 3 <= len(post.text) <= longest:
            yield f"{post.id}: {len(post.text)} characters, 3 to {longest} are allowed"
        for what in broken_rules(post.text, risky=post.risky):
            yield f"{post.id}: holds {what}"


def _twin_problems(posts: Sequence[Post]) -> Iterator[str]:
    by_id = {post.id: post for post in posts}
    if len(by_id) != len(posts):
        yield "two posts have one id"
    twinned = {post.twin_of for post in posts}
    for post in posts:
        if post.risky and post.term is None and post.id not in twinned:
            yield f"{post.id}: a risky post without a benign twin"
        if post.twin_of is not None:
            twin = by_id.get(post.twin_of)
            if twin is None or not twin.risky or twin.family != post.family:
                yield f"{post.id}: twin_of must name a risky post of its own family"


def _family_problems(posts: Sequence[Post]) -> Iterator[str]:
    counts = Counter((post.family, post.kind) for post in posts if post.risky and not post.term)
    for (family, kind), count in counts.items():
        if count > 4:
            yield f"{family}: {count} posts of {kind}, at most 4 are allowed"


def _balance_problems(posts: Sequence[Post]) -> Iterator[str]:
    main = [post for post in posts if not post.split and post.slice != "plain"]
    for label, count in Counter(post.kind for post in main if post.risky).items():
        if count > MAX_RISKY_PER_LABEL:
            yield f"{label}: {count} posts, at most {MAX_RISKY_PER_LABEL} are allowed"
    for languages, most in _MAX_PLAIN_PER_LABEL.items():
        plain = [x for x in posts if x.slice == "plain" and x.lang in languages.split(", ")]
        for label, count in Counter(post.kind for post in plain if post.risky).items():
            if count > most:
                yield f"plain {languages} {label}: {count} posts, at most {most} are allowed"
    share = sum(post.risky for post in main) / len(main)
    if share > MAX_RISKY_SHARE:
        yield f"{share:.0%} of the posts are risky, at most {MAX_RISKY_SHARE:.0%} are allowed"
    parts = {f"fold {fold}": [x for x in posts if x.fold == fold] for fold in (*FOLDS, GATE)}
    parts["transfer"] = [post for post in posts if post.split == "transfer"]
    parts["plain"] = [post for post in posts if post.slice == "plain"]
    for name, part in parts.items():
        risky = sum(post.risky for post in part)
        benign = sum(post.kind == Label.BENIGN for post in part)
        if benign < risky:
            yield f"{name}: {benign} benign posts to {risky} risky ones"


def _duplicate_problems(posts: Sequence[Post]) -> Iterator[str]:
    bare = Counter(letters(post.text) for post in posts)
    for post in posts:
        if bare[letters(post.text)] > 1:
            yield f"{post.id}: the same as another post but for digits, emoji and blanks"
    by_id = {post.id: post for post in posts}
    for one, other, similarity in near_duplicates({post.id: post.text for post in posts}):
        # A twin is meant to differ as little as the language allows.
        if by_id[one].family != by_id[other].family:
            yield f"{one} and {other}: near-duplicates ({similarity:.2f}) in two families"


def _aspect_problems(posts: Sequence[Post]) -> Iterator[str]:
    """Where the answers are lacking or contradict the label."""
    sides = {Label.MINOR_SOLICITATION: "child", Label.ADULT_SOLICITATION: "seeker"}
    for post in posts:
        found = post.aspects
        if found is None:
            yield f"{post.id}: has no aspects"
        elif post.risky and (found.age, found.side) != ("under_18", sides[Label(post.kind)]):
            yield f"{post.id}: {post.kind}, but age {found.age} and side {found.side}"
        elif found.support and post.kind != Label.BENIGN:
            yield f"{post.id}: support, but {post.kind}"


def _fold_problems(posts: Sequence[Post]) -> Iterator[str]:
    for post in posts:
        if (post.fold == "") != (post.split in OUTSIDE):
            yield f"{post.id}: fold {post.fold!r} in split {post.split!r}"
    for fold in (*FOLDS, GATE):
        kinds = {post.kind for post in posts if post.fold == fold}
        if not set(Label) <= kinds:
            yield f"fold {fold}: lacks posts of a label"


def letters(text: str) -> str:
    """What is compared of a text: its letters, without digits, symbols and blanks."""
    return re.sub(r"[\W\d_]", "", normalise(text).text.lower())
