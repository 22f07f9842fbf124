"""Where a case store lies: an SQLite file, or a PostgreSQL database.

Transactions that write follow one another: on SQLite each begins with BEGIN IMMEDIATE, on
PostgreSQL each locks the one row of the table `stores` (`riskclf.casework.store`). Nothing that
SQLAlchemy raises leaves `translated`: its messages may hold values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PureWindowsPath
from typing import Any

import psutil
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from riskclf.errors import CaseError, InputError, MissingExtra, RiskclfError
from riskclf.files import beside, open_private, target_of

__all__ = [
    "check_version",
    "connect",
    "erase",
    "network_share",
    "removed_if_failed",
    "translated",
    "upgrade",
]

_REMOTE = {"9p", "afpfs", "afs", "ceph", "cifs", "davfs", "fuse.davfs2", "fuse.glusterfs"}
_REMOTE |= {"fuse.rclone", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs3"}
_REMOTE |= {"nfs4", "smb2", "smb3", "smbfs", "vboxsf", "webdav"}
"""Kinds of file systems that other computers can write to."""
_WAIT = 30
"""Seconds to wait for another writer."""
_SQLITE = b"SQLite format 3\x00"
"""How a file of SQLite begins; one that is new and empty does not yet."""


def connect(name: str, *, new: bool = False) -> Engine:
    """An engine for a case store.

    Args:
        name: a file, or a URL that begins with ``postgresql://``.
        new: make the file; otherwise it must be there.

    Raises:
        InputError: the file is missing (or, if `new`, is there), lies on a network share or cannot
            be made; or the URL cannot be used.
        MissingExtra: a PostgreSQL driver is needed.
    """
    if "://" not in name:
        return _sqlite(name, new)
    try:
        url = make_url(name)
    except ArgumentError:
        raise InputError(
            "the URL of the case store cannot be read: write postgresql://USER@HOST/DATABASE"
        ) from None
    if url.get_backend_name() != "postgresql":
        raise InputError(
            f"a case store cannot lie in {url.get_backend_name()}: name a file for SQLite, or a "
            "URL postgresql://USER@HOST/DATABASE"
        )
    if find_spec("psycopg") is None:
        raise MissingExtra("PostgreSQL needs psycopg: pip install 'riskclf[postgres]'")
    return create_engine(
        url.set(drivername="postgresql+psycopg"), poolclass=NullPool, hide_parameters=True
    )


def _sqlite(name: str, new: bool) -> Engine:
    path = target_of(name)
    share = network_share(name) or network_share(str(path))
    if share:
        raise InputError(
            f"{name} lies on a network share ({share}), where SQLite can lose decisions: put it on "
            "a disk of this computer, or use PostgreSQL"
        )
    if new:
        if path.exists():
            raise InputError(f"{name} exists already; name a new file")
        open_private(path).close()
    elif not path.is_file():
        raise InputError(f"{name} is no case store; make one with: riskclf casework init {name}")
    elif _first_bytes(path) not in (b"", _SQLITE):
        raise _no_store(name)
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": _WAIT},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction of its own
        for setting in (
            "journal_mode = WAL",
            "synchronous = FULL",  # a decision outlives a power cut
            "secure_delete = ON",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # With a plain BEGIN, a transaction that reads before it writes can fail half-way.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@contextmanager
def removed_if_failed(name: str) -> Iterator[None]:
    """Remove the file of a new store that cannot be made, so that its name can be used again."""
    try:
        yield
    except BaseException:
        if "://" not in name:
            for suffix in ("", "-wal", "-shm", "-journal"):
                beside(target_of(name), suffix).unlink(missing_ok=True)
        raise


def network_share(path: str) -> str | None:
    """The kind of network share that a path lies on; None for a disk of this computer."""
    if path.startswith(("\\\\", "//")) and PureWindowsPath(path).drive.startswith("\\\\"):
        return "UNC path"
    place = Path(path).absolute()
    found = None
    for part in psutil.disk_partitions(all=True):
        mount = Path(part.mountpoint)
        if place.is_relative_to(mount) and (found is None or len(mount.parts) >= found[0]):
            remote = part.fstype.lower() in _REMOTE or "remote" in part.opts.split(",")
            found = len(mount.parts), (part.fstype or "remote") if remote else None
    return None if found is None else found[1]


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn what the database raises into an error of ours, without values of a row.

    Raises:
        CaseError: the database cannot be used now.
    """
    try:
        yield
    except RiskclfError:
        raise
    except OperationalError as error:
        first = "".join(str(error.orig).strip().splitlines()[:1])
        if "disk is full" in first or "No space left" in first:  # SQLite, PostgreSQL
            first += "; make room on its disk: the step was not taken, all before it are kept"
        raise CaseError(f"{_shown(name)} cannot be used: {first}") from None
    except SQLAlchemyError as error:
        raise CaseError(f"{_shown(name)} cannot be used: {type(error).__name__}") from None


def upgrade(engine: Engine, name: str) -> None:
    """Bring the tables of a store up to date, or make them.

    Raises:
        CaseError: the database cannot be used, or a newer riskclf made it.
    """
    with translated(name), engine.connect() as connection, connection.begin():
        _refuse_newer(connection, name)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check_version(connection: Connection, name: str, *, older_too: bool = False) -> None:
    """Refuse a database whose tables are not those of this version.

    Args:
        connection: to the database.
        name: of the store.
        older_too: take one that an older version made.

    Raises:
        InputError: it holds no case store.
        CaseError: an older or a newer riskclf made it.
    """
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None:
        raise _no_store(_shown(name))
    _refuse_newer(connection, name)
    if not older_too and found != ScriptDirectory.from_config(_config()).get_current_head():
        raise CaseError(
            f"{_shown(name)} was made by an older riskclf; copy it, then run: riskclf casework "
            f"upgrade {_shown(name)}"
        )


def _no_store(name: str) -> InputError:
    return InputError(f"{name} is no case store: name the one that riskclf casework init made")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_SQLITE))


def erase(engine: Engine, name: str) -> None:
    """Overwrite what was deleted: the rows, and on SQLite the write-ahead log.

    Raises:
        CaseError: another program is reading, so that deleted text may still be in the file.
    """
    with translated(name), engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            plain = connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in ("posts", "rulings"):
                plain.exec_driver_sql(f"VACUUM FULL {table}")
            return
        # Not through SQLAlchemy, which would begin a transaction.
        driver = connection.connection.cursor()
        driver.execute("VACUUM")
        ((busy, *_),) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise CaseError(
                f"{name}: the text was deleted, but another program is reading the store, so that "
                "some may still be in its log; end that program and purge again"
            )


def _refuse_newer(connection: Connection, name: str) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    known = {x.revision for x in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is not None and found not in known:
        raise CaseError(f"{_shown(name)} was made by a newer riskclf; install that version")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _shown(name: str) -> str:
    """The name for a message; a URL may hold a password."""
    return make_url(name).render_as_string(hide_password=True) if "://" in name else name
