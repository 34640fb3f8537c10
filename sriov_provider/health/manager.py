"""The health manager: hears, writes, decides. Inside a worker and stand-alone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

from sriov_provider.config_health import Health
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import ProviderError
from sriov_provider.health.counts import Counts
from sriov_provider.health.failovers import Failovers
from sriov_provider.health.policy import Rules
from sriov_provider.health.receiver import Receiver
from sriov_provider.health.refused import Why
from sriov_provider.health.writer import Digest, Writer

LOG = logging.getLogger(__name__)

# Seconds between two batches, and between two lines about what was refused.
_BATCHES = 1.0
_LINES = 60.0


class HealthManager:
    """Any number of processes share the amphorae through the database."""

    def __init__(
        self,
        sessions: Sessions,
        settings: Health,
        counts: Counts,
        wake: Callable[[str], None] | None = None,
        on_digest: Digest | None = None,
    ) -> None:
        """:param wake: called with the id of each failover job
        :param on_digest: called with what an amphora tells of its firewall
        """
        self._settings = settings
        self._counts = counts
        self.receiver = Receiver(settings.bind, settings.key, counts)
        self._writer = Writer(sessions, settings.timeout, on_digest, settings.interval)
        self._failovers = Failovers(sessions, rules(settings), counts, wake)
        self._told_at = time.monotonic()

    def open(self) -> None:
        """:raises ProviderError: CONFIGURATION"""
        self.receiver.open()
        self._failovers.interrupted()

    def close(self) -> None:
        """After its threads have ended."""
        self.receiver.close()

    def threads(self, stop: threading.Event) -> Iterator[threading.Thread]:
        """Not started; they end when ``stop`` is set."""
        for name, target in (
            ("heartbeats", self.receiver.keep),
            ("heartbeats-db", self._keep_writing),
            ("failovers", self._keep_checking),
        ):
            yield threading.Thread(target=target, args=(stop,), name=name, daemon=True)

    def _keep_writing(self, stop: threading.Event) -> None:
        while not stop.wait(_BATCHES):
            self.write()
            self._tell_refused()
        self.write()

    def write(self) -> None:
        """Write what was heard."""
        beats = self.receiver.take()
        if not beats:
            return
        begun = time.monotonic()
        try:
            written = self._writer.write(beats)
        except ProviderError as error:
            LOG.warning("%d heartbeats are lost: %s", len(beats), error.reason)
            self._failovers.interrupted()
            return
        seconds = time.monotonic() - begun
        if seconds > self._settings.timeout / 4:
            LOG.warning("%d heartbeats took %.1f s to write", len(beats), seconds)
            self._failovers.interrupted()
        self._counts.wrote(written.accepted, written.incomplete, seconds)
        self._counts.refuse(Why.UNKNOWN, written.unknown)
        self._counts.refuse(Why.REPLAY, written.replayed)

    def _tell_refused(self) -> None:
        if time.monotonic() - self._told_at < _LINES:
            return
        self._told_at = time.monotonic()
        if news := self._counts.news():
            LOG.warning("Heartbeats refused in the last %.0f s: %s", _LINES, news)

    def _keep_checking(self, stop: threading.Event) -> None:
        looked_at = time.monotonic()
        while not stop.wait(self._settings.check_interval):
            looked_at = self._awake_since(looked_at)
            try:
                self._failovers.check()
            except ProviderError as error:
                LOG.warning("Silent amphorae are not looked for: %s", error.reason)
                self._failovers.interrupted()

    def _awake_since(self, looked_at: float) -> float:
        """Now. A process that did not run meanwhile has not heard anything either."""
        now = time.monotonic()
        lost = now - looked_at - self._settings.check_interval
        if lost > self._settings.timeout / 4:
            LOG.warning("This process stood still for %.0f s", lost)
            self._failovers.interrupted()
        return now


def rules(settings: Health) -> Rules:
    """The policy's, from the configuration."""
    return Rules(
        timeout=settings.timeout,
        interval=settings.interval,
        threshold=settings.threshold,
        share=settings.share,
        limit=settings.limit,
        backoff=settings.timeout,
        enabled=settings.automatic,
    )
