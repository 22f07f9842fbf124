"""The store writes every step to its audit log, once, whenever it is killed."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from riskclf.casework import Store
from riskclf.casework.audit import AuditLog
from riskclf.casework.purge import purge
from riskclf.casework.verifying import verify
from riskclf.errors import CaseError, InputError
from tests.casework.desk import DETAILS, RETENTION, Clock, Desk, case_of

A, B = "officer-a", "officer-b"
SAID, NOTE, LINK = "猫がキーボードの上で寝ている", "電話で話した", "https://example.org/42"
VERSION = "0123456789abcdef"


def audited(place: str, log: Path) -> Desk:
    clock = Clock()
    desk = Desk.create(place, **DETAILS, retention=RETENTION, clock=clock, audit_log=str(log))
    desk.clock = clock
    desk.add(
        [case_of(LINK, SAID)],
        model="m1",
        officer="chief",
        thresholds={"flag": 0.9, "review": 0.2},
    )
    return desk


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def desk(place: str, log: Path) -> Desk:
    return audited(place, log)


def warned(desk: Desk) -> None:
    case = desk.next_case(A)
    assert case is not None
    desk.act(case.id, A, "decide", decision="minor_solicitation", note=NOTE)
    desk.act(case.id, A, "warn", template=VERSION)


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="ascii").splitlines()][1:]


def test_every_step_is_in_the_log_with_scores_labels_and_officer(desk: Desk, log: Path) -> None:
    warned(desk)
    desk.undo(1, A, second=B)
    found = lines(log)
    assert [x["action"] for x in found] == ["open_cases", "assign", "decide", "warn", "undo"]
    warn = found[3]
    assert {name: warn[name] for name in ("officer", "case", "state", "model", "suggested")} == {
        "officer": A, "case": 1, "state": "warned", "model": "m1",
        "suggested": "minor_solicitation",
    }  # fmt: skip
    assert warn["final"] == "minor_solicitation"
    assert warn["thresholds"] == {"flag": 0.9, "review": 0.2}
    assert warn["scores"]["benign"] == pytest.approx(0.1)
    assert warn["detail"] == {"template": VERSION}
    assert warn["event"] == desk.events(1)[2].digest
    assert found[4]["second"] == B and found[4]["undoes"] == 4
    assert verify(log).head.count == desk.verify()[0] == 5


def test_no_text_note_or_reference_is_in_it(desk: Desk, log: Path) -> None:
    warned(desk)
    for words in (SAID, NOTE, LINK):
        for said in (words, json.dumps(words)[1:-1]):
            assert said not in log.read_text(encoding="ascii")


@pytest.mark.parametrize("left", [0, 1, 3, -20])
def test_what_a_kill_kept_from_the_log_is_added_at_the_next_opening_once(
    desk: Desk, log: Path, place: str, left: int
) -> None:
    warned(desk)
    # As after a kill between the database and the log, or in the middle of a line.
    content = log.read_bytes()
    cut = content[:left] if left < 0 else b"".join(content.splitlines(keepends=True)[: 1 + left])
    log.write_bytes(cut)
    Store.open(place)
    assert [x["action"] for x in lines(log)] == ["open_cases", "assign", "decide", "warn"]
    Store.open(place)
    assert verify(log).head.count == 4


def test_a_store_whose_log_is_missing_or_another_one_is_not_used(
    place: str, tmp_path: Path, log: Path
) -> None:
    audited(place, log)
    log.rename(tmp_path / "moved")
    with pytest.raises(CaseError, match=r"is missing: bring it back, or .* riskclf audit start"):
        Store.open(place)
    AuditLog.create(log, tmp_path / "key")
    with pytest.raises(CaseError, match="is not the audit log of this case store"):
        Store.open(place)
    (tmp_path / "moved").replace(log)
    (tmp_path / "audit.jsonl.key").unlink()
    with pytest.raises(CaseError, match=r"the key .* is missing"):
        Store.open(place)


def test_steps_on_other_computers_of_a_server_come_into_the_log_later(
    desk: Desk, log: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = log.rename(log.with_name("away"))
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("platform.node", lambda: "another")
        if not place.startswith("postgresql"):  # whoever has the file has the log beside it
            with pytest.raises(CaseError, match="is missing"):
                Store.open(place)
        else:
            warned(desk)
            with pytest.raises(CaseError, match="purge on the computer that holds the audit log"):
                purge(desk, A, B)
    away.rename(log)
    Store.open(place)
    assert verify(log).head.count == desk.verify()[0]


def test_a_step_that_the_log_could_not_take_is_kept_and_comes_later(
    desk: Desk, log: Path, place: str
) -> None:
    key = log.with_name("audit.jsonl.key")
    content = key.read_bytes()
    key.write_bytes(b"no key\n")
    with pytest.raises(CaseError, match="the step is kept in the case store, but not yet in"):
        desk.next_case(A)
    key.write_bytes(content)
    Store.open(place)
    assert [x["action"] for x in lines(log)] == ["open_cases", "assign"]


def test_a_purge_takes_the_hmacs_and_the_log_still_holds(desk: Desk, log: Path) -> None:
    warned(desk)
    desk.act(1, A, "check", gone=True)
    assert "posts" in lines(log)[-1]
    kept = verify(log).head
    desk.clock.move(days=31)
    purge(desk, A, B)
    assert not any("posts" in x or "salt" in x for x in lines(log))
    found = verify(log, kept=kept)
    assert found.tombstones == 4
    assert [x["action"] for x in lines(log)[-2:]] == ["purge_case", "purge"]


def test_a_kill_in_a_purge_leaves_no_hmac_once_the_store_was_opened_again(
    desk: Desk, log: Path, place: str
) -> None:
    warned(desk)
    desk.act(1, A, "check", gone=True)
    before = log.read_bytes()
    desk.clock.move(days=31)
    purge(desk, A, B)
    log.write_bytes(before)  # as after a kill between the database and the log
    Store.open(place)
    assert not any("posts" in x or "salt" in x for x in lines(log))
    assert verify(log).tombstones == 4
    assert len(lines(log)) == desk.verify()[0]


def test_what_the_log_lacks_at_a_purge_is_written_before_the_posts_go(
    desk: Desk, log: Path
) -> None:
    warned(desk)
    desk.act(1, A, "check", gone=True)
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:1]))
    desk.clock.move(days=31)
    purge(desk, A, B)
    assert verify(log).tombstones == 4  # each was there with its seal
    assert len(lines(log)) == desk.verify()[0]


def test_a_clock_that_went_back_is_in_the_log(desk: Desk, log: Path) -> None:
    desk.clock.move(hours=-2)
    warned(desk)
    assert verify(log).clock_back == 1


def test_an_older_store_begins_a_log_with_all_its_events(place: str, tmp_path: Path) -> None:
    desk = Desk.create(place, **DETAILS, retention=RETENTION)
    desk.add([case_of("r1"), case_of("r2")], model="m1", officer="chief")
    warned(desk)
    purge(desk, A, B, before=desk.events(1)[0].at.replace(year=2999))
    log = tmp_path / "late.jsonl"
    with pytest.raises(CaseError, match="second person"):
        desk.begin_audit_log(str(log), A, A)
    desk.begin_audit_log(str(log), A, B)
    assert [x["action"] for x in lines(log)][-1] == "begin_audit_log"
    assert verify(log).head.count == desk.verify()[0]


def test_an_audit_log_on_a_network_share_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riskclf.casework.auditing.network_share", lambda _: "nfs4")
    with pytest.raises(InputError, match="network share"):
        audited(str(tmp_path / "cases.db"), tmp_path / "audit.jsonl")


def _work(place: str, officer: str) -> None:
    store = Store.open(place)
    while (case := store.next_case(officer)) is not None:
        store.act(case.id, officer, "decide", decision="benign")


def test_officers_in_many_processes_write_one_log(place: str, log: Path) -> None:
    desk = audited(place, log)
    desk.add([case_of(f"r{n}", f"雨が降る {n}") for n in range(20)], model="m1", officer="chief")
    context = multiprocessing.get_context("fork")
    officers = [context.Process(target=_work, args=(place, f"officer-{n}")) for n in range(4)]
    for officer in officers:
        officer.start()
    for officer in officers:
        officer.join()
    assert [officer.exitcode for officer in officers] == [0] * 4
    assert [x["event"] for x in lines(log)] == [event.digest for event in all_events(desk)]
    assert verify(log).head.count == desk.verify()[0]


def all_events(desk: Desk) -> list[Any]:
    from sqlalchemy import select

    from riskclf.casework.schema import Event

    with desk.reading() as session:
        return list(session.scalars(select(Event).order_by(Event.id)))
