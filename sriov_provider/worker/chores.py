"""Housekeeping that one of all workers does, once in an interval."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sriov_provider.db import chores
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.errors import ProviderError

LOG = logging.getLogger(__name__)

# Seconds between two questions whether something is due.
_TICK = 5.0
# Seconds after which others may do what a worker has begun; longer than any chore takes.
_CLAIM = 3600.0


@dataclasses.dataclass(frozen=True)
class Chore:
    """:ivar interval: seconds
    :ivar work: does it; what it gives is kept, for metrics
    """

    name: str
    interval: float
    work: Callable[[], Mapping[str, Any]]


class Chores:
    """One per worker, with one thread: a chore may ask the whole cloud."""

    def __init__(self, sessions: Sessions, wanted: Iterable[Chore]) -> None:
        """:param wanted: those with an interval of 0 are never done"""
        self._sessions = sessions
        self._chores = tuple(chore for chore in wanted if chore.interval)

    def __bool__(self) -> bool:
        return bool(self._chores)

    def keep(self, stop: threading.Event) -> None:
        """Do what is due, until ``stop`` is set."""
        shortest = min(chore.interval for chore in self._chores)
        while not stop.wait(min(_TICK, shortest / 2)):
            for chore in self._chores:
                if not stop.is_set():
                    self.look(chore)

    def look(self, chore: Chore, now: datetime.datetime | None = None) -> bool:
        """Do it, if it is due and no other worker does.

        :returns: True when it was done, or tried
        """
        moment = now or utcnow()
        until = moment + datetime.timedelta(seconds=max(_CLAIM, chore.interval))
        try:
            if not chores.take(self._sessions, chore.name, moment, until):
                return False
            self._do(chore, moment)
        except ProviderError as error:
            LOG.warning("Housekeeping of %s has to wait: %s", chore.name, error.reason)
            return False
        return True

    def _do(self, chore: Chore, begun: datetime.datetime) -> None:
        found = None
        try:
            found = chore.work()
        except ProviderError as error:
            LOG.warning("Housekeeping of %s was not done: %s", chore.name, error.reason)
        due = begun + datetime.timedelta(seconds=chore.interval)
        self._sessions.run(lambda s: chores.settle(s, chore.name, due, utcnow(), found))
