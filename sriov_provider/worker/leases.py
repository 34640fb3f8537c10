"""Keeps the leases of running jobs alive."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from sriov_provider.db import jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import ProviderError
from sriov_provider.records import Job

LOG = logging.getLogger(__name__)


class Leases:
    """The jobs this worker runs now; one thread renews them all."""

    def __init__(self, sessions: Sessions, seconds: float) -> None:
        """:param seconds: lifetime of a lease; renewed three times within it"""
        self._sessions = sessions
        self._seconds = seconds
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    @contextlib.contextmanager
    def held(self, job: Job) -> Iterator[None]:
        """The job's lease is renewed while this is open."""
        with self._lock:
            self._jobs[job.id] = job
        try:
            yield
        finally:
            with self._lock:
                self._jobs.pop(job.id, None)

    def keep(self, stop: threading.Event) -> None:
        """Renew until ``stop`` is set."""
        while not stop.wait(self._seconds / 3):
            self.renew()

    def renew(self) -> None:
        """Renew every lease once. One that is lost is noticed when its outcome is recorded."""
        with self._lock:
            running = tuple(self._jobs.values())
        for job in running:
            self._renew(job)

    def _renew(self, job: Job) -> None:
        try:
            self._sessions.run(lambda session: jobs.renew(session, job, self._seconds))
        except ProviderError as error:
            # A job that ended meanwhile has no lease to renew.
            if job.id in self._jobs:
                LOG.warning("Lease of job %s: %s", job.id, error.reason)
