"""Workers that share a database whose commits fail now and then, and write down what they do.

The parts of a worker that touch the queue are real; a job only puts its name on record, in two
transactions, so that two at a time would lose one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sriov_provider.db import inventory, jobs, models, outbox
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import ProviderError
from sriov_provider.records import Job, JobState
from sriov_provider.status.outbox import Outbox
from sriov_provider.worker.leases import Leases
from tests.functional.db.certification import Commits

LEASE = 3.0
THREADS = 3
# Every so many commits one fails.
FAILS = 5


class Log:
    """One file for all: a line is one write."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, what: str, job_id: str, load_balancer_id: str) -> None:
        line = json.dumps([time.monotonic(), what, job_id, load_balancer_id])
        os.write(self._file, f"{line}\n".encode())


def read(path: Path) -> list[tuple[float, str, str, str]]:
    """Time, event, job and load balancer, in the order of time."""
    return sorted(tuple(json.loads(line)) for line in path.read_text().splitlines())


class Worker:
    """One process of the crew."""

    def __init__(self, url: str, log: Path, owner: str) -> None:
        self._sessions, self._log, self._owner = Sessions(url), Log(log), owner
        self.commits = Commits(self._sessions, lambda n: n % FAILS == 0)
        self._leases = Leases(self._sessions, LEASE)
        self._outbox = Outbox(self._sessions, self._told, lambda *_: True, owner, 0.1)

    def run(self, number: int, deadline: float) -> None:
        """Until so many jobs are done and told of."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._leases.keep, args=(stop,))]
        work = (number, time.monotonic() + deadline)
        threads += [threading.Thread(target=self._work, args=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads[1:]:
            thread.join()
        stop.set()
        threads[0].join()
        self._sessions.dispose()

    def _work(self, number: int, deadline: float) -> None:
        while time.monotonic() < deadline:
            try:
                job = jobs.claim(self._sessions, self._owner, LEASE)
                if job:
                    self._run(job)
                self._outbox.deliver_pending()
                if job is None and self._ended(number):
                    return
            except ProviderError as error:  # as a worker does: somebody comes back to it
                self._log.write(f"left: {error.reason}", "", "")
            time.sleep(0 if job else 0.02)

    def _run(self, job: Job) -> None:
        self._log.write("begin", job.id, job.load_balancer_id)
        with self._leases.held(job):
            found = self._sessions.read(lambda s: inventory.read(s, job.load_balancer_id))
            assert found.load_balancer
            names = [*found.load_balancer.flavor.get("jobs", ()), job.id]
            record = dataclasses.replace(found.load_balancer, flavor={"jobs": names})
            self._leases.renew()
            self._leases.check(job)
            self._sessions.run(lambda s: inventory.save_load_balancer(s, record))
            told = {"listeners": [{"id": job.object_id, "provisioning_status": "ACTIVE"}]}
            # Before the commit: the next one may begin as soon as that is through.
            self._log.write("end", job.id, job.load_balancer_id)
            self._sessions.run(lambda s: outbox.record_outcome(s, job, JobState.DONE, told))

    def _told(self, statuses: dict[str, Any]) -> None:
        (listener,) = statuses["listeners"]
        self._log.write("told", listener["id"], "")

    def _ended(self, number: int) -> bool:
        done = sa.select(sa.func.count()).where(models.Job.state == JobState.DONE.value)
        if self._sessions.read(lambda s: s.scalar(done)) != number:
            return False
        return not self._sessions.read(outbox.undelivered)


def work(url: str, log: Path, owner: str, number: int, deadline: float) -> int:
    """A process of its own.

    :returns: how many commits failed
    """
    worker = Worker(url, log, owner)
    worker.run(number, deadline)
    return worker.commits.failed
