"""Which terms are called emerging."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from riskclf.errors import InputError
from riskclf.suggestion import EmergingTerm, emerging
from riskclf.suggestion.emerging import emerging_terms
from tests.suggestion.helpers import (
    made_up,
    quiet,
    rows,
    with_others,
)

OLDER = rows(made_up(300, seed=7))


def emerged(
    texts: Iterable[str], reference: Sequence[dict[str, Any]] = OLDER
) -> dict[str, EmergingTerm]:
    """The terms of some posts among many ordinary ones."""
    posts = rows([*made_up(300, seed=8), *texts])
    found, _ = emerging_terms(posts, reference, "text", quiet)
    return {x.term: x for x in found}


def terms_in(text: str) -> set[str]:
    return set(emerging._TermFinder()(text))


def test_a_new_term_is_found_with_its_counts_and_interval() -> None:
    found = emerged(with_others("水色の風船を見た", 12))
    assert {"水色", "風船"} <= set(found)
    term = found["風船"]
    assert (term.posts, term.of, term.reference_posts, term.reference_of) == (12, 312, 0, 300)
    assert term.ratio is None
    assert term.high is None
    # Clopper and Pearson: 12 of 12 have a lower end of 0.025 ** (1 / 12).
    share = 0.025 ** (1 / 12)
    assert term.low == pytest.approx(share / (1 - share) * 300 / 312)


def test_a_term_that_was_there_before_must_have_emerged() -> None:
    older = [*OLDER, *rows(with_others("風船を見た", 12, seed=10))]
    assert "風船" not in emerged(with_others("風船を見た", 14), older)
    term = emerged(with_others("風船を見た", 60), older)["風船"]
    assert term.ratio == pytest.approx(60 / 360 / (12 / 312))
    assert term.high is not None
    assert 1 < term.low < (term.ratio or 0) < term.high


def test_a_term_needs_five_different_posts() -> None:
    many = rows(made_up(600, seed=3))
    posts = with_others("風船を見た", 5)
    found, _ = emerging_terms(rows(posts), many, "text", quiet)
    assert "風船" in {x.term for x in found}
    found, _ = emerging_terms(rows(posts[:4]), many, "text", quiet)
    assert "風船" not in {x.term for x in found}
    with pytest.raises(InputError, match="no rows"):
        emerging_terms(rows(posts), [], "text", quiet)


def test_reposts_and_near_duplicates_count_once() -> None:
    reposts = ["風船を見た日の長い長い話をここに書いておきます"] * 30
    template = [f"第{number}回 風船を見る会のお知らせ、傘をお持ちください" for number in range(30)]
    assert "風船" not in emerged([*reposts, *template])
    found = emerged([*reposts, *template, *with_others("風船を見た", 10)])
    assert found["風船"].posts == 12


def test_of_terms_in_the_same_posts_only_the_longest_is_shown() -> None:
    found = emerged(with_others("水色風船祭りへ", 12))
    assert [x for x in found if set(x) & set("水色風船祭")] == ["水色風船祭り"]
    # The shorter one stands in other posts, too.
    both = emerged([*with_others("水色風船祭りへ", 12), *with_others("風船が飛ぶ", 12, seed=11)])
    assert {"水色風船祭り", "風船"} <= set(both)


def test_at_most_twenty_terms_surest_first() -> None:
    draw = random.Random(4)
    syllables = "カキクサシスタナニマミラリル"
    names = ["ポ" + "".join(draw.sample(syllables, 5)) for _ in range(30)]
    texts = [
        text
        for place, name in enumerate(names)
        for text in with_others(f"{name}を見た", 10 + place, seed=100 + place)
    ]
    found = list(emerged(texts).values())
    assert len(found) == 20
    assert [x.low for x in found] == sorted((x.low for x in found), reverse=True)


def test_terms_do_not_depend_on_the_order_or_on_what_must_be_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posts = rows([*made_up(300, seed=8), *with_others("水色の風船を見た", 20)])
    everything = emerging_terms(posts, OLDER, "text", quiet)
    random.Random(0).shuffle(posts)
    assert emerging_terms(posts, OLDER, "text", quiet) == everything
    monkeypatch.setattr(emerging, "_COUNTED_TERMS", 300)
    kept, _ = emerging_terms(posts, OLDER, "text", quiet)
    assert "風船" in {x.term for x in kept}


def test_handles_links_and_numbers_are_left_out() -> None:
    text = (
        "見て https://example.com/AbC と @Some_One と ＠who へ www.example.org/x いい "
        "example.co.jp/abc の bread.baker@example.com ID：bread99 電話 080-1234-5678 と "
        "090 1111 2222 番 mp3 some_name 18歳 30代 three 25 years old 12345 三十"
    )
    assert terms_in(text) == {"電話", "three"}


def test_hashtags_keep_their_word() -> None:
    assert "図書館" in terms_in("#図書館 ＃天気")
    assert "天気" in terms_in("#図書館 ＃天気")


def test_names_of_persons_are_left_out() -> None:
    assert terms_in("田中さんと佐藤太郎くんは公園へ") == {"公園"}


def test_particles_auxiliaries_symbols_and_light_verbs_are_left_out() -> None:
    assert terms_in("今日は、公園へ行きました！😀 していたようでした…") == {"今日", "公園"}


def test_terms_are_runs_of_one_to_three_words() -> None:
    assert terms_in("天気予報") == {"天気", "予報", "天気予報"}
    # Blanks part Japanese words, which may stand in a list, but not those of English and Korean.
    assert terms_in("天気 予報") == {"天気", "予報"}
    assert terms_in("one - two") == {"one", "two"}
    assert terms_in("one two three four") == {
        *("one", "two", "three", "four", "one two", "two three", "three four"),
        *("one two three", "two three four"),
    }
    assert "도서관에서 책을" in terms_in("도서관에서 책을 읽다")


def test_verbs_and_adjectives_count_in_their_dictionary_form() -> None:
    assert terms_in("走った") == terms_in("走らない") == {"走る"}
    assert terms_in("食べ放題") == {"食べる", "放題", "食べ放題"}


def test_width_and_case_do_not_make_a_term() -> None:
    assert terms_in("ＢＲＥＡＤ ﾃﾚﾋﾞ") == terms_in("bread テレビ") == {"bread", "テレビ"}
