"""Posts that look risky on the surface."""

from __future__ import annotations

import pytest

from training.posts.post import load_posts
from training.posts.surface import matches, risky_share


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("高2です。スマホ代を払ってくれる人いませんか", True),
        ("ｺｳ２ﾃﾞｽ 高２です　お金くれる人　連絡ください", True),
        ("Year 11, looking for someone to pay my phone bill", True),
        ("高2です。数学がわかる人いませんか", False),  # no money, patron, lodging or photo
        ("スマホ代を払ってくれる人いませんか", False),  # no age
        ("高2の娘のスマホ代を払った", False),  # nobody is asked
    ],
)
def test_all_three_cues_are_needed(text: str, expected: bool) -> None:
    assert matches(text) == expected


def test_the_share_counts_unclear_posts_as_not_risky() -> None:
    plain = [post for post in load_posts() if post.slice == "plain"]
    unclear = [post for post in plain if len(post.target) > 1]
    assert risky_share(unclear)[0] == 0
    risky, count = risky_share(plain)
    assert risky == sum(matches(post.text) for post in plain if post.risky)
    assert risky <= count
