"""Groups of near-duplicates: which texts say the same."""

from __future__ import annotations

import random
from itertools import combinations, product

import pytest

from riskclf.errors import InputError
from riskclf.tables import duplicates, same_text
from riskclf.tables.duplicates import near_duplicate_groups, near_duplicate_pairs


def groups(*texts: str, similarity: float = 0.6) -> list[int]:
    found: list[int] = near_duplicate_groups(texts, similarity=similarity).tolist()
    return found


def test_a_few_other_characters_make_a_near_duplicate_and_groups_are_numbered_as_they_come() -> (
    None
):
    assert groups(
        "図書館で本を三冊借りました",
        "明日の天気は雨のち晴れらしい",
        "図書館で本を三冊借りました！",
        "猫がキーボードの上で寝ている",
        "明日の天気は雨のち晴れらしいよ",
    ) == [0, 1, 0, 2, 1]


def test_width_case_and_blanks_do_not_count() -> None:
    assert groups("ＢＲＥＡＤ and ﾊﾞﾀｰ", "bread and バター", "BREADandバター") == [0, 0, 0]
    assert same_text("ＢＲＥＡＤ and ﾊﾞﾀｰ") == same_text("bread  andバター")


def test_texts_of_less_than_three_characters_compare_as_wholes() -> None:
    assert groups("雨", "雨です", "雨だ", "雨", "", "　", "雨 だ") == [0, 1, 2, 0, 3, 3, 2]


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    first, middle, last = "abcdefghijklmnop", "abcdefghijklmxyz", "abcdefghijlmxyz!"
    assert groups(first, last) == [0, 1]
    assert groups(first, last, middle) == [0, 0, 0]


@pytest.mark.parametrize("pairs", [1, 500, 1 << 21])
def test_every_pair_is_found_whatever_fits_into_memory(
    monkeypatch: pytest.MonkeyPatch, pairs: int
) -> None:
    monkeypatch.setattr(duplicates, "_PAIRS", pairs)
    draw = random.Random(0)
    texts = ["".join(draw.choices("abc", k=draw.randint(0, 9))) for _ in range(150)]
    expected = list(range(len(texts)))
    for one, other in combinations(range(len(texts)), 2):
        if alike(texts[one], texts[other]) and expected[one] != expected[other]:
            low, high = sorted((expected[one], expected[other]))
            expected = [low if x == high else x for x in expected]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(expected))}
    assert groups(*texts) == [numbers[group] for group in expected]


@pytest.mark.parametrize("pairs", [1, 500, 1 << 21])
def test_pairs_are_those_of_a_comparison_one_by_one(
    monkeypatch: pytest.MonkeyPatch, pairs: int
) -> None:
    monkeypatch.setattr(duplicates, "_PAIRS", pairs)
    draw = random.Random(1)
    texts = ["".join(draw.choices("abc", k=draw.randint(0, 9))) for _ in range(60)]
    others = ["".join(draw.choices("abcd", k=draw.randint(0, 9))) for _ in range(40)]
    found = {(one, other) for one, other, _ in near_duplicate_pairs(texts)}
    numbered = enumerate(texts)
    assert found == {(a, b) for (a, x), (b, y) in combinations(numbered, 2) if alike(x, y)}
    between = {(one, other): share for one, other, share in near_duplicate_pairs(texts, others)}
    numbered = enumerate(texts)
    assert set(between) == {
        (a, b) for (a, x), (b, y) in product(numbered, enumerate(others)) if alike(x, y)
    }
    assert all(0.6 <= share <= 1 for share in between.values())
    assert all(between[a, b] == 1 for a, b in between if texts[a] == others[b])


def test_no_texts_have_no_pairs() -> None:
    assert list(near_duplicate_pairs([])) == list(near_duplicate_pairs(["a"], [])) == []
    assert list(near_duplicate_pairs([], ["a"])) == []


def alike(one: str, other: str) -> bool:
    ours, theirs = ({x[i : i + 3] for i in range(max(1, len(x) - 2))} for x in (one, other))
    return 5 * len(ours & theirs) >= 3 * len(ours | theirs)


def test_similarity_says_how_alike() -> None:
    texts = ("図書館で本を三冊借りました", "図書館で本を三冊返しました")
    assert groups(*texts) == [0, 1]
    assert groups(*texts, similarity=0.4) == [0, 0]
    assert groups("abcdef", "abcdefg", similarity=1) == [0, 1]
    for wrong in (0.0, 1.5):
        with pytest.raises(InputError, match="above 0 and at most 1"):
            groups("a", similarity=wrong)


def test_no_texts_have_no_groups() -> None:
    assert near_duplicate_groups([]).shape == (0,)
