"""Keeps the leases of running jobs alive, and tells when one is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator

from sriov_provider.db import jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Job, JobState

LOG = logging.getLogger(__name__)


@dataclasses.dataclass
class _Lease:
    """:ivar until: monotonic time at which it runs out unless it is renewed"""

    job: Job
    until: float


class Leases:
    """The jobs this worker runs now; one thread renews them all."""

    def __init__(self, sessions: Sessions, seconds: float) -> None:
        """:param seconds: lifetime of a lease; renewed three times within it"""
        self._sessions = sessions
        self._seconds = seconds
        self._lock = threading.Lock()
        # A worker may claim a job anew while a thread of its own still runs an attempt it lost.
        self._held: dict[tuple[str, int], _Lease] = {}

    @contextlib.contextmanager
    def held(self, job: Job) -> Iterator[None]:
        """The job's lease is renewed while this is open."""
        key = (job.id, job.attempt)
        with self._lock:
            self._held[key] = _Lease(job, time.monotonic() + self._seconds)
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(key, None)

    def check(self, job: Job) -> None:
        """To be asked before each step of a job: another worker may be at it already.

        :raises ProviderError: LEASE_LOST
        """
        lease = self._held.get((job.id, job.attempt))
        if lease is None or time.monotonic() >= lease.until:
            raise jobs.lost(job)

    def keep(self, stop: threading.Event, renew_others: Callable[[], None] | None = None) -> None:
        """Renew until ``stop`` is set.

        :param renew_others: renews leases of the same lifetime that are not of jobs
        """
        while not stop.wait(self._seconds / 3):
            self.renew()
            try:
                if renew_others:
                    renew_others()
            except ProviderError as error:
                LOG.warning("Leases are not renewed: %s", error.reason)

    def renew(self) -> None:
        """Renew every lease once."""
        with self._lock:
            running = tuple(self._held.values())
        for lease in running:
            self._renew(lease)

    def _renew(self, lease: _Lease) -> None:
        job, until = lease.job, time.monotonic() + self._seconds
        try:
            self._sessions.run(lambda session: jobs.renew(session, job, self._seconds))
            lease.until = until
        except ProviderError as error:
            lost = error.reason.code is Code.LEASE_LOST
            if lost:
                lease.until = 0.0
            if (job.id, job.attempt) in self._held and not (lost and self._over(job)):
                LOG.warning("Lease of job %s: %s", job.id, error.reason)

    def _over(self, job: Job) -> bool:
        """A job that this worker has just ended, or given back, has no lease to renew."""
        try:
            found = self._sessions.read(lambda session: jobs.get(session, job.id))
        except ProviderError:
            return False
        return found is None or (
            found.state is not JobState.RUNNING and found.attempt <= job.attempt
        )
