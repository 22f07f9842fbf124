"""Files of a model directory are read guarded; those of a hub's cache are read too."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from riskclf.errors import ArtifactCorrupt
from riskclf.modelfiles import is_plain_text, parse_json, read_json, read_text, shown


def test_a_link_within_the_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text('{"a": 1}', encoding="utf-8")
    (tmp_path / "config.json").symlink_to("real.json")
    assert read_json(tmp_path / "config.json") == {"a": 1}


def test_the_links_of_a_hubs_cache_are_followed(tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "snapshots" / "c0ffee", tmp_path / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "abc").write_text('{"a": 1}', encoding="utf-8")
    (snapshot / "config.json").symlink_to("../../blobs/abc")
    assert read_json(snapshot / "config.json") == {"a": 1}


def test_a_directory_may_be_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "v3").mkdir()
    (tmp_path / "v3" / "config.json").write_text('{"a": 1}', encoding="utf-8")
    (tmp_path / "current").symlink_to("v3")
    assert read_json(tmp_path / "current" / "config.json") == {"a": 1}


@pytest.mark.parametrize("place", ["../secret.json", "../blobs/../secret.json", "deeper/x.json"])
def test_other_links_are_not_followed(tmp_path: Path, place: str) -> None:
    directory = tmp_path / "model"
    for name in ("model/deeper", "blobs"):
        (tmp_path / name).mkdir(parents=True)
    for file in (tmp_path / "secret.json", directory / "deeper" / "x.json"):
        file.write_text('{"a": 1}', encoding="utf-8")
    (directory / "config.json").symlink_to(place)
    with pytest.raises(ArtifactCorrupt, match=r"config\.json is a link"):
        read_json(directory / "config.json")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": {"b": [0, 1e999]}}', "a.b.1 is no finite number"),
        ('{"a": {"b": 1, "b": 2}}', "b is named twice"),
        ('{"a": "\\udc00"}', "a holds half of a character"),
        ('{"a": ' + "9" * 41 + "}", "a is no finite number"),
        ("[" * 201 + "]" * 201, "more than 200 deep"),
        ("[" * 10**6, "more than 200 deep"),
        ("{", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_odd_json_is_refused_by_its_key(text: str, says: str) -> None:
    with pytest.raises(ArtifactCorrupt, match=says) as caught:
        parse_json(text, "file.json")
    assert str(caught.value).startswith("file.json")
    assert str(caught.value).isprintable()


def test_many_keys_of_which_one_is_repeated_are_refused_at_once() -> None:
    text = ", ".join(f'"{number}": 0' for number in (*range(100_000), 99_999))
    began = time.process_time()
    with pytest.raises(ArtifactCorrupt, match="99999 is named twice"):
        parse_json(f"{{{text}}}", "file.json")
    assert time.process_time() - began < 5


def test_every_end_of_a_line_is_read(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\r\n[UNK]\rx\n")
    assert read_text(tmp_path / "vocab.txt") == "[PAD]\n[UNK]\nx\n"


def test_usual_json_is_read_as_it_is() -> None:
    values = {"limit": 10**30, "deep": [[[[{"x": [None, True, -0.5]}]]]], "text": "雨\n😀"}
    assert parse_json(json.dumps(values), "file.json") == values


@pytest.mark.parametrize("text", ["benign", "支援 要", "支援　要", "a-b_c.d", "café", "😀"])
def test_labels_of_any_language_are_plain(text: str) -> None:
    assert is_plain_text(text)


@pytest.mark.parametrize(
    "text", ["", "a\n", "\x1b[2J", "a\u202eb", "\u200b", "\ud800", "\x00", "a" * 201, 7, None]
)
def test_what_cannot_be_shown_is_not_plain(text: object) -> None:
    assert not is_plain_text(text)


def test_what_is_shown_is_short_and_printable() -> None:
    assert shown("label") == "label"
    assert shown("\x1b[2J\n\u202e雨") == "\\x1b[2J\\n\\u202e雨"
    assert len(shown("\x00" * 10**6)) < 400
