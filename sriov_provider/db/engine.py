"""Engine, sessions and retried transactions, from a URL. Nothing is opened until first use."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
import tenacity
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from sriov_provider.errors import Code, ProviderError

T = TypeVar("T")

POOL_SIZE = 5
POOL_OVERFLOW = 10
BUSY_TIMEOUT_MS = 10_000
ATTEMPTS = 8
# Deadlock (also a failed Galera certification), lock wait, record changed since last read, node
# not ready, too many connections, server gone, connection refused, lost or broken.
MYSQL_TRANSIENT = frozenset({1020, 1040, 1047, 1053, 1205, 1213, 2002, 2003, 2006, 2013, 2055})
# Serialization failure, deadlock, lock not available, server shutting down or starting.
PG_TRANSIENT = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"})
_DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"} | dict.fromkeys(
    ("postgres", "postgresql"), "postgresql+psycopg"
)


def is_transient(error: BaseException) -> bool:
    """True when the same transaction may succeed if it is simply run again."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    original: Any = error.orig
    library = type(original).__module__.partition(".")[0]
    if library == "psycopg":
        return _is_transient_psycopg(error, original.sqlstate)
    if library == "sqlite3":
        return "locked" in str(original) or "busy" in str(original)
    return next(iter(original.args), None) in MYSQL_TRANSIENT


def _is_transient_psycopg(error: DBAPIError, state: str | None) -> bool:
    if state is None:  # it could not connect
        return isinstance(error, OperationalError)
    return state in PG_TRANSIENT or state.startswith("08")


def create_engine(url: str, *, enforce_foreign_keys: bool = True) -> sa.Engine:
    """An engine for one of the supported databases; opens no connection.

    :param url: SQLAlchemy URL; without a driver name PyMySQL or psycopg is used. An in-memory
        SQLite database is one shared connection: fit for a single thread only
    :param enforce_foreign_keys: SQLite only; migrations rebuild tables and switch it off
    :raises ProviderError: CONFIGURATION when the URL is none, or its database driver is missing
    """
    try:
        return _engine(sa.make_url(url), enforce_foreign_keys)
    except (sa.exc.NoSuchModuleError, ImportError) as error:
        raise _unusable(str(error)) from error
    except sa.exc.ArgumentError:
        # Not quoted: some releases of SQLAlchemy repeat the URL, password and all.
        raise _unusable("it is no SQLAlchemy URL") from None


def _unusable(cause: str) -> ProviderError:
    return ProviderError(
        Code.CONFIGURATION,
        "The load balancing service is not set up completely.",
        f"[sriov_provider] database_connection cannot be used: {cause}",
    )


def _engine(parsed: sa.URL, enforce_foreign_keys: bool) -> sa.Engine:
    parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, enforce_foreign_keys)
    return sa.create_engine(
        parsed,
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_recycle=3600,
        isolation_level="READ COMMITTED",
    )


def _sqlite_engine(url: sa.URL, enforce_foreign_keys: bool) -> sa.Engine:
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT_MS / 1000}}
    if url.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
        options["connect_args"]["check_same_thread"] = False
    engine = sa.create_engine(url, **options)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute(f"PRAGMA foreign_keys={'ON' if enforce_foreign_keys else 'OFF'}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A transaction that reads first and writes later fails at once when another one wrote in
        # between; taking the write lock at the start waits for it instead.
        reads = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


class Sessions:
    """The sessions of one database.

    Safe to share between threads; a forked child opens connections of its own.

    :param url: SQLAlchemy URL
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._engine: sa.Engine | None = None
        self._pid = 0

    @property
    def engine(self) -> sa.Engine:
        """The engine, created on first use."""
        with self._lock:
            if self._engine is not None and self._pid != os.getpid():
                # The sockets belong to the parent: forget them without closing.
                self._engine.dispose(close=False)
                self._engine = None
            if self._engine is None:
                self._engine = create_engine(self._url)
                self._pid = os.getpid()
            return self._engine

    def run(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in one transaction; again, from the start, after a passing failure.

        :param work: must have no effect outside the session, as it may run several times
        :returns: what ``work`` returned
        :raises ProviderError: DATABASE, retriable when the database is unavailable, not when it
            has no such table
        :raises sqlalchemy.exc.IntegrityError: when a constraint is violated
        """
        return self._retried(lambda: self._once(work))

    def read(self, work: Callable[[Session], T]) -> T:
        """As :meth:`run`, for work that only reads: takes no write lock on SQLite."""
        return self._retried(lambda: self._once(work, read_only=True))

    def dispose(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    def _once(self, work: Callable[[Session], T], read_only: bool = False) -> T:
        with self._session(read_only) as session, session.begin():
            return work(session)

    def _session(self, read_only: bool = False) -> Session:
        bind = self.engine.execution_options(read_only=read_only)
        return Session(bind, expire_on_commit=False)

    def _retried(self, call: Callable[[], T]) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_transient),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_random_exponential(multiplier=0.02, max=1.0),
            reraise=True,
        )
        with _explained():
            return retrying(call)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise  # about the data, not about the database: the caller's to understand
    except (DBAPIError, PoolTimeout) as error:
        raise ProviderError(
            Code.DATABASE,
            "The load balancing service is temporarily unavailable.",
            f"The provider database failed: {getattr(error, 'orig', error)}",
            retriable=isinstance(error, PoolTimeout) or is_transient(error),
        ) from error
