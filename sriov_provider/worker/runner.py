"""One job from claim to outcome: desired state, actual state, plan, flow, record."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from sqlalchemy.orm import Session

from sriov_provider import tree
from sriov_provider.db import children, health, jobs
from sriov_provider.db import inventory as inventory_db
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.cache import CachedReads
from sriov_provider.records import (
    Action,
    Inventory,
    Job,
    JobState,
    LoadBalancerRecord,
    ObjectType,
)
from sriov_provider.status.mapping import Key
from sriov_provider.worker import desired, engine, facts, flow, outcome, plan
from sriov_provider.worker.book import Book
from sriov_provider.worker.plan_model import Plan
from sriov_provider.worker.renewals import Renewals
from sriov_provider.worker.repair import Repairs
from sriov_provider.worker.run import Run, Services, check_attempt, may_pass
from sriov_provider.worker.trees import Late, TreeReader

LOG = logging.getLogger(__name__)

_INTERRUPTIONS = 3
_ROOM = frozenset({Code.NO_VF, Code.QUOTA, Code.NO_ADDRESS, Code.BOOT_FAILED})
# Times the silence after which an amphora counts as dead; then nobody hears heartbeats any more,
# and jobs tell operating statuses themselves.
_NOBODY_LISTENS = 10


class Runner:
    """Runs jobs; one object per worker, shared by its threads."""

    def __init__(
        self,
        sessions: Sessions,
        services: Services,
        trees: TreeReader,
        executor: Executor,
        check_lease: Callable[[Job], None],
    ) -> None:
        """:param executor: threads for the tasks of flows
        :param check_lease: raises LEASE_LOST once another worker may run the job
        """
        self._sessions = sessions
        self._services = services
        self._trees = trees
        self._executor = executor
        self._check_lease = check_lease
        self._repairs = Repairs(sessions, services, executor, check_lease)
        self._renewals = Renewals(sessions, services, check_lease)

    def run(self, job: Job) -> None:
        """Run a claimed job to its outcome; every failure ends as a reason on record.

        :raises ProviderError: LEASE_LOST or DATABASE, when the outcome cannot be recorded
        """
        LOG.info(
            "Job %s attempt %d: %s %s %s of load balancer %s",
            job.id, job.attempt, job.action.value, job.object_type.value, job.object_id,
            job.load_balancer_id,
        )  # fmt: skip
        if job.action in (Action.REPAIR, Action.RENEW):
            (self._repairs if job.action is Action.REPAIR else self._renewals).run(job)
            return
        lb: tree.LoadBalancer | None = None
        heard: frozenset[Key] = frozenset()
        try:
            check_attempt(job, self._services.settings.worker.max_attempts + _INTERRUPTIONS)
            inventory, heard = self._inventory(job.load_balancer_id), self._heard(job)
            if job.removes_load_balancer:
                lb = self._last_tree(job, inventory)
            else:
                found = self._tree(job, inventory)
                if found is None:
                    self._drop(job, inventory)
                    return
                if isinstance(found, Late):
                    self._put_back(job, found)
                    return
                lb = found
            wanted = None if job.removes_load_balancer else lb
            self._succeed(job, lb, inventory, self._execute(job, wanted, inventory), heard)
        except ProviderError as error:
            if error.reason.code is Code.LEASE_LOST:
                raise
            self._fail(job, lb, error, heard)
        except Exception as error:
            # A defect must not take the worker down or leave an object in PENDING.
            LOG.exception("Job %s met a defect", job.id)
            self._fail(job, lb, engine.internal(error), heard)

    def _tree(self, job: Job, inventory: Inventory) -> tree.LoadBalancer | Late | None:
        """What Octavia shows; None when there is nothing to do any more."""
        if job.object_type is ObjectType.AMPHORA and inventory.load_balancer is None:
            # Deleted since the job was placed, though Octavia may not have heard of it yet.
            return None
        return self._trees.wait(job, inventory, lambda: self._overtaken(job))

    def _overtaken(self, job: Job) -> bool:
        """A later request of the API has waited for long: the API lets in one at a time, so this
        one's transaction has ended."""
        before = self._trees.due()
        return self._sessions.read(lambda session: jobs.overtaken(session, job, before))

    def _put_back(self, job: Job, late: Late) -> None:
        LOG.warning(
            "Job %s: Octavia does not show %s as requested; looking again in %g s",
            job.id, job.object_id, late.delay,
        )  # fmt: skip
        self._sessions.run(lambda session: jobs.put_back(session, job, late.delay, late.looked_at))

    def _last_tree(self, job: Job, inventory: Inventory) -> tree.LoadBalancer | None:
        """What goes with a load balancer: Octavia counts the quota of each object reported as
        deleted. The removal itself does not depend on it (a secret that cannot be read any more
        makes the whole tree unreadable)."""
        try:
            return self._trees.read(job.load_balancer_id, inventory)
        except ProviderError as error:
            LOG.warning("Job %s goes on without a tree: %s", job.id, error.reason)
            return None

    def _execute(self, job: Job, lb: tree.LoadBalancer | None, inventory: Inventory) -> Run:
        network = CachedReads(self._services.network)
        if lb is not None and inventory.load_balancer is None:
            inventory = dataclasses.replace(inventory, load_balancer=self._adopt(lb))
        settings = self._services.settings
        last = job.attempt >= settings.worker.max_attempts
        silent: frozenset[str] = frozenset()
        prepared: frozenset[str] = frozenset()
        alone = False
        while True:
            silent |= facts.silent_ones(inventory, self._services.amphora)
            prepared = facts.still_answering(inventory, prepared, self._services.amphora)
            known = facts.gather(
                lb, inventory, network, settings.amphora, last_attempt=last, silent=silent,
                prepared=prepared, alone=alone,
            )  # fmt: skip
            run = self._prepare(plan.make(job, lb, inventory, known), inventory, network)
            try:
                engine.run(flow.build(run), self._executor, run.give_up)
            except ProviderError as error:
                if _lacks_room_for_more(run.plan, error):
                    alone = True
                else:
                    job = self._otherwise(job, run, silent, error)
            else:
                if not run.plan.again:
                    return run
                prepared |= run.prepared
            inventory = self._inventory(job.load_balancer_id)

    def _otherwise(self, job: Job, run: Run, silent: frozenset[str], error: ProviderError) -> Job:
        """What is planned anew at once: room looked for elsewhere, or what one amphora of a pair
        does alone because the other one has just died.

        :raises ProviderError: this error, when another plan would be the same
        """
        if error.reason.code in run.plan.elsewhere:
            LOG.warning("Job %s looks for room elsewhere: %s", job.id, error.reason)
            return self._elsewhere(job, run)
        if error.reason.code is Code.AGENT_UNREACHABLE:
            inventory = self._inventory(job.load_balancer_id)
            if facts.silent_ones(inventory, self._services.amphora) - silent:
                LOG.warning("Job %s goes on with one amphora: %s", job.id, error.reason)
                return job
        raise error

    def _elsewhere(self, job: Job, run: Run) -> Job:
        hosts = run.hosts_tried
        return self._sessions.run(lambda session: jobs.place_elsewhere(session, job, hosts))

    def _prepare(self, made: Plan, inventory: Inventory, network: CachedReads) -> Run:
        lease = self._services.settings.worker.lease_seconds
        network.expect(*made.reads())
        book = Book(self._sessions, inventory, jobs.fence(made.job, lease))
        return Run(made, self._services, network, book, self._check_lease)

    def _remove(self, job: Job, inventory: Inventory) -> None:
        network = CachedReads(self._services.network)
        run = self._prepare(plan.removal(job, inventory), inventory, network)
        engine.run(flow.build(run), self._executor)

    def _inventory(self, load_balancer_id: str) -> Inventory:
        return self._sessions.read(lambda session: inventory_db.read(session, load_balancer_id))

    def _adopt(self, lb: tree.LoadBalancer) -> LoadBalancerRecord:
        """A record for a load balancer whose own was lost."""
        topology = self._services.settings.amphora.topology
        record = LoadBalancerRecord(
            id=lb.id,
            project_id=lb.project_id,
            vip_address=lb.vip_address,
            vip_port_id=lb.vip_port_id,
            vip_subnet_id=lb.vip_subnet_id,
            vip_network_id=lb.vip_network_id,
            vnic_type=desired.vip_kind(lb.flavor),
            flavor=dict(lb.flavor),
            topology=str(lb.flavor.get("loadbalancer_topology") or topology),
            additional_vips=tuple(dataclasses.asdict(vip) for vip in lb.additional_vips),
        )
        self._sessions.run(lambda session: inventory_db.save_load_balancer(session, record))
        return record

    def _drop(self, job: Job, inventory: Inventory) -> None:
        """Octavia's API has rolled back, or what it was about is gone: nobody knows of it."""
        LOG.warning("Job %s dropped: nothing is known of %s", job.id, job.object_id)
        if job.creates_load_balancer:
            # An earlier attempt may have built something for a load balancer that is gone.
            self._remove(job, inventory)

        def write(session: Session) -> None:
            jobs.finish(session, job, JobState.DONE)
            created = [ref.id for ref in job.objects if ref.action is Action.CREATE]
            children.forget(session, created)
            if job.creates_load_balancer:
                inventory_db.delete_load_balancer(session, job.load_balancer_id)

        self._sessions.run(write)

    def _succeed(
        self,
        job: Job,
        lb: tree.LoadBalancer | None,
        inventory: Inventory,
        run: Run,
        heard: frozenset[Key],
    ) -> None:
        failed, members = run.failed, run.plan.members
        if run.again:
            self._run_again(job, f"not all is done; members that failed: {sorted(failed)}")
            return
        self._sessions.run(
            lambda session: outcome.succeeded(session, job, lb, inventory, members, failed, heard)
        )
        LOG.info("Job %s done; members that failed: %s", job.id, sorted(failed) or "none")

    def _fail(
        self,
        job: Job,
        lb: tree.LoadBalancer | None,
        error: ProviderError,
        heard: frozenset[Key],
    ) -> None:
        worker = self._services.settings.worker
        again = may_pass(error) or self._serves_nothing(job)
        if again and job.attempt < worker.max_attempts:
            self._run_again(job, str(error.reason))
            return
        LOG.error("Job %s failed: %s", job.id, error.reason)
        if job.creates_load_balancer:
            self._release_all(job)
        self._sessions.run(lambda session: outcome.failed(session, job, lb, error.reason, heard))

    def _run_again(self, job: Job, why: str) -> None:
        delay = self._services.settings.worker.retry_interval * 2 ** (job.attempt - 1)
        LOG.warning("Job %s runs again in %g s: %s", job.id, delay, why)
        self._sessions.run(lambda session: jobs.release(session, job, delay))

    def _heard(self, job: Job) -> frozenset[Key]:
        """What heartbeats tell of; read before the amphorae that sent them may go."""
        silence = self._services.settings.health.timeout * _NOBODY_LISTENS
        since = utcnow() - datetime.timedelta(seconds=silence)
        lb_id = job.load_balancer_id
        found = self._sessions.read(lambda session: health.heard(session, lb_id, since))
        return frozenset((ObjectType(kind), key) for kind, key in found)

    def _serves_nothing(self, job: Job) -> bool:
        """A job that has given up the old amphora is tried again whatever stopped it."""
        if job.creates_load_balancer or job.removes_load_balancer:
            return False
        amphorae = self._inventory(job.load_balancer_id).amphorae
        return not any(a.serves for a in amphorae)

    def _release_all(self, job: Job) -> None:
        """What an interrupted earlier attempt left; this attempt has reverted its own."""
        try:
            self._remove(job, self._inventory(job.load_balancer_id))
        except ProviderError as error:
            LOG.error("Job %s: not everything could be released: %s", job.id, error.reason)
        except Exception:
            # What is left stays on record for the delete; the job has to end all the same.
            LOG.exception("Job %s: a defect kept it from being released", job.id)


def _lacks_room_for_more(made: Plan, error: ProviderError) -> bool:
    """What is built ahead may have taken what has failed to be had: it is done without."""
    if made.ahead is None or error.reason.code not in _ROOM:
        return False
    LOG.warning("Job %s goes on without building ahead: %s", made.job.id, error.reason)
    return True
