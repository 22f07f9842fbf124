"""The check that honest text keeps its tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskclf.hub import locate
from riskclf.tokens import Tokenizer
from tests.tiny_base import LINES, write_corpora
from training.posts import honest_text
from training.posts.corpora import Corpora
from training.posts.honest_text import draw, kept


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_corpora(tmp_path / "corpora")


def test_the_same_lines_are_drawn_of_every_file(directory: Path) -> None:
    corpora = Corpora.load(directory)
    everything = draw(corpora, 10_000)
    assert [source.path.name for source, _ in everything] == [
        *(f"{language}.txt" for language in LINES),
        "held.txt",
    ]
    assert [len(lines) for _, lines in everything] == [*map(len, LINES.values()), 1]
    assert draw(corpora, 7) == draw(corpora, 7)
    assert sum(len(lines) for _, lines in draw(corpora, 7)) == 7


def test_a_line_is_kept_where_its_ids_are() -> None:
    tokenizer = Tokenizer.load(locate(None, ()))
    lines = ["今日は雨です", "パ/パ/活の記事", "十七歳です", "Ｑ＆Ａを読む"]
    assert list(kept(lines, tokenizer)) == [True, False, False, True]


def test_the_command_fails_where_too_many_lines_change(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest_text.main(directory, 100)
    assert "100.000%" in capsys.readouterr().out
    monkeypatch.setattr(honest_text, "kept", lambda lines, _: [False] * len(lines))
    with pytest.raises(SystemExit, match=r"99\.5%"):
        honest_text.main(directory, 100)
