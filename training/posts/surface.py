"""How often a post that looks risky on the surface is risky: does a risky word look innocent to us?

A post matches when it holds a cue of being under 18, a term of money, patronage, lodging or photos,
and a first-person request or offer. Most real posts that hold all three are risky. If most of ours
are not, because hard negatives were overdone, a model learns that such words are a sign of
innocence. The pattern was written once, before the plain posts, and is not tuned; it decides
nothing, and is no list of coded terms: all are words of newspapers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from riskclf.text import normalise
from training.posts.post import Post

__all__ = ["matches", "risky_share"]

_PARTS = (
    # under 18
    r"高校生|中学生|小学生|女子高|男子高|jk|dk|jc|高[1-3一二三]|中[1-3一二三]|未成年|家出少[女年]"
    r"|1[3-7](?:歳|才|さい|です|で|の|女|男)|high ?school|year (?:9|1[0-3])|sixth form|freshman"
    r"|sophomore|under ?18|\b1[3-7]\b",
    # money, patronage, lodging, photos
    r"パパ|p活|援助|サポ|泊め|泊ま|神待ち|部屋|お金|[0-9千万]円|お礼|謝礼|小遣い|課金|ギフト|写真|画像"
    r"|自撮り|払|奢|おごり|\bpa(?:y|id)|cash|money|sponsor|sugar|stay|couch|sofa|room|gift|photo|\bpics?\b",
    # a request or an offer, in the first person
    r"ください|いませんか|募集|お願い|おねがい|探し|さがし|おらん|いる[?？]|dm|連絡|返信|あげ|ます[。!！]?$"
    r"|looking for|lookin|message me|anyone|anybody|somebody|someone|need|will pay|i can|i'll",
)
_SURFACE = tuple(re.compile(part, re.IGNORECASE | re.MULTILINE) for part in _PARTS)


def matches(text: str) -> bool:
    """Whether a text has all three."""
    read = normalise(text).text
    return all(part.search(read) for part in _SURFACE)


def risky_share(posts: Iterable[Post]) -> tuple[float, float]:
    """The weight of the risky posts among those that match, and of all that match.

    Unclear posts count as not risky. The weights are those of training (`Post.weight`).
    """
    matching = [post for post in posts if matches(post.text)]
    risky = sum(post.weight for post in matching if post.risky)
    return risky, sum(post.weight for post in matching)
