"""Group terms: what is written, and where they are found."""

from __future__ import annotations

import pytest

from tests.behaviour.fairness import TERMS, mentions, templated


def test_every_term_stands_in_every_sentence_of_its_language() -> None:
    cases = list(templated())
    assert len({text for _, _, text in cases}) == len(cases)
    for group, by_language in TERMS.items():
        for lang, terms in by_language.items():
            for term in terms:
                texts = [x for g, t, x in cases if (g, t) == (group, term)]
                assert len(texts) >= 8, (group, lang, term)
                assert all(term in text for text in texts)
    assert {group for group, _, _ in cases} == {*TERMS, "dialect"}


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        ("今日は雨だった", []),
        ("隣の主婦にりんごをもらった", ["gender"]),
        ("沖縄の高校生が優勝した", ["region", "school stage"]),
        ("a gay teacher from London", ["region", "occupation", "LGBT"]),
        ("ゲインを上げる", []),
        ("めっちゃおいしい", ["dialect"]),
    ],
)
def test_the_groups_of_a_line(line: str, groups: list[str]) -> None:
    assert mentions(line) == groups
