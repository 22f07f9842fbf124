"""The vocabulary reads chatty text, and every entry starts from the right piece."""

from __future__ import annotations

import pytest

from riskclf.errors import InputError
from riskclf.tokens import Tokenizer
from tests.training.recipe.samples import CHATTY
from training.recipe.base import SPECIALS, Base
from training.recipe.vocabulary import Entry, choose_vocabulary


def test_special_tokens_come_first(base: Base, entries: list[Entry]) -> None:
    for (token, piece), entry in zip(SPECIALS.items(), entries, strict=False):
        assert (entry.token, [base.pieces[i] for i in entry.sources]) == (token, [piece])
    assert [entry.token for entry in entries].index("[PAD]") == 0


def test_size_and_uniqueness(entries: list[Entry]) -> None:
    assert len({entry.token for entry in entries}) == len(entries) == 40_000
    assert all(entry.sources for entry in entries)


@pytest.mark.parametrize(
    ("token", "piece"),
    [
        ("今日", "今日"),  # a Japanese word stands among others: the bare piece
        ("チケット", "チケット"),
        ("##っ", "っ"),
        ("The", "\u2581The"),  # a Latin word follows a space
        ("##ing", "ing"),
        ("오늘", "\u2581오늘"),
        ("##네요", "네요"),
        ("3", "3"),
        ("😂", "😂"),
        ("##😂", "😂"),
        ("#", "#"),
    ],
)
def test_entries_start_from_the_piece_of_their_place(
    base: Base, entries: list[Entry], token: str, piece: str
) -> None:
    found = {entry.token: entry.sources for entry in entries}
    assert [base.pieces[i] for i in found[token]] == [piece]


def test_characters_without_a_piece_start_from_those_that_contain_them(
    base: Base, entries: list[Entry]
) -> None:
    pieces = set(base.pieces)
    unknown = base.pieces.index(SPECIALS["[UNK]"])
    found = {entry.token: entry.sources for entry in entries}
    assert "🥺" not in pieces  # younger than the base: read as unknown by it too
    assert found["🥺"] == (unknown,)
    several = [e for e in entries if len(e.sources) > 1]
    for entry in several:
        character = entry.token.removeprefix("##")
        assert character not in pieces
        assert all(character in base.pieces[number] for number in entry.sources)


@pytest.mark.parametrize("text", CHATTY)
def test_chatty_text_has_no_unknown_tokens(reader: Tokenizer, text: str) -> None:
    assert reader.encode(text).unknown_share == 0


def test_a_word_that_is_a_piece_is_one_token(reader: Tokenizer) -> None:
    assert [token.piece for token in reader.tokens("今日は雨が降っています")][:3] == [
        "今日",
        "は",
        "雨",
    ]


def test_pieces_that_look_like_continuations(base: Base, entries: list[Entry]) -> None:
    assert "###" in base.pieces
    found = {entry.token: entry.sources for entry in entries}
    # "###" in vocab.txt is "#" inside a word, and starts from "#", not from the piece "###".
    assert [base.pieces[i] for i in found["###"]] == ["#"]


def test_too_small_a_vocabulary_is_refused(base: Base) -> None:
    with pytest.raises(InputError, match="indispensable"):
        choose_vocabulary(base, lambda: iter([]), 100)
