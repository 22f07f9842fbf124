"""Posts put together at random from what a post may hold."""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["fuzzed_posts"]

# Blanks, controls, joiners, marks, widths, emoji, enclosed letters, kanji numerals, look-alikes,
# half of a surrogate pair, right-to-left letters.
_PIECES = (
    *"図書館で本を三冊借りた。雨のち晴れ！〜…「」、#@ \n\t",
    *"ｱﾊﾟｰﾄＴＶ㈱①１０",
    *("\u200b", "\u200d", "\ufe0f", "\x00", "\ud800", "\u3099", "\u0301", "\u202e", "\u3000"),
    *("👨‍👩‍👧", "🇯🇵", "🅿️", "✨", "Ⓣ", "𝐓", "Т", "ή", "שלום", "ไทย"),
    *("二十五", "高校三年", "本 。 日", "カ.レ.ー", "www", "ーーーー", "İ"),
    *("오늘", "图书馆", "library ", "人", "いますか"),
)


def fuzzed_posts(count: int, seed: int = 0) -> Iterator[str]:
    """So many posts of up to 30 pieces, most of them short; the same ones for a seed."""
    rng = random.Random(seed)
    for _ in range(count):
        yield "".join(rng.choices(_PIECES, k=rng.randint(0, rng.randint(0, 30))))
