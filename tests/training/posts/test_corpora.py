"""The corpora are what the manifest says, and closed ones stay closed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from riskclf.errors import FormatError, InputError
from tests.tiny_base import LINES, write_corpora
from training.posts.corpora import ADAPTING, Corpora


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_corpora(tmp_path / "corpora")


def change_manifest(directory: Path, name: str, **changes: Any) -> None:
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for entry in manifest:
        if entry["file"] == name:
            entry.update(changes)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_lines_by_use_and_language(directory: Path) -> None:
    corpora = Corpora.load(directory)
    assert list(corpora.lines("adapt", language="ko")) == LINES["ko"]
    assert list(corpora.lines(*ADAPTING)) == [line for part in LINES.values() for line in part]


def test_sources_say_where_they_come_from(directory: Path) -> None:
    (source,) = Corpora.load(directory).of("adapt", language="en")
    assert source.origin == "github:someone/lines at c0ffee"
    assert (source.licence, source.line_count) == ("CC0 1.0", len(LINES["en"]))


@pytest.mark.parametrize("use", ["heldout", "outside task"])
def test_closed_lines_are_not_given(directory: Path, use: str) -> None:
    corpora = Corpora.load(directory)
    assert len(corpora.of(use)) == 1  # they can be named, for instance to look for duplicates
    with pytest.raises(ValueError, match=use):
        next(corpora.lines("adapt", use))


def test_a_file_with_an_open_and_a_closed_use_is_closed(directory: Path) -> None:
    change_manifest(directory, "zh.txt", use=["adapt", "heldout"])
    corpora = Corpora.load(directory)
    assert list(corpora.lines("adapt", language="zh")) == []
    assert [source.language for source in corpora.of("adapt")] == ["ja", "en", "ko"]


def test_only_line_feeds_end_a_line(directory: Path) -> None:
    content = "one\u2028line\n\n  two \n".encode()
    (directory / "en.txt").write_bytes(content)
    change_manifest(directory, "en.txt", sha256=hashlib.sha256(content).hexdigest())
    assert list(Corpora.load(directory).lines("adapt", language="en")) == ["one\u2028line", "two"]


def test_a_missing_file_is_named_with_its_source(directory: Path) -> None:
    (directory / "ko.txt").unlink()
    with pytest.raises(InputError, match=r"ko\.txt is missing: .*someone/lines at c0ffee"):
        list(Corpora.load(directory).lines("adapt"))


def test_an_altered_file_is_named_with_its_source(directory: Path) -> None:
    with (directory / "ja.txt").open("a", encoding="utf-8") as file:
        file.write("もう一行\n")
    with pytest.raises(FormatError, match=r"ja\.txt .*SHA-256.*someone/lines"):
        list(Corpora.load(directory).lines("adapt"))


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="manifest"):
        Corpora.load(tmp_path)


@pytest.mark.parametrize("content", ["{", "[1]", '{"file": "a"}', '[{"file": "a.txt"}]'])
def test_an_unreadable_manifest(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(FormatError, match="not a list of corpora"):
        Corpora.load(tmp_path)


def test_files_outside_the_directory_are_refused(directory: Path) -> None:
    change_manifest(directory, "ja.txt", file="../ja.txt")
    with pytest.raises(FormatError, match="outside"):
        Corpora.load(directory)
