"""Runs repair jobs. Nobody asked for them, so Octavia hears nothing of them; a failed one is not
run again but looked for again, so that the jobs of users never wait for an amphora that is away."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from concurrent.futures import Executor

from sqlalchemy.orm import Session

from sriov_provider.db import firewall_checks, jobs
from sriov_provider.db import inventory as inventory_db
from sriov_provider.db.engine import Sessions
from sriov_provider.db.firewall_checks import Repair
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Job, JobState
from sriov_provider.worker import drift, engine, flow, plan
from sriov_provider.worker.book import Book
from sriov_provider.worker.run import Run, Services, check_attempt

LOG = logging.getLogger(__name__)


class Repairs:
    """One object per worker, shared by its threads."""

    def __init__(
        self,
        sessions: Sessions,
        services: Services,
        executor: Executor,
        check_lease: Callable[[Job], None],
    ) -> None:
        """As :class:`sriov_provider.worker.runner.Runner`."""
        self._sessions = sessions
        self._services = services
        self._executor = executor
        self._check_lease = check_lease

    def run(self, job: Job) -> None:
        """Run a claimed repair job to its outcome.

        :raises ProviderError: LEASE_LOST or DATABASE, when the outcome cannot be recorded
        """
        inventory = self._sessions.read(lambda s: inventory_db.read(s, job.load_balancer_id))
        made = plan.firewall_repair(job, inventory)
        lease = self._services.settings.worker.lease_seconds
        book = Book(self._sessions, inventory, jobs.fence(job, lease))
        run = Run(made, self._services, self._services.network, book, self._check_lease)
        try:
            check_attempt(job, self._services.settings.worker.max_attempts)
            engine.run(flow.build(run), self._executor)
        except ProviderError as error:
            if error.reason.code is Code.LEASE_LOST:
                raise
            LOG.error("Job %s failed: %s", job.id, error.reason)
        told = {repair.amphora_id: repair for repair in run.repairs}
        ids = [a.record.id for a in made.amphorae]
        self._finish(job, [told.get(i, Repair(i, False, False)) for i in ids])

    def _finish(self, job: Job, repairs: list[Repair]) -> None:
        failed = any(repair.repaired is False for repair in repairs)

        def write(session: Session) -> None:
            if jobs.finish(session, job, JobState.FAILED if failed else JobState.DONE):
                for repair in repairs:
                    self._record(session, repair, job.load_balancer_id)

        self._sessions.run(write)

    def _record(self, session: Session, repair: Repair, load_balancer_id: str) -> None:
        before = {w.amphora_id: w for w in firewall_checks.watched(session, load_balancer_id)}
        if repair.amphora_id not in before:
            return
        failures = before[repair.amphora_id].failures + 1 if repair.repaired is False else 0
        now, interval = utcnow(), self._services.settings.firewall_check_interval
        due = drift.next_look(now, interval, failures, random.random())
        firewall_checks.repaired(session, repair, failures, due, now)
