"""Where a store may lie, and which versions of it are opened."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.orm import Session

from riskclf.casework import Store
from riskclf.casework.checks import checks_of
from riskclf.casework.database import network_share
from riskclf.casework.schema import Base
from riskclf.errors import CaseError, InputError
from tests.casework.desk import case_of, opened


def mounted(monkeypatch: pytest.MonkeyPatch, *parts: tuple[str, str, str]) -> None:
    found = [SimpleNamespace(mountpoint=a, fstype=b, opts=c) for a, b, c in parts]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: found)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "fuse.sshfs", "9p"])
def test_a_file_on_a_network_share_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounted(monkeypatch, ("/", "ext4", "rw"), (str(tmp_path), kind, "rw"))
    with pytest.raises(InputError, match=rf"network share \({kind}\).*PostgreSQL"):
        opened(str(tmp_path / "cases.db"))
    assert not (tmp_path / "cases.db").exists()


def test_a_disk_below_a_share_is_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(monkeypatch, ("/", "nfs", "rw"), (str(tmp_path), "ext4", "rw"))
    opened(str(tmp_path / "cases.db"))


def test_shares_of_windows_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(monkeypatch, ("/", "NTFS", "rw,remote"))
    assert network_share(r"\\server\share\cases.db") == "UNC path"
    assert network_share("cases.db") == "NTFS"


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    place = tmp_path / "cases.db"
    opened(str(place))
    assert place.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "name, what",
    [
        ("missing.db", "make one with: riskclf casework init"),
        ("posts.csv", "is no case store"),
        ("empty.db", "is no case store"),
    ],
)
def test_what_is_no_store_is_not_opened(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "posts.csv").write_text("text\n雨が降る\n", encoding="utf-8")
    (tmp_path / "empty.db").touch()
    with pytest.raises(InputError, match=what):
        Store.open(str(tmp_path / name))


@pytest.mark.parametrize("url", ["mysql://host/x", "://", "postgresql+what"])
def test_other_places_are_refused(url: str) -> None:
    with pytest.raises(InputError):
        Store.open(url)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(CaseError, match="cannot be used") as caught:
        Store.open("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


def test_the_migrations_make_the_tables_that_the_code_has(place: str) -> None:
    with opened(place).engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_store_of_another_version_is_refused_with_what_to_do(place: str) -> None:
    desk = opened(place)
    with desk.writing() as (session, _, _now):
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CaseError, match="made by a newer riskclf"):
        Store.open(place)
    with pytest.raises(CaseError, match="made by a newer riskclf"):
        Store.upgrade(place)


def test_a_store_of_an_older_version_keeps_what_checks_had_found(place: str) -> None:
    desk = opened(place, [case_of("https://a.example.org/1"), case_of("2"), case_of("3")])
    for number, gone in ((1, True), (2, False)):
        desk.take(number, "a")
        desk.act(number, "a", "decide", decision="minor_solicitation")
        desk.act(number, "a", "warn")
        desk.act(number, "a", "check", gone=gone)
    with desk.writing() as (session, _, _now):
        _as_version_2(session)
    with pytest.raises(CaseError, match="riskclf casework upgrade"):
        Store.open(place)
    Store.upgrade(place)
    store = Store.open(place, clock=desk.clock)
    found = [store.case(number) for number in (1, 2, 3)]
    assert [x.outcome for x in found] == ["deleted", "still_there", None]
    assert [(x.site, x.size, x.drawn) for x in found] == [
        ("example.org", 1, None),
        (None, 1, None),
        (None, 1, None),
    ]
    assert [x.outcome for x in checks_of(store.events(2))] == ["still_there"]
    assert store.undo(1, "a").outcome is None
    store.verify()
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def _as_version_2(session: Session) -> None:
    """Make the tables of a store those of the second version, with what they held then."""
    for statement in (
        "ALTER TABLE cases ADD COLUMN gone BOOLEAN",
        "UPDATE cases SET gone = (outcome = 'deleted') WHERE outcome IS NOT NULL",
        *(f"ALTER TABLE cases DROP COLUMN {x}" for x in ("outcome", "size", "site", "drawn")),
        "UPDATE alembic_version SET version_num = '0002'",
    ):
        session.execute(text(statement))


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(place: str) -> None:
    before = opened(place).verify()
    Store.upgrade(place)
    assert Store.open(place).verify() == before
