"""The provider's database as a worker sees it that may die at any moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from sriov_provider.db.engine import Sessions
from tests.fakes.errors import Killed

T = TypeVar("T")


class MortalSessions(Sessions):
    """
    :ivar dead: the worker is gone; nothing is read or written any more
    :ivar answers: of how many commits the answers arrive before one is lost; None: all
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.dead = False
        self.answers: int | None = None

    @property
    def engine(self) -> sa.Engine:
        fresh = self._engine is None
        engine = super().engine
        if fresh:
            event.listen(engine, "connect", _hasten)
        return engine

    def _session(self, read_only: bool = False) -> Session:
        # Thousands of sessions in one test: an engine with options is not made for each.
        makers = self.__dict__.setdefault("_makers", {})
        if read_only not in makers:
            bind = self.engine.execution_options(read_only=read_only)
            makers[read_only] = sessionmaker(bind, expire_on_commit=False)
        made: Session = makers[read_only]()
        return made

    def run(self, work: Callable[[Session], T]) -> T:
        self._check()
        return super().run(work)

    def read(self, work: Callable[[Session], T]) -> T:
        self._check()
        return super().read(work)

    def _once(self, work: Callable[[Session], T], read_only: bool = False) -> T:
        done = super()._once(work, read_only)
        if self.answers is not None and not read_only:
            self.answers -= 1
            if self.answers < 0:
                self.answers = None
                lost = ConnectionResetError("the server has gone away")
                raise OperationalError("COMMIT", {}, lost, connection_invalidated=True)
        return done

    def _check(self) -> None:
        if self.dead:
            raise Killed


def _hasten(connection: Any, _record: Any) -> None:
    """No test pulls the plug of the machine."""
    connection.execute("PRAGMA synchronous=OFF")
