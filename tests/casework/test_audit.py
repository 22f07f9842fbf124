"""The audit log as a file: whatever is done to it is found, with no case store at hand."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from riskclf.casework.audit import AuditLog, Entry, Head, head_of, line_of, seal_of
from riskclf.casework.verifying import merge, verify
from riskclf.errors import CaseError, InputError
from riskclf.text import normalise

START = datetime(2026, 4, 1, 9, tzinfo=UTC)
SAID = "猫がｷｰﾎﾞｰﾄﾞの上で寝ている"


def entry(
    minute: float, case: int | None = None, action: str = "decide", posts: list[str] | None = None
) -> Entry:
    return Entry(START + timedelta(minutes=minute), {"action": action, "case": case}, posts)


def made(place: Path, *entries: Entry) -> AuditLog:
    log = AuditLog.create(place, place.with_suffix(".key"))
    with log.held():
        log.append(entries)
    return log


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "audit.jsonl"
    made(path, *(entry(n, n, posts=[f"雨が降る {n}"]) for n in range(1, 6)))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def write(path: Path, found: list[dict[str, Any]]) -> None:
    path.write_text(
        "".join(json.dumps(x, sort_keys=True, separators=(",", ":")) + "\n" for x in found), "ascii"
    )


def test_a_log_that_was_left_alone_is_whole(place: Path) -> None:
    found = verify(place)
    assert found.head == head_of(place)
    assert (found.head.count, found.clock_back, found.tombstones) == (5, 0, 0)


def test_the_post_is_there_as_a_keyed_hmac_of_its_normalised_text_only(tmp_path: Path) -> None:
    place = tmp_path / "audit.jsonl"
    log = made(place, entry(1, 1, posts=[SAID]))
    key = bytes.fromhex(log.key.read_text())
    expected = hmac.new(key, normalise(SAID).text.encode(), "sha256").hexdigest()
    assert lines(place)[1]["posts"] == [expected]
    for spelling in (SAID, normalise(SAID).text):
        assert spelling not in place.read_text()
        assert json.dumps(spelling)[1:-1] not in place.read_text()


def test_the_format_of_a_line_stays_what_it_is() -> None:
    """Logs of years ago must still be checked: another format needs another number in line 0."""
    fields = {"n": 5, "case": 7, "action": "decide", "note": "雨", "previous": "0" * 64}
    chained = (
        '{"action":"decide","case":7,"n":5,"note":"\\u96e8","previous":"' + "0" * 64 + '"}'
    ).encode("ascii")
    unchained = {"posts": ["ab"], "salt": "cd", "line": {}}
    written = json.loads(line_of(fields | unchained))
    assert written == fields | unchained | {"digest": sha256(chained).hexdigest()}
    assert line_of(fields) == chained.replace(
        b'"case":7,', f'"case":7,"digest":"{sha256(chained).hexdigest()}",'.encode()
    ) + b"\n"  # fmt: skip
    assert seal_of(["ab"], "cd") == sha256(b'["cd","ab"]').hexdigest()


def test_the_first_line_says_what_log_it_is_and_since_when(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    log = made(tmp_path / "audit.jsonl")
    (first,) = lines(log.path)
    assert before <= datetime.fromisoformat(first["created"]) <= datetime.now(UTC)
    assert first.keys() == {"n", "log", "format", "created", "previous", "digest"}
    assert (first["n"], first["log"], first["format"]) == (0, log.name, 1)
    assert first["previous"] == "0" * 64
    assert re.fullmatch("[0-9a-f]{16}", log.name)
    assert re.fullmatch("[0-9a-f]{64}\n", log.key.read_text())


def test_a_damaged_last_line_is_told_with_the_name_of_the_file(place: Path) -> None:
    log = AuditLog(place, place.with_suffix(".key"), lines(place)[0]["log"])
    place.write_bytes(place.read_bytes() + b"{}\n")
    for use in (log.head, lambda: log.append([entry(9)]), lambda: head_of(place)):
        with pytest.raises(CaseError, match=re.escape(f"{place} is no audit log, or was damaged")):
            use()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, CaseError, "is missing: bring it back"),
        ("ab" * 31, InputError, "is no key: it must hold 64 hex digits"),
        ("ab" * 33, InputError, "is no key"),
        ("rain", InputError, "is no key"),
        ("雨", InputError, "is no key"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_and_nothing_is_written(
    place: Path, content: str | None, error: type[Exception], message: str
) -> None:
    log = AuditLog(place, place.with_suffix(".key"), lines(place)[0]["log"])
    log.key.unlink()
    if content is not None:
        log.key.write_text(content, encoding="utf-8")
    before = place.read_bytes()
    for use in (log.check_key, lambda: log.append([entry(9)])):
        with pytest.raises(error, match=message) as told:
            use()
        assert str(log.key) in str(told.value)
    assert place.read_bytes() == before
    with pytest.raises(error, match=message):
        AuditLog.create(place.parent / "other.jsonl", log.key) if content else log.check_key()
    assert not (place.parent / "other.jsonl").exists()


def test_log_and_key_are_for_their_owner_only_and_apart(place: Path) -> None:
    for path in (place, place.with_suffix(".key")):
        assert path.stat().st_mode & 0o077 == 0
    assert place.with_suffix(".key").read_text().strip() not in place.read_text()
    with pytest.raises(InputError, match="another file"):
        AuditLog.create(place.parent / "one", place.parent / "one")
    with pytest.raises(InputError, match="exists already"):
        AuditLog.create(place, place.with_suffix(".key"))


def test_two_logs_can_share_a_key_and_then_know_the_same_post(tmp_path: Path) -> None:
    for name in ("a", "b"):
        log = AuditLog.create(tmp_path / name, tmp_path / "key")
        log.append([entry(1, 1, posts=[SAID])])
    one, other = (lines(tmp_path / name)[1] for name in ("a", "b"))
    assert one["posts"] == other["posts"]
    assert one["sealed"] != other["sealed"]


CHANGES: dict[str, tuple[Callable[[list[Any]], Any], str]] = {
    "a value": (
        lambda x: x[3].update(action="release"),
        "the line with n = 3 is not as it was written",
    ),
    "a new value": (lambda x: x[3].update(more=1), "the line with n = 3 is not as it was written"),
    "another log's line": (
        lambda x: x[3].update(line={}),
        "the line with n = 3 is not as it was written",
    ),
    "a removed value": (lambda x: x[3].pop("case"), "the line with n = 3 is not as it was written"),
    "the name": (lambda x: x[0].update(log="x"), "the line with n = 0 is not as it was written"),
    "a dropped line": (lambda x: x.pop(3), "the line with n = 3 is missing, or not in its place"),
    "the first line": (lambda x: x.pop(0), "the line with n = 0 is missing"),
    "two lines swapped": (lambda x: x.insert(2, x.pop(3)), "n = 2 is missing, or not in"),
    "a line twice": (lambda x: x.insert(3, x[3]), "n = 4 is missing, or not in its place"),
    "the posts": (lambda x: x[3].update(posts=["0" * 64]), "posts of the line with n = 3"),
    "the salt": (lambda x: x[3].pop("salt"), "posts of the line with n = 3"),
    "posts without a purge": (
        lambda x: (x[3].pop("posts"), x[3].pop("salt")),
        "the line with n = 3 lacks its posts, and no purge of case 3 follows",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_dropped_or_moved_line_is_found(place: Path, what: str) -> None:
    change, message = CHANGES[what]
    found = lines(place)
    change(found)
    write(place, found)
    with pytest.raises(CaseError, match=message) as error:
        verify(place)
    assert str(place) in str(error.value)


def test_a_line_that_was_written_anew_breaks_the_next_one(place: Path) -> None:
    content = place.read_bytes().splitlines(keepends=True)
    found = {**json.loads(content[3]), "action": "release"}
    found.pop("digest")
    content[3] = line_of(found)
    place.write_bytes(b"".join(content))
    with pytest.raises(CaseError, match="the line with n = 4 is not as it was written"):
        verify(place)


def test_every_changed_byte_is_found(place: Path) -> None:
    content = place.read_bytes()
    for number in range(0, len(content), 7):
        place.write_bytes(content[:number] + bytes([content[number] ^ 1]) + content[number + 1 :])
        with pytest.raises(CaseError):
            verify(place)


def test_an_end_that_was_cut_off_is_found_by_what_was_kept_elsewhere(place: Path) -> None:
    kept = head_of(place)
    write(place, lines(place)[:-1])
    assert verify(place).head.count == 4  # the log alone cannot tell
    with pytest.raises(CaseError, match="ends with n = 4, and n = 5 was kept"):
        verify(place, kept=kept)


def test_a_log_that_was_written_anew_as_a_whole_is_found_likewise(place: Path) -> None:
    kept = head_of(place)
    place.unlink()
    made(place, *(entry(n, n) for n in range(1, 9)))
    verify(place)
    with pytest.raises(CaseError, match="the line with n = 5 is another one"):
        verify(place, kept=kept)


def test_a_log_that_has_grown_still_holds_what_was_kept(place: Path) -> None:
    kept = head_of(place)
    log = AuditLog(place, place.with_suffix(".key"), lines(place)[0]["log"])
    log.append([entry(9)])
    assert verify(place, kept=kept).head.count == 6


@pytest.mark.parametrize("cut", [1, 40])
def test_a_line_that_a_kill_left_incomplete_is_told_and_completed(place: Path, cut: int) -> None:
    place.write_bytes(place.read_bytes()[:-cut])
    with pytest.raises(CaseError, match="the last line is incomplete"):
        verify(place)
    log = AuditLog(place, place.with_suffix(".key"), lines_before_cut(place)[0]["log"])
    with log.held():
        assert log.head().count == 4
        log.append([entry(5, 5)])
    assert verify(place).head.count == 5


def lines_before_cut(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()[:-1]]


def test_a_clock_that_goes_back_is_recorded_and_nothing_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "audit.jsonl"
    made(place, entry(10), entry(7), entry(8), entry(11))
    assert [x.get("clock_back") for x in lines(place)[1:]] == [None, 180, None, None]
    assert verify(place).clock_back == 1


def test_a_purge_leaves_tombstones_that_can_be_checked(tmp_path: Path) -> None:
    place = tmp_path / "audit.jsonl"
    log = made(place, entry(1, 1, posts=[SAID]), entry(2, 2, posts=[SAID]), entry(3))
    before = lines(place)
    log.append([entry(4, 1, "warn", [SAID]), entry(5, 1, "purge_case"), entry(6, None, "purge")])
    after = lines(place)
    assert [("posts" in x, "salt" in x, "sealed" in x) for x in after[1:]] == [
        (False, False, True),
        (True, True, True),
        (False, False, False),
        (False, False, True),
        (False, False, False),
        (False, False, False),
    ]
    assert [x["digest"] for x in after[:4]] == [x["digest"] for x in before]
    assert verify(place, kept=Head(3, before[-1]["digest"])).tombstones == 2
    assert place.stat().st_mode & 0o077 == 0


def test_two_logs_merge_by_time_and_each_can_still_be_checked(tmp_path: Path) -> None:
    a, b, both = tmp_path / "a", tmp_path / "b", tmp_path / "both"
    one = made(a, entry(1, 1, posts=[SAID]), entry(5, 2), entry(4, 3), entry(9, 1, "purge_case"))
    other = made(b, entry(2, 1), entry(6, 2))
    found = merge([a, b], both)
    assert found.logs == (one.name, other.name)
    assert (found.head.count, found.clock_back, found.tombstones) == (8, 1, 1)
    told = [(x["log"] == one.name, x["line"]["n"]) for x in lines(both)[1:]]
    assert told[:2] == [(True, 0), (False, 0)]
    order = [(True, 1), (False, 1), (True, 2), (True, 3), (False, 2), (True, 4)]
    assert [x for x in told if x[1]] == order
    assert verify(both) == found
    third, all_three = tmp_path / "c", tmp_path / "all"
    made(third, entry(3))
    assert merge([both, third], all_three).head.count == 10


@pytest.mark.parametrize("what", ["drop", "swap", "inner", "posts", "cut"])
def test_a_merged_log_that_was_changed_is_found(tmp_path: Path, what: str) -> None:
    a, b, both = tmp_path / "a", tmp_path / "b", tmp_path / "both"
    made(a, *(entry(n, n, posts=[SAID]) for n in range(4)))
    made(b, *(entry(n, n) for n in range(4)))
    merge([a, b], both)
    kept, found = head_of(both), lines(both)
    at = next(n for n, x in enumerate(found) if x.get("line", {}).get("posts"))
    if what == "drop":
        found.pop(at)
    elif what == "swap":
        found[at], found[at + 1] = found[at + 1], found[at]
    elif what == "inner":
        found[at]["line"]["action"] = "release"
    elif what == "posts":
        del found[at]["line"]["posts"], found[at]["line"]["salt"]
    else:
        found.pop()
    write(both, found)
    with pytest.raises(CaseError):
        verify(both, kept=kept)


def test_two_copies_of_a_log_do_not_merge_and_a_changed_one_neither(tmp_path: Path) -> None:
    a, copy, out = tmp_path / "a", tmp_path / "copy", tmp_path / "out"
    made(a, entry(1), entry(2))
    copy.write_bytes(a.read_bytes())
    with pytest.raises(CaseError, match="is in two files"):
        merge([a, copy], out)
    write(copy, lines(copy)[:1] + lines(copy)[2:])
    with pytest.raises(CaseError, match="the line with n = 1 is missing"):
        merge([copy], out)
    assert not out.exists()


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"text,label\n", b"[1]\n", b'{"n": 0}\n', b"\xff\n"]
)
def test_what_is_no_audit_log_is_told(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "other.csv"
    place.write_bytes(content)
    for check in (verify, head_of):
        with pytest.raises(CaseError, match=r"other\.csv"):
            check(place)
    with pytest.raises(InputError, match="cannot be read"):
        verify(tmp_path / "none")


@pytest.mark.parametrize(
    "change",
    [{"posts": 10**30}, {"posts": {"a": 1}}, {"salt": [1]}, {"case": [1]}, {"case": {}}],
    ids=str,
)
def test_a_line_of_wrong_types_with_the_right_digest_is_found(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    place = tmp_path / "audit.jsonl"
    made(place, entry(1, posts=[SAID]))
    found = lines(place)
    found[1] |= change
    del found[1]["digest"]
    if "salt" in change:
        del found[1]["posts"]
    place.write_bytes(line_of(found[0]) + line_of(found[1]))
    with pytest.raises(CaseError, match="n = 1 is not as it was written"):
        verify(place)


@pytest.mark.parametrize("depth", [300, 900, 960, 990, 100_000])
def test_a_log_of_deep_json_is_one_clear_error(tmp_path: Path, depth: int) -> None:
    place = tmp_path / "audit.jsonl"
    made(place, entry(1))
    first, second = place.read_bytes().splitlines(keepends=True)
    deep = b"[" * depth + b"]" * depth
    place.write_bytes(first + second.replace(b'"n":1', b'"n":1,"x":' + deep))
    for check in (verify, head_of):
        try:
            check(place)
        except CaseError as error:
            assert "audit.jsonl" in str(error)
        else:
            assert check is head_of and depth < 1000  # which checks nothing


def test_a_log_is_checked_in_memory_that_does_not_grow_with_it(tmp_path: Path) -> None:
    import tracemalloc

    place = tmp_path / "audit.jsonl"
    made(place, *(entry(n, n, posts=[SAID]) for n in range(3000)))
    tracemalloc.start()
    verify(place)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300_000 < place.stat().st_size
