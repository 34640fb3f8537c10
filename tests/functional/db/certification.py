"""Commits that fail as they do in a Galera cluster, when another node has changed a row first: with
the error of a deadlock, and nothing is written. Other databases have an error of the same meaning.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pymysql

from sriov_provider.db.engine import Sessions

_ERRORS: dict[str, Callable[[], Exception]] = {
    "mysql": lambda: pymysql.err.OperationalError(
        1213, "Deadlock found when trying to get lock; try restarting transaction"
    ),
    "postgresql": lambda: psycopg.errors.SerializationFailure("could not serialize access"),
    "sqlite": lambda: sqlite3.OperationalError("database is locked"),
}


class Commits:
    """Takes the place of one engine's commits.

    :ivar number: how many there were since :meth:`restart`
    :ivar failed: how many of them failed
    """

    def __init__(self, sessions: Sessions, fails: Callable[[int], bool] = lambda _n: False) -> None:
        """:param fails: by number, from 1; asked by one thread at a time"""
        dialect: Any = sessions.engine.dialect
        self._commit = dialect.do_commit
        self._error = _ERRORS[dialect.name]
        self._lock = threading.Lock()
        self.restart(fails)
        dialect.do_commit = self._do_commit

    def restart(self, fails: Callable[[int], bool]) -> None:
        """Count anew."""
        self.failed, self.number = 0, 0
        self._fails, self._numbers = fails, itertools.count(1)

    def _do_commit(self, connection: Any) -> None:
        with self._lock:
            self.number = next(self._numbers)
            fails = self._fails(self.number)
            self.failed += fails
        if fails:
            raise self._error()
        self._commit(connection)
