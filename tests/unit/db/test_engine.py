from __future__ import annotations

import datetime
import sqlite3
import sys
import threading
from pathlib import Path

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from sriov_provider.db import engine, inventory, migrate
from sriov_provider.db.engine import Sessions, is_transient
from sriov_provider.db.types import UtcDateTime, utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import AmphoraRecord


def _wrapped(original: Exception, invalidated: bool = False) -> DBAPIError:
    return OperationalError("SELECT 1", {}, original, connection_invalidated=invalidated)


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (_wrapped(pymysql.err.OperationalError(1213, "Deadlock found")), True),
        (_wrapped(pymysql.err.OperationalError(1205, "Lock wait timeout")), True),
        (_wrapped(pymysql.err.OperationalError(1047, "WSREP has not yet prepared node")), True),
        (_wrapped(pymysql.err.OperationalError(2013, "Lost connection")), True),
        (_wrapped(pymysql.err.OperationalError(1045, "Access denied")), False),
        (_wrapped(pymysql.err.OperationalError()), False),
        (_wrapped(psycopg.errors.SerializationFailure("x")), True),
        (_wrapped(psycopg.errors.DeadlockDetected("x")), True),
        (_wrapped(psycopg.errors.AdminShutdown("x")), True),
        (_wrapped(psycopg.errors.ConnectionFailure("x")), True),
        (_wrapped(psycopg.OperationalError("connection refused")), True),
        (_wrapped(psycopg.errors.InvalidPassword("x")), False),
        (_wrapped(psycopg.errors.UndefinedTable("x")), False),
        (_wrapped(sqlite3.OperationalError("database is locked")), True),
        (_wrapped(sqlite3.OperationalError("no such table: job")), False),
        (_wrapped(pymysql.err.OperationalError(1045, "x"), invalidated=True), True),
        (IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE")), False),
        (ValueError("locked"), False),
    ],
)
def test_what_is_worth_another_try(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


@pytest.mark.parametrize(
    ("url", "dialect", "driver"),
    [
        ("mysql://u:p@h/d", "mysql", "pymysql"),
        ("mariadb://u:p@h/d", "mariadb", "pymysql"),
        ("mysql+pymysql://u:p@h/d", "mysql", "pymysql"),
        ("postgresql://u:p@h/d", "postgresql", "psycopg"),
        ("postgres://u:p@h/d", "postgresql", "psycopg"),
        ("sqlite:///x", "sqlite", "pysqlite"),
    ],
)
def test_default_drivers(url: str, dialect: str, driver: str) -> None:
    created = engine.create_engine(url)
    assert (created.dialect.name, created.dialect.driver) == (dialect, driver)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/p.sqlite"


def test_nothing_is_opened_before_first_use(tmp_path: Path, url: str) -> None:
    sessions = Sessions(url)
    assert list(tmp_path.iterdir()) == []
    sessions.read(lambda session: session.execute(sa.text("SELECT 1")))
    assert [path.name for path in tmp_path.iterdir()] != []
    sessions.dispose()


def test_sqlite_is_tuned(url: str) -> None:
    sessions = Sessions(url)

    def pragma(name: str) -> object:
        return sessions.read(lambda session: session.scalar(sa.text(f"PRAGMA {name}")))

    assert pragma("journal_mode") == "wal"
    assert pragma("foreign_keys") == 1
    assert pragma("busy_timeout") == engine.BUSY_TIMEOUT_MS


def test_foreign_keys_are_enforced(url: str) -> None:
    migrate.upgrade(url)
    orphan = AmphoraRecord("a", "no such load balancer")
    with pytest.raises(IntegrityError):
        Sessions(url).run(lambda session: inventory.save_amphora(session, orphan))


def test_work_is_run_again_after_a_passing_failure(url: str) -> None:
    attempts = []

    def work(session: object) -> int:
        attempts.append(session)
        if len(attempts) < 3:
            raise _wrapped(sqlite3.OperationalError("database is locked"))
        return len(attempts)

    assert Sessions(url).run(work) == 3
    assert len({id(session) for session in attempts}) == 3


def test_a_lasting_failure_is_explained(url: str) -> None:
    with pytest.raises(ProviderError) as raised:
        Sessions(url).run(lambda session: session.execute(sa.text("SELECT * FROM nothing")))
    assert raised.value.reason.code is Code.DATABASE
    assert "nothing" in raised.value.reason.operator
    assert not raised.value.retriable


def test_a_database_that_cannot_be_reached_is_worth_a_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "ATTEMPTS", 2)
    sessions = Sessions("mysql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(ProviderError) as raised:
        sessions.read(lambda session: session.execute(sa.text("SELECT 1")))
    assert raised.value.reason.code is Code.DATABASE
    assert raised.value.retriable


@pytest.mark.parametrize(
    "url", ["mysql+nodriver://u:hidden@h/d", "oracle+absent://u:hidden@h/d", "u:hidden@h"]
)
def test_an_url_that_cannot_be_used_is_explained(url: str) -> None:
    with pytest.raises(ProviderError) as caught:
        Sessions(url).read(lambda session: session.execute(sa.text("SELECT 1")))
    assert caught.value.reason.code is Code.CONFIGURATION
    assert "database_connection" in caught.value.reason.operator
    assert "hidden" not in str(caught.value)


def test_a_missing_database_driver_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ProviderError) as caught:
        engine.create_engine("postgresql://u:p@h/d")
    assert caught.value.reason.code is Code.CONFIGURATION
    assert "psycopg" in caught.value.reason.operator


