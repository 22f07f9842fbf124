"""A job that was stopped takes the results that were recorded."""

from __future__ import annotations

import json
import stat
from hashlib import blake2b
from pathlib import Path

import pytest

from riskclf.errors import InputError
from riskclf.tables import Journal


def test_journal_gives_back_whole_batches_only(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path, {"model": "a"})
    assert journal.next_batch(2) is None
    journal.append([[1, 0.1], [2, 0.2]])
    journal.append([[3, 0.3]])
    journal.close()
    whole = path.read_bytes()
    first_two = whole.index(b"\n", whole.index(b"[[1")) + 1
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        again = Journal(path, {"model": "a"})
        got = [again.next_batch(2), again.next_batch(1)]
        assert got[0] == ([[1, 0.1], [2, 0.2]] if length >= first_two else None)
        assert got[1] == ([[3, 0.3]] if length == len(whole) else None)
        if got[0] is None:
            again.append([[1, 0.1], [2, 0.2]])
        if got[1] is None:
            again.append([[3, 0.3]])
        again.close()
        assert path.read_bytes() == whole


def test_journal_of_another_job_is_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path, {"model": "a", "size": 1})
    journal.append([1])
    journal.close()
    other = Journal(path, {"model": "b", "size": 1})
    assert (other.is_continued, other.changed) == (False, ("model",))
    assert other.next_batch(1) is None
    other.remove()
    assert not path.exists()
    fresh = Journal(path, {"model": "b", "size": 1})
    assert (fresh.is_continued, fresh.changed) == (False, ())
    fresh.close()


def test_the_file_of_a_journal_holds_no_text_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "j"
    post = "明日ひま"
    journal = Journal(path, {"text column": post, "input": "/somewhere/named/after/a/person"})
    journal.append([["benign", "clear", 0.1]])
    journal.close()
    content = path.read_text(encoding="utf-8")
    for text in (post, json.dumps(post), json.dumps(post).strip('"'), "person"):
        assert text not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Journal(path, {"text column": "雨", "input": "x"}).changed == ("text column", "input")


def test_a_link_in_the_place_of_a_journal_is_refused(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("kept", encoding="utf-8")
    (tmp_path / "o.csv.resume").symlink_to(precious)
    with pytest.raises(InputError, match=r"o\.csv\.resume is a link; remove it"):
        Journal(tmp_path / "o.csv.resume", {"model": "a"})
    assert precious.read_text(encoding="utf-8") == "kept"


def test_a_line_that_was_altered_is_dropped_with_all_that_follow(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path, {"model": "a"})
    journal.append([["benign", "clear", 0.25]])
    journal.append([["benign", "clear", 0.5]])
    journal.close()
    whole = path.read_bytes()
    for place in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        again = Journal(path, {"model": "a"})
        assert again.is_continued
        first = again.next_batch(1)
        assert first in (None, [["benign", "clear", 0.25]])
        assert again.next_batch(1) is None
        again.close()


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000], ids=len)
def test_a_journal_of_deep_json_is_thrown_away_and_not_kept_for_ever(
    tmp_path: Path, deep: bytes
) -> None:
    path = tmp_path / "j"
    for checksum in (b"", blake2b(deep, digest_size=8).hexdigest().encode() + b" "):
        path.write_bytes(checksum + deep + b"\n")
        journal = Journal(path, {"model": "a"})
        assert journal.next_batch(1) is None
        journal.append([1])
        journal.close()
        assert Journal(path, {"model": "a"}).next_batch(1) == [1]
