"""The worker process: listens for wake-ups, runs jobs, delivers statuses.

It runs inside octavia's driver-agent as provider agent, and stand-alone to scale out.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from oslo_config import cfg

from sriov_provider import config
from sriov_provider.amphora import client, octavia_config, octavia_rest
from sriov_provider.cloud import Cloud
from sriov_provider.compute import drivers
from sriov_provider.db import jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.db.retention import Retention
from sriov_provider.errors import Code, ProviderError
from sriov_provider.health.counts import Counts
from sriov_provider.health.manager import HealthManager
from sriov_provider.network.neutron import NeutronNetwork
from sriov_provider.records import Job
from sriov_provider.rpc import server
from sriov_provider.status.agent_client import AgentClient
from sriov_provider.status.outbox import Outbox
from sriov_provider.status.statistics import Statistics
from sriov_provider.worker import footprint, housekeeping, observe
from sriov_provider.worker.chores import Chores
from sriov_provider.worker.leases import Leases
from sriov_provider.worker.renewals import Calendar
from sriov_provider.worker.run import Services
from sriov_provider.worker.runner import Runner
from sriov_provider.worker.trees import TreeReader
from sriov_provider.worker.watch import Watch

LOG = logging.getLogger(__name__)

# A flow runs at most the tasks of two amphorae and their member networks side by side.
_TASKS_PER_JOB = 4


class Event(Protocol):
    """What a threading and a multiprocessing event have in common."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool: ...


class Worker:
    """Everything one worker process needs, built when it starts."""

    def __init__(
        self, conf: Any, world: Services | None = None, counts: Counts | None = None
    ) -> None:
        """:param conf: from :func:`sriov_provider.config.parse`
        :param world: in place of the services that ``conf`` describes
        :param counts: of the health manager
        :ivar leaving: set once no more jobs are begun
        """
        self.settings = config.settings(conf)
        worker = self.settings.worker
        self._owner = f"{worker.owner}:{os.getpid()}"
        self._sessions = Sessions(self.settings.database_connection)
        self._agent = AgentClient(self.settings.sockets)
        self._jobs = ThreadPoolExecutor(worker.threads, thread_name_prefix="job")
        # Not futurist's pool: it makes a thread for every task until it has all it may have.
        self._tasks = ThreadPoolExecutor(worker.threads * _TASKS_PER_JOB, thread_name_prefix="task")
        self._leases = Leases(self._sessions, worker.lease_seconds)
        self._retention = Retention(self._sessions, worker.job_retention)
        self.leaving, self._stopping = threading.Event(), threading.Event()
        outside = world or services(conf, self.settings)
        self._compute = outside.compute
        interval = self.settings.firewall_check_interval
        self._watch = Watch(self._sessions, outside.amphora, interval, self._hint)
        self.runner = Runner(
            self._sessions,
            outside,
            TreeReader(self._agent.get_tree, worker.tree_timeout),
            self._tasks,
            self._leases.check,
        )
        self._outbox = self._deliverer()
        self._statistics = Statistics(self._sessions, self._agent.update_statistics)
        self._calendar = Calendar(self._sessions, self.settings.certificates, self._hint)
        wanted = housekeeping.chores(conf, self.settings, self._sessions, self._hint)
        self._chores = Chores(self._sessions, () if world else wanted)
        self._health = self._health_manager(counts or Counts())

    def _deliverer(self) -> Outbox:
        worker, agent = self.settings.worker, self._agent
        return Outbox(
            self._sessions,
            agent.update_status,
            agent.exists,
            self._owner,
            worker.outbox_interval,
            worker.lease_seconds,
        )

    def _health_manager(self, counts: Counts) -> HealthManager | None:
        health = self.settings.health
        if not (health.bind and health.in_worker):
            return None
        return HealthManager(self._sessions, health, counts, self._hint)

    def run(self, stop: Event) -> None:
        """Work until ``stop`` is set, then finish the jobs at hand.

        :raises RuntimeError: a thread of the worker has met a defect; the driver-agent (or the
            service manager) starts the worker anew
        :raises ProviderError: CONFIGURATION when heartbeats cannot be heard
        """
        self._start_compute(stop)
        if self._health:
            self._health.open()
        listener = server.build(self.settings.config_files, self.settings.worker.owner, self.wake)
        listener.start()
        threads = list(self._threads())
        for thread in threads:
            thread.start()
        LOG.info("Worker %s is ready", self._owner)
        try:
            self._poll(stop, threads)
        finally:
            listener.stop()
            listener.wait()
            self._finish(threads)

    def _start_compute(self, stop: Event) -> None:
        """What it needs of the cloud may come up later than this host."""
        while not stop.is_set():
            try:
                self._compute.start()
                return
            except ProviderError as error:
                if not error.retriable:
                    raise
                LOG.warning("The compute driver cannot start yet: %s", error.reason)
            stop.wait(self.settings.worker.poll_interval)

    def _threads(self) -> Iterator[threading.Thread]:
        yield threading.Thread(target=self._deliver, name="outbox", daemon=True)
        keep = (self._stopping, self._outbox.renew)
        yield threading.Thread(target=self._leases.keep, args=keep, name="leases", daemon=True)
        if self.settings.firewall_check_interval:
            yield threading.Thread(
                target=self._watch.keep, args=(self._stopping,), name="firewall", daemon=True
            )
        yield threading.Thread(
            target=self._calendar.keep, args=(self._stopping,), name="certificates", daemon=True
        )
        if self._chores:
            yield threading.Thread(
                target=self._chores.keep, args=(self._stopping,), name="chores", daemon=True
            )
        if self._health:
            yield from self._health.threads(self._stopping)

    def _poll(self, stop: Event, threads: list[threading.Thread]) -> None:
        while not stop.is_set():
            dead = [thread.name for thread in threads if not thread.is_alive()]
            if dead:
                raise RuntimeError(f"threads of the worker have ended: {', '.join(dead)}")
            self._submit(None)
            stop.wait(self.settings.worker.poll_interval)

    def _finish(self, threads: list[threading.Thread]) -> None:
        self.leaving.set()
        self._jobs.shutdown(wait=True)
        self._stopping.set()
        for thread in threads:
            thread.join(self.settings.worker.outbox_interval + 1)
        if self._health:
            self._health.close()
        self._tasks.shutdown(wait=True)
        self._sessions.dispose()

    def wake(self, job_id: str) -> None:
        """A job was written: run it, and whatever became free to run after it."""
        self._submit(job_id)

    def _hint(self, job_id: str) -> None:
        """As :meth:`wake`; a worker that takes no more jobs leaves it to the others."""
        with contextlib.suppress(RuntimeError):
            self.wake(job_id)

    def _submit(self, job_id: str | None) -> None:
        self._jobs.submit(self._drain, job_id).add_done_callback(_tell)

    def _drain(self, job_id: str | None) -> None:
        try:
            self._drain_jobs(job_id)
        except ProviderError as error:
            # The queue is still there; the next poll comes back to it.
            LOG.error("Jobs cannot be read: %s", error.reason)

    def _drain_jobs(self, job_id: str | None) -> None:
        lease = self.settings.worker.lease_seconds
        while not self.leaving.is_set():
            job = jobs.claim(self._sessions, self._owner, lease, job_id)
            if job is None:
                return
            self._run(job)
            job_id = None

    def _run(self, job: Job) -> None:
        try:
            with self._leases.held(job):
                self.runner.run(job)
        except ProviderError as error:
            if error.reason.code not in (Code.LEASE_LOST, Code.DATABASE):
                raise
            LOG.warning("Job %s is left to another run: %s", job.id, error.reason)
        self._outbox.deliver_pending(job.load_balancer_id)

    def _deliver(self) -> None:
        while not self._stopping.wait(self.settings.worker.outbox_interval):
            try:
                self._outbox.deliver_pending()
                self._statistics.deliver_pending()
                self._retention.purge_when_due()
            except ProviderError as error:
                LOG.warning("Statuses wait: %s", error.reason)


