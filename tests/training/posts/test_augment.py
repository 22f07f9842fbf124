"""Spelling varies while training; what a post says does not."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from training.posts.augment import Surroundings, vary
from training.posts.post import load_posts

TEXTS = [post.text for post in load_posts() if post.fold == "1"][::7]


def _digits(text: str) -> str:
    return re.sub(r"\D", "", unicodedata.normalize("NFKC", text))


def test_one_seed_gives_one_spelling_and_seeds_differ() -> None:
    text = "明日の文化祭、トランペットの演奏があるから早起きする"
    assert vary(text, 3) == vary(text, 3)
    assert len({vary(text, seed) for seed in range(40)}) > 5


def test_numbers_are_never_touched() -> None:
    for seed, text in enumerate(TEXTS):
        assert _digits(vary(text, seed)) == _digits(text)


@pytest.mark.parametrize(
    "fixed", ["17歳", "新宿", "500円", "二十日", "seventeen", "10th", "大阪", "横浜"]
)
def test_ages_sums_and_places_keep_their_spelling(fixed: str) -> None:
    text = f"きのう 友だちと {fixed} のパンやさんまで あるいた"
    assert all(fixed in vary(text, seed) for seed in range(300))


def test_the_opening_stays() -> None:
    for seed in range(100):
        assert vary("はじめまして、カメラが好きな会社員です", seed).startswith("はじめまして")


def test_letters_are_spelled_otherwise_never_added_or_reordered_in_japanese() -> None:
    text = "パン屋のカレーパンが売り切れだった"
    # Width, kana and separators taken away, the same reading remains as far as it was kana.
    for seed in range(200):
        plain = unicodedata.normalize("NFKC", vary(text, seed))
        kana = "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヴ" else c for c in plain)
        kept = iter(re.sub(r"[^ぁ-んー一-龥]", "", kana))
        assert all(letter in kept for letter in "ぱんの")


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vary("辞書を読むのは最初の一度だけ", 1)

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    for seed, text in enumerate(TEXTS[:50]):
        vary(text, seed)


def test_half_of_the_texts_or_more_are_varied_for_every_label() -> None:
    by_label: dict[str, list[bool]] = {}
    for post in load_posts():
        if post.fold == "1":
            changed = any(vary(post.text, seed) != post.text for seed in range(5))
            by_label.setdefault(post.kind, []).append(changed)
    assert all(sum(changed) > len(changed) / 2 for changed in by_label.values())


def test_ordinary_lines_of_the_same_script_stand_around_a_text() -> None:
    lines = [
        "Rain all day",
        "The tea is cold",
        "傘をかりた",
        "お茶がさめた",
        "비가 온다",
        "x" * 500,
    ]
    around = Surroundings(lines)
    made = {around.add("Where is my umbrella?", seed, 1 + seed % 3) for seed in range(50)}
    assert len(made) > 5
    assert all("Where is my umbrella?" in text for text in made)
    assert not any("傘" in text or "xxx" in text for text in made)
    assert any(text.startswith("Where") for text in made)
    assert any(text.endswith("umbrella?") for text in made)
    assert around.add("Где зонт?", 1, 1) == "Где зонт?"
