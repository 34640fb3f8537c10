"""Tells Octavia what listeners have counted. Totals, so that telling them twice does no harm and
what could not be told now is told with the next ones."""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections.abc import Callable
from typing import Any

from octavia_lib.api.drivers import exceptions as lib_exceptions

from sriov_provider.db import statistics
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.errors import ProviderError

LOG = logging.getLogger(__name__)

# Listeners told of at once.
BATCH = 200
# Seconds after which others may tell what this process has taken.
LEASE_SECONDS = 120.0

Send = Callable[[dict[str, Any]], None]


class Statistics:
    """Any number may run, on any number of hosts.

    :param send: ``DriverLibrary.update_listener_statistics`` or the like
    """

    def __init__(self, sessions: Sessions, send: Send) -> None:
        self._sessions = sessions
        self._send = send
        self._failing = False

    def deliver_pending(self) -> int:
        """Tell all that changed; stops when Octavia does not listen.

        :returns: of how many listeners Octavia was told
        :raises ProviderError: DATABASE
        """
        told = 0
        while taken := self._deliver():
            told += taken
        return told

    def _deliver(self) -> int:
        sender, now = str(uuid.uuid4()), utcnow()
        if not self._sessions.read(lambda s: statistics.waiting(s, now, LEASE_SECONDS)):
            return 0
        listeners = self._sessions.run(
            lambda s: statistics.claim(s, sender, now, LEASE_SECONDS, BATCH)
        )
        totals = self._sessions.read(lambda s: statistics.totals(s, listeners))
        try:
            if totals:
                self._send({"listeners": [dataclasses.asdict(total) for total in totals]})
        except (lib_exceptions.UpdateStatisticsError, ProviderError) as error:
            self._sessions.run(lambda s: statistics.give_back(s, sender))
            self._tell(error)
            return 0
        self._sessions.run(lambda s: statistics.sent(s, sender))
        self._failing = False
        return len(listeners)

    def _tell(self, error: Exception) -> None:
        """Once, until it goes well again."""
        level = logging.DEBUG if self._failing else logging.WARNING
        self._failing = True
        LOG.log(level, "Octavia has not taken statistics of listeners: %s", error)
