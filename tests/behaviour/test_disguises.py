"""The disguises, and what the packaged model says of harmless text in them."""

from __future__ import annotations

import csv
from collections import Counter
from importlib.resources import files

import pytest

from riskclf import RiskClassifier
from riskclf.text import normalise
from tests.behaviour.disguises import DISGUISES, GROUPS, Disguise

# Something for every disguise to change.
ORDINARY = (
    "今日はカラオケとショッピングに行った。17歳の妹はNew shoesがほしいって！パンケーキおいしかった",
    "図書館でミステリーを2冊借りた。タピオカもっと飲みたい、next timeはチーズケーキ",
)
BY_NAME = {(x.group, x.name): x for x in DISGUISES}

# `riskclf.text` promises to undo these, whatever the text.
UNDONE = (
    ("width", "full-width"),
    ("width", "half-width kana"),
    ("invisible characters and marks", "zero-width"),
    ("look-alike letters", "Cyrillic"),
    ("look-alike letters", "mathematical"),
    ("look-alike letters", "enclosed"),
    ("numerals", "circled"),
    ("numerals", "full-width"),
)


@pytest.fixture(scope="module")
def packaged() -> RiskClassifier:
    return RiskClassifier.load(device="cpu")


def test_there_are_twenty_and_more_each_with_its_name() -> None:
    assert len(DISGUISES) == len(BY_NAME) >= 20
    assert {x.group for x in DISGUISES} == set(GROUPS)


@pytest.mark.parametrize("disguise", DISGUISES, ids=lambda x: f"{x.group}: {x.name}")
def test_a_disguise_is_seeded_and_changes_text(disguise: Disguise) -> None:
    for text in ORDINARY:
        for share in (1.0, 0.5):
            changed = disguise(text, 7, share)
            assert changed != text
            assert disguise(text, 7, share) == changed
    assert disguise("", 7) == ""


@pytest.mark.parametrize("kind", UNDONE, ids=" / ".join)
def test_what_normalising_undoes_reads_as_before(kind: tuple[str, str]) -> None:
    for text in ORDINARY:
        for seed in range(20):
            for share in (1.0, 0.5):
                changed = BY_NAME[kind](text, seed, share)
                assert normalise(changed).text == normalise(text).text


def test_a_smaller_share_changes_fewer_words() -> None:
    wide = BY_NAME["width", "full-width"]
    text = "one two three four five six seven eight nine ten"
    whole = wide(text, 0).split()
    assert not [word for word in whole if word.isascii()]
    some = [sum(not x.isascii() for x in wide(text, seed, 0.5).split()) for seed in range(40)]
    assert 4 < sum(some) / len(some) < 6
    assert min(sum(not x.isascii() for x in wide(text, s, 0.0).split()) for s in range(9)) == 1


def test_two_disguises_in_harmless_text_are_said_and_decide_nothing(
    packaged: RiskClassifier,
) -> None:
    for kind in UNDONE:
        for text in ORDINARY:
            changed = BY_NAME[kind](text, 1)
            plain, found = packaged.predict_many([text, changed])
            assert (found.label, found.decision, found.risk) == (
                plain.label,
                plain.decision,
                plain.risk,
            )
            assert ("disguised" in found.reason_codes) == (normalise(changed).undone >= 2)
    said = Counter(
        kind[0]
        for kind in UNDONE
        for text in ORDINARY
        if "disguised" in packaged.predict(BY_NAME[kind](text, 1)).reason_codes
    )
    # Widths and circled numbers are ways to write, not disguises.
    assert set(said) == {"invisible characters and marks", "look-alike letters"}


def test_ordinary_posts_are_not_called_disguised(packaged: RiskClassifier) -> None:
    text = files("riskclf").joinpath("example_posts.csv").read_text(encoding="utf-8")
    posts = [row["text"] for row in csv.DictReader(text.splitlines())]
    for found in packaged.predict_many([*posts, *ORDINARY]):
        assert "disguised" not in found.reason_codes
