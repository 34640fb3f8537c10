"""What tables need once in a while: jobs that ended long ago are forgotten, looks at firewalls that
nobody expects are."""

from __future__ import annotations

import contextlib
import datetime
import logging
import time
from collections.abc import Callable

from sqlalchemy.exc import IntegrityError

from sriov_provider.db import firewall_checks, jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow

LOG = logging.getLogger(__name__)

INTERVAL = 3600.0
# Rows in one transaction: a Galera cluster takes no big ones, and others wait for their locks.
BATCH = 1000


class Retention:
    """Every worker has one; that several delete the same rows does no harm.

    :param seconds: how long an ended job is kept; 0 for ever
    """

    def __init__(
        self, sessions: Sessions, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sessions = sessions
        self._kept = datetime.timedelta(seconds=seconds)
        self._clock = clock
        self._next = clock()

    def purge_when_due(self) -> int:
        """Once an hour, and at the start.

        :returns: how many jobs were forgotten
        :raises ProviderError: DATABASE; the next try is an hour later
        """
        if self._clock() < self._next:
            return 0
        self._next = self._clock() + INTERVAL
        self._complete()
        return self._purge(utcnow() - self._kept) if self._kept else 0

    def _complete(self) -> None:
        # An amphora has gone, or another worker was first: in an hour again.
        with contextlib.suppress(IntegrityError):
            self._sessions.run(lambda session: firewall_checks.complete(session, utcnow()))

    def _purge(self, before: datetime.datetime) -> int:
        gone = last = self._sessions.run(lambda session: jobs.purge(session, before, BATCH))
        while last == BATCH:
            last = self._sessions.run(lambda session: jobs.purge(session, before, BATCH))
            gone += last
        if gone:
            LOG.info("%d jobs that ended before %s forgotten", gone, before)
        return gone
