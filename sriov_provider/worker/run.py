"""What the tasks of one run share: the services, the plan, the records and what has failed."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sriov_provider import config, tree
from sriov_provider.amphora.base import AmphoraBuilder, AmphoraClient, Endpoint
from sriov_provider.compute.base import Compute
from sriov_provider.db.firewall_checks import Repair
from sriov_provider.errors import Code, ProviderError, Reason
from sriov_provider.network.base import NetworkClient, Port
from sriov_provider.records import AmphoraRecord, Job
from sriov_provider.worker import desired
from sriov_provider.worker.book import Book
from sriov_provider.worker.fenced import fenced
from sriov_provider.worker.plan_model import Plan, Retry
from sriov_provider.worker.readings import Readings

T = TypeVar("T")

# Seconds. What is quick is noticed quickly; what is slow is asked about less often.
_FIRST_PAUSE = 0.1
# Of the time waited so far: how much later than it happens something may be noticed.
_LATE = 1 / 3
# Seconds to connect to an agent, and for its answer, when a quick question is all there is.
PATIENCE = (2.0, 5.0)


def check_attempt(job: Job, attempts: int) -> None:
    """Runs beyond the last attempt follow workers that died; a job that kills them ends.

    :raises ProviderError: INTERNAL
    """
    if job.attempt > attempts:
        raise ProviderError(
            Code.INTERNAL,
            "The operation was interrupted too often.",
            f"Job {job.id} was begun {job.attempt - 1} times and never came to an end.",
        )


@dataclasses.dataclass(frozen=True)
class Services:
    """The outside world, one object per contract; shared by all runs of a worker."""

    compute: Compute
    network: NetworkClient
    amphora: AmphoraClient
    builder: AmphoraBuilder
    settings: config.Settings


class Run:
    """One run of one plan.

    :ivar repairs: what came of the repair of each amphora
    :ivar asked: Neutron's ids of ports that Nova was asked to attach
    :ivar attached: Neutron's ids of member ports that are on their servers before their turn
    :ivar answering: ids of amphorae that go and have answered
    :ivar left: ids of amphorae, and of rows of ports, that go and are not gone yet
    :ivar prepared: ids of amphorae that the next plan finds built and plugged
    """

    def __init__(
        self,
        plan: Plan,
        services: Services,
        network: NetworkClient,
        book: Book,
        check_lease: Callable[[Job], None],
    ) -> None:
        """:param network: Neutron with the objects that never change read once per run
        :param check_lease: raises LEASE_LOST once another worker may run the job
        """
        self.plan = plan
        self.services = dataclasses.replace(
            services,
            compute=fenced(services.compute, self.check_lease),
            network=fenced(services.network, self.check_lease),
            amphora=fenced(services.amphora, self.check_lease),
        )
        self.network = fenced(network, self.check_lease)
        self.readings = Readings(self.network)
        self.book = book
        self._outside = services, network
        self._check_lease = check_lease
        self._lock = threading.Lock()
        self._failed = dict(plan.failed)
        self._passing: set[str] = set()
        self._tried = dict.fromkeys(plan.job.hosts_tried)
        self._found: dict[str, Port] | None = None
        self._given_up = threading.Event()
        self.repairs: list[Repair] = []
        self.asked: set[str] = set()
        self.attached: set[str] = set()
        self.answering: set[str] = set()
        self.left: set[str] = set()
        self.prepared: set[str] = set()

    def of(self, plan: Plan) -> Run:
        """A run of another plan on the same records, for as long as this one goes on."""
        return Run(plan, *self._outside, self.book, self._check_wanted)

    def give_up(self) -> None:
        """This run has failed; what others do for it is in vain."""
        self._given_up.set()

    def _check_wanted(self, job: Job) -> None:
        self._check_lease(job)
        if self._given_up.is_set():
            raise ProviderError(
                Code.INTERNAL,
                "The operation was interrupted.",
                f"Job {job.id} has failed elsewhere.",
            )

    @property
    def failed(self) -> dict[str, Reason]:
        """Members that cannot be served, by id: decided by the plan or met on the way."""
        with self._lock:
            return dict(self._failed)

    @property
    def hosts_tried(self) -> tuple[str, ...]:
        """Compute hosts that were found to have no VF, by this job's runs so far."""
        with self._lock:
            return tuple(self._tried)

    def tried(self, host: str) -> None:
        """This host has no VF."""
        with self._lock:
            self._tried[host] = None

    def check_lease(self) -> None:
        """:raises ProviderError: LEASE_LOST"""
        self._check_lease(self.plan.job)

    def fail_members(self, members: tuple[str, ...], error: ProviderError) -> None:
        """These members cannot be served.

        :raises ProviderError: the same, when the job shall rather be run again
        """
        passes = replug_may_help(error)
        if passes and self.plan.retry_members is Retry.NOW:
            raise error
        with self._lock:
            self._failed.update(dict.fromkeys(members, error.reason))
            self._passing.update(members if passes else ())

    @property
    def again(self) -> bool:
        """The plan is carried out, and the job is to be run again for members or for what is not
        gone yet."""
        return bool(self._passing or self.left) and self.plan.retry_members is Retry.AGAIN

    def lacks_members(self, amphora_id: str) -> bool:
        """True when the amphora is to be brought up to date later."""
        later = bool(self._passing) and self.plan.retry_members in (Retry.AGAIN, Retry.LATER)
        return later or amphora_id in self.plan.lacking

    def serve(self) -> tree.LoadBalancer:
        """The tree to serve, without members whose port could not be had."""
        assert self.plan.serve is not None, "a removal serves nothing"
        return desired.without_members(self.plan.serve, set(self.failed))

    def together(self) -> tuple[AmphoraRecord, ...]:
        """The amphorae that know each other: all but those that go and those built for the next
        plan."""
        ahead = self.plan.ahead.amphorae if self.plan.ahead else ()
        others = {*(a.record.id for a in ahead), *(a.id for a in self.plan.release_amphorae)}
        return tuple(a for a in self.book.amphorae() if a.id not in others)

    def endpoint(self, amphora_id: str) -> Endpoint:
        record = self.book.amphora(amphora_id)
        if record is None or not record.management_ip:
            raise ProviderError(
                Code.AGENT_UNREACHABLE,
                "The load balancer's amphora has no management address.",
                f"Amphora {amphora_id} has no address on the management network.",
            )
        return Endpoint(amphora_id, record.management_ip)

    def found_port(self, name: str) -> Port | None:
        """A port an earlier run left in Neutron; asked for once per run, and only if there was
        an earlier run."""
        if not self.plan.adopt:
            return None
        with self._lock:
            if self._found is None:
                self._found = self._unrecorded()
            # Handed out once: what is released after that must not be found again.
            return self._found.pop(name, None)

    def look_up_port(self, name: str) -> Port | None:
        """The port of this name in Neutron, read now; not one that is on record."""
        return self._unrecorded().get(name)

    def _unrecorded(self) -> dict[str, Port]:
        recorded = {p.neutron_id for p in self.book.ports()}
        return {p.name: p for p in self.all_ports() if p.id not in recorded}

    def all_ports(self) -> tuple[Port, ...]:
        """Every port in Neutron that carries our tag, read now."""
        return self.network.ports(self.plan.owner)


def may_pass(error: ProviderError) -> bool:
    """Worth another try for a member; a VF rarely comes free while one waits."""
    return error.retriable and error.reason.code is not Code.NO_VF


def replug_may_help(error: ProviderError) -> bool:
    """Worth another try on the same server. Nova keeps the VF that it claimed for a port that
    could not be bound until the server goes: each try would cost one."""
    return may_pass(error) and error.reason.code is not Code.BINDING_FAILED


def pause(seconds: float) -> None:
    """Between two tries of the same run."""
    time.sleep(seconds)


def wait_for(
    look: Callable[[], T | None],
    timeout: float,
    interval: float,
    what: ProviderError,
    first: float = _FIRST_PAUSE,
) -> T:
    """Call ``look`` until it gives something.

    :param timeout: seconds before ``what`` is raised
    :param interval: seconds between two looks at most
    :param first: seconds between two looks at least
    """
    began = time.monotonic()
    while True:
        result = look()
        if result is not None:
            return result
        waited = time.monotonic() - began
        if waited >= timeout:
            raise what
        time.sleep(min(max(first, waited * _LATE), interval))
