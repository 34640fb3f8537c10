"""The agents' certificates are renewed before they end: jobs are placed, and run.

Nobody asked for these jobs, so Octavia hears nothing of them; one that failed is not run again but
placed again later, so that the jobs of users never wait for an amphora that is away.
"""

from __future__ import annotations

import datetime
import logging
import threading
import uuid
from collections.abc import Callable

from sqlalchemy.orm import Session

from sriov_provider.amphora.base import Endpoint
from sriov_provider.config import Certificates
from sriov_provider.db import inventory as inventory_db
from sriov_provider.db import jobs, renewals
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Action, AmphoraRecord, Job, JobState, ObjectType
from sriov_provider.worker.run import Services, check_attempt

LOG = logging.getLogger(__name__)

# Jobs of all workers that wait at the same time: users' jobs shall find a free worker between them.
BATCH = 16
# Seconds until the next look while something is due; 16 in 15 s are 92,000 a day.
SOON = 15.0


class Calendar:
    """Places renewals. Every worker has one; they agree through the tables."""

    def __init__(
        self, sessions: Sessions, settings: Certificates, wake: Callable[[str], None]
    ) -> None:
        """:param wake: called with the id of a job that is to be run"""
        self._sessions = sessions
        self._buffer = datetime.timedelta(seconds=settings.expiry_buffer)
        self._interval = datetime.timedelta(seconds=settings.interval)
        self._wake = wake

    def keep(self, stop: threading.Event) -> None:
        """Look once in an interval, until ``stop`` is set; at once for the first time, and again
        soon while there is something to renew."""
        pause = 1.0
        while not stop.wait(pause):
            pause = self._interval.total_seconds()
            try:
                if self.look():
                    pause = min(SOON, pause)
            except ProviderError as error:
                LOG.warning("Certificates of amphorae are not looked at: %s", error.reason)

    def look(self, now: datetime.datetime | None = None) -> int:
        """Place what is due, until a batch waits.

        :returns: how many of a batch were due
        :raises ProviderError: DATABASE
        """
        moment = now or utcnow()
        before, tried = moment + self._buffer, moment - self._interval
        due = self._sessions.read(lambda s: renewals.due(s, before, tried, BATCH))
        waiting = self._sessions.read(renewals.waiting) if due else 0
        for ending in due[: max(0, BATCH - waiting)]:
            self._place(ending, before)
        return len(due)

    def _place(self, ending: renewals.Ending, before: datetime.datetime) -> None:
        kind, lb_id = ObjectType.AMPHORA, ending.load_balancer_id
        job = Job(str(uuid.uuid4()), lb_id, Action.RENEW, kind, ending.amphora_id)
        placed = self._sessions.run(lambda s: renewals.place(s, ending, before, job))
        if placed:
            LOG.info(
                "The certificate of amphora %s ends on %s: it is renewed",
                ending.amphora_id, ending.expires,
            )  # fmt: skip
            self._wake(job.id)


class Renewals:
    """Runs them; one object per worker, shared by its threads."""

    def __init__(
        self, sessions: Sessions, services: Services, check_lease: Callable[[Job], None]
    ) -> None:
        """As :class:`sriov_provider.worker.runner.Runner`."""
        self._sessions = sessions
        self._services = services
        self._check_lease = check_lease

    def run(self, job: Job) -> None:
        """Run a claimed job to its outcome.

        :raises ProviderError: LEASE_LOST or DATABASE, when the outcome cannot be recorded
        """
        held = self._sessions.read(lambda s: inventory_db.read(s, job.load_balancer_id))
        amphora = next((a for a in held.amphorae if a.id == job.object_id), None)
        if amphora is None or not self._wanted(amphora):
            self._finish(job, JobState.DONE, None)
            return
        try:
            expires = self._renew(job, amphora)
        except ProviderError as error:
            if error.reason.code is Code.LEASE_LOST:
                raise
            LOG.error("Certificate of amphora %s not renewed: %s", amphora.id, error.reason)
            self._finish(job, JobState.FAILED, None)
        else:
            self._finish(job, JobState.DONE, expires)

    def _wanted(self, amphora: AmphoraRecord) -> bool:
        """Another job may have replaced the amphora or renewed its certificate meanwhile."""
        buffer = datetime.timedelta(seconds=self._services.settings.certificates.expiry_buffer)
        ends = amphora.certificate_expires
        return amphora.serves and ends is not None and ends < utcnow() + buffer

    def _renew(self, job: Job, amphora: AmphoraRecord) -> datetime.datetime:
        check_attempt(job, self._services.settings.worker.max_attempts)
        expires: datetime.datetime
        pem, expires = self._services.builder.server_certificate(amphora.id)
        self._check_lease(job)
        endpoint = Endpoint(amphora.id, amphora.management_ip or "")
        self._services.amphora.upload_certificate(endpoint, pem)
        return expires

    def _finish(self, job: Job, state: JobState, expires: datetime.datetime | None) -> None:
        def write(session: Session) -> None:
            if jobs.finish(session, job, state) and expires is not None:
                renewals.renewed(session, job.object_id, expires)

        self._sessions.run(write)
