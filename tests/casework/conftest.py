"""Every test of the store runs on SQLite, and on PostgreSQL where a server is named."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url

SERVER = os.environ.get("RISKCLF_POSTGRES", "")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new store can be made."""
    if request.param == "sqlite":
        return str(tmp_path / "cases.db")
    if not SERVER:
        pytest.skip("no PostgreSQL server: RISKCLF_POSTGRES names none")
    url = make_url(SERVER).set(drivername="postgresql+psycopg")
    name = f"riskclf_{uuid4().hex}"
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    made = url.set(drivername="postgresql", database=name)
    return made.render_as_string(hide_password=False)
