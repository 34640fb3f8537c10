"""Forgets jobs that ended long ago."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable

from sriov_provider.db import jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow

LOG = logging.getLogger(__name__)

INTERVAL = 3600.0


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
        if not self._kept or self._clock() < self._next:
            return 0
        self._next = self._clock() + INTERVAL
        before = utcnow() - self._kept
        gone = self._sessions.run(lambda session: jobs.purge(session, before))
        if gone:
            LOG.info("%d jobs that ended before %s forgotten", gone, before)
        return gone