def test_work_commits_or_rolls_back(url: str) -> None:
    sessions = Sessions(url)
    sessions.run(lambda s: s.execute(sa.text("CREATE TABLE t (x INTEGER)")))
    sessions.run(lambda s: s.execute(sa.text("INSERT INTO t VALUES (1)")))

    def fail(session: Session) -> None:
        session.execute(sa.text("INSERT INTO t VALUES (2)"))
        raise KeyError

    with pytest.raises(KeyError):
        sessions.run(fail)
    assert sessions.read(lambda s: s.scalar(sa.text("SELECT count(*) FROM t"))) == 1


def test_a_writer_waits_for_another(url: str) -> None:
    """Read first and write later: the case in which SQLite would fail at once by itself."""
    sessions = Sessions(url)
    sessions.run(lambda s: s.execute(sa.text("CREATE TABLE t (x INTEGER)")))
    sessions.run(lambda s: s.execute(sa.text("INSERT INTO t VALUES (0)")))

    def increment(session: sa.orm.Session) -> None:
        value = session.scalar(sa.text("SELECT x FROM t"))
        session.execute(sa.text(f"UPDATE t SET x = {value + 1}"))

    threads = [
        threading.Thread(target=lambda: [sessions.run(increment) for _ in range(10)])
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sessions.read(lambda s: s.scalar(sa.text("SELECT x FROM t"))) == 30


def test_memory_database_is_shared_by_its_sessions() -> None:
    sessions = Sessions("sqlite://")
    sessions.run(lambda s: s.execute(sa.text("CREATE TABLE t (x INTEGER)")))
    assert sessions.read(lambda s: s.scalar(sa.text("SELECT count(*) FROM t"))) == 0
    sessions.dispose()
    sessions.dispose()


def test_datetimes_are_aware_and_utc() -> None:
    dialect = sa.create_engine("sqlite://").dialect
    kind = UtcDateTime()
    local = datetime.datetime(
        2026, 5, 1, 14, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=2))
    )
    stored = kind.process_bind_param(local, dialect)
    assert stored == datetime.datetime(2026, 5, 1, 12, 0)
    assert kind.process_result_value(stored, dialect) == local
    assert kind.process_result_value(None, dialect) is None
    assert utcnow().tzinfo is datetime.timezone.utc
    with pytest.raises(ValueError, match="time zone"):
        kind.process_bind_param(datetime.datetime(2026, 5, 1), dialect)
