"""The lines that an encoder is adapted on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.tiny_base import LINES, write_corpora
from training.posts.corpora import Corpora
from training.recipe.lines import MAX_CHARACTERS, choose_lines


def test_lines_follow_the_mix(corpora: Corpora) -> None:
    language = {line: name for name, lines in LINES.items() for line in lines}
    lines = choose_lines(corpora, 60, seed=0)
    assert Counter(language[line] for line in lines) == {"ja": 36, "en": 12, "ko": 6, "zh": 6}
    assert len(set(lines)) == len(lines)


def test_lines_follow_the_seed(corpora: Corpora) -> None:
    assert choose_lines(corpora, 20, seed=1) == choose_lines(corpora, 20, seed=1)
    assert choose_lines(corpora, 20, seed=1) != choose_lines(corpora, 20, seed=2)


def test_closed_and_long_lines_are_never_chosen(tmp_path: Path) -> None:
    directory = write_corpora(tmp_path)
    lines = choose_lines(Corpora.load(directory), 10_000, seed=0)
    assert "秘密の行です" not in lines
    assert len(lines) == sum(map(len, LINES.values()))
    assert max(map(len, lines)) <= MAX_CHARACTERS