def _tell(done: Future[None]) -> None:
    """What nobody waits for must not fail in silence."""
    error = done.exception()
    if error is not None:
        LOG.error("A run of jobs met a defect", exc_info=error)


class Terminated:
    """``stop``, or a SIGTERM that a service manager sends to all processes of the driver-agent:
    the jobs at hand are finished in both cases."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop
        self._signalled = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signalled = True

    def is_set(self) -> bool:
        return self._signalled or self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        self._stop.wait(timeout)
        return self.is_set()


def services(conf: Any, settings: config.Settings) -> Services:
    """The real outside world."""
    cloud = Cloud(conf)
    networking = conf.networking
    return Services(
        compute=drivers.build(conf, cloud),
        network=NeutronNetwork(cloud, networking.max_retries, networking.retry_interval),
        amphora=client.AgentClient(octavia_rest.Agents(), octavia_config.Templates()),
        builder=octavia_config.OctaviaAmphoraBuilder(settings.health.controllers),
        settings=settings,
    )


def run(config_files: tuple[str, ...], stop: Event) -> None:
    """Run a worker with these configuration files until ``stop`` is set."""
    footprint.few_arenas()
    octavia_config.init(config_files)
    counts = Counts()
    with observe.metrics(config.parse(config_files), counts):
        Worker(config.parse(config_files), counts=counts).run(stop)


def provider_agent(exit_event: Event) -> None:
    """Entry point of the driver-agent (``octavia.driver_agent.provider_agents``)."""
    run(config.files_in_use(cfg.CONF), Terminated(exit_event))
