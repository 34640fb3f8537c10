"""An empty, and a migrated, database of each supported kind for every test that asks for one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sriov_provider.db import migrate
from sriov_provider.db.engine import Sessions, create_engine
from tests.functional.db import servers


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    with servers.mariadb() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    with servers.postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "mariadb", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/provider.sqlite"
        return
    server = request.getfixturevalue(f"{request.param}_server")
    name = f"test_{uuid.uuid4().hex}"
    admin = server + ("postgres" if request.param == "postgresql" else "")
    _execute(admin, f"CREATE DATABASE {name}")
    yield server + name
    # A connection that has just been closed may still be on the server's list.
    force = " WITH (FORCE)" if request.param == "postgresql" else ""
    _execute(admin, f"DROP DATABASE {name}{force}")


@pytest.fixture
def sessions(url: str) -> Iterator[Sessions]:
    """Sessions of a migrated database."""
    migrate.upgrade(url)
    sessions = Sessions(url)
    yield sessions
    sessions.dispose()


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
