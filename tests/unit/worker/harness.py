"""A worker with everything around it: driver, database, cloud, amphorae and driver-agent.

::

    lb = world.create_load_balancer()
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert world.cloud.left_over() == ()
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import datetime
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from sriov_provider import config, tree
from sriov_provider.api.cloud_reads import CloudReads
from sriov_provider.api.driver import SriovProviderDriver
from sriov_provider.api.preflight import Preflight
from sriov_provider.api.services import Services as ApiServices
from sriov_provider.api.store import DatabaseStore
from sriov_provider.api.vip_port import VipPorts
from sriov_provider.db import inventory as inventory_db
from sriov_provider.db import jobs, outbox, reasons
from sriov_provider.db.types import utcnow
from sriov_provider.deadline import Deadline
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import AmphoraRecord, Inventory, Job, ReasonRecord
from sriov_provider.status.outbox import Outbox
from sriov_provider.worker import run as run_module
from sriov_provider.worker import trees
from sriov_provider.worker.run import Services
from sriov_provider.worker.runner import Runner
from tests.fakes.amphora import AmphoraRow, FakeAmphora
from tests.fakes.cloud import FakeCloud
from tests.fakes.errors import Killed
from tests.fakes.octavia import FakeDriverAgent
from tests.unit.worker import api
from tests.unit.worker.calls import Calls
from tests.unit.worker.clock import Clock, Inline
from tests.unit.worker.database import MortalSessions

SRIOV = {"sriov_vip": True, "allow_member_sriov": True, "compute_flavor": "m1.amphora"}
SETTINGS = config.Settings(
    worker=config.Worker(retry_interval=0.0, tree_timeout=5.0, owner="worker"),
    amphora=config.Amphora(
        boot_networks=("mgmt-net",),
        security_groups=("mgmt-group",),
        flavor="1",
        image_tag="amphora",
        boot_interval=1.0,
    ),
)


class Unchecked(ApiServices):
    """An API that lets pass what only the worker finds out: requests that race each other, or a
    cloud that does not answer in time."""

    def preflight(self) -> Preflight:
        return create_autospec(Preflight, instance=True)  # type: ignore[no-any-return]


class World:
    """One cloud, one Octavia, one provider database, one worker after another."""

    def __init__(self, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        monkeypatch.setattr(run_module, "time", self.clock)
        monkeypatch.setattr(trees, "time", self.clock)
        self.sessions = MortalSessions(f"sqlite:///{database}")
        self.cloud, self.amphora, self.agent = FakeCloud(vfs=64), FakeAmphora(), FakeDriverAgent()
        self.calls = Calls(self.cloud, self.amphora, self.sessions)
        self.skew = self.passed = datetime.timedelta()
        self.check_lease: Callable[[Job], None] = lambda job: None
        self._numbers = itertools.count(1)
        self.balancers = 0
        store = DatabaseStore(self.sessions, lambda job_id: None)
        deadline = Deadline()
        reads = CloudReads(self.cloud, self.cloud, deadline)
        ports = VipPorts(self.cloud, deadline)
        self.driver = SriovProviderDriver(lambda: Unchecked(store, reads, ports, SETTINGS))
        self._outbox = Outbox(
            self.sessions, self.agent.update_loadbalancer_status, lambda *_: True, "worker", 0.0
        )
        self._make_networks()
        self.restart()
        self.skew = datetime.timedelta()

    def _make_networks(self) -> None:
        add = self.cloud.add_subnet
        add("mgmt-subnet", "mgmt-net", "192.0.2.0/24")
        add("vip-subnet", "vip-net", "10.0.0.0/24", "10.0.0.1")
        add("vip-subnet-b", "vip-net", "10.0.1.0/24", "10.0.1.1")
        add("vip6-subnet", "vip-net", "fd00::/64", "fd00::1")
        add("sub-1", "net-1", "10.1.0.0/24", "10.1.0.1")
        add("sub-1b", "net-1", "10.1.1.0/24", "10.1.1.1")
        add("sub-2", "net-2", "10.2.0.0/24", "10.2.0.1")
        add("sub-3", "net-3", "10.3.0.0/24", "10.3.0.1")

    def restart(
        self, settings: config.Settings = SETTINGS, executor: Executor | None = None
    ) -> None:
        """A worker that knows nothing of an earlier one, after all leases have run out.

        :param executor: threads for the tasks; by default they run one by one
        """
        self.sessions.dead = False
        self.calls.forget()
        self.skew += datetime.timedelta(hours=1)
        services = Services(self.cloud, self.cloud, self.amphora, self.amphora, settings)
        reader = trees.TreeReader(
            self.agent.get_loadbalancer,
            settings.worker.tree_timeout,
            self.clock.sleep,
            lambda: utcnow() + self.passed,
        )
        self.runner = Runner(
            self.sessions,
            services,
            reader,
            executor or Inline(),
            lambda job: self.check_lease(job),
        )

    # What users do
    def create_load_balancer(
        self, *, commit: bool = True, after_reads: int = 0, **node: Any
    ) -> str:
        """:param node: what differs from an empty SR-IOV load balancer; children as dicts"""
        self.balancers += 1
        number = self.balancers
        lb_id = f"lb-{number}"
        vip = self.cloud.add_port(f"vip-port-{number}", "vip-subnet")
        new: api.Node = {
            "loadbalancer_id": lb_id,
            "project_id": "project",
            "name": "web",
            "admin_state_up": True,
            "vip_address": vip.fixed_ips[0].address,
            "vip_port_id": vip.id,
            "vip_subnet_id": "vip-subnet",
            "vip_network_id": "vip-net",
            "flavor": SRIOV,
            "listeners": [],
            "pools": [],
        } | node
        self.driver.loadbalancer_create(api.model("loadbalancers", new))
        seen = {k: v for k, v in new.items() if k != "additional_vips"}
        for kind, child in api.walk(new):
            api.set_pending(self.agent, kind, child[api.KEYS[kind]], "CREATE")
        if commit:
            self.agent.commit(seen, after_reads=after_reads)
        return lb_id

    def new_id(self, what: str) -> str:
        return f"{what}-{next(self._numbers)}"

    def listener(self, lb_id: str, **values: Any) -> api.Node:
        """A listener's dict; nothing is created."""
        return {
            "listener_id": self.new_id("listener"),
            "loadbalancer_id": lb_id,
            "protocol": "HTTP",
            "protocol_port": 80,
            "admin_state_up": True,
            "l7policies": [],
        } | values

    def pool(self, lb_id: str, **values: Any) -> api.Node:
        return {
            "pool_id": self.new_id("pool"),
            "loadbalancer_id": lb_id,
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
            "admin_state_up": True,
            "members": [],
        } | values

    def member(self, pool_id: str, address: str, subnet_id: str | None, **values: Any) -> api.Node:
        return {
            "member_id": self.new_id("member"),
            "pool_id": pool_id,
            "address": address,
            "protocol_port": 8080,
            "subnet_id": subnet_id,
            "admin_state_up": True,
            "vnic_type": "normal",
        } | values

    def add_listener(self, lb_id: str, **values: Any) -> str:
        return self._add(lb_id, "listeners", self.listener(lb_id, **values))

    def add_pool(self, lb_id: str, **values: Any) -> str:
        return self._add(lb_id, "pools", self.pool(lb_id, **values))

    def add_member(self, pool_id: str, address: str, subnet: str | None, **values: Any) -> str:
        node = self.member(pool_id, address, subnet, **values)
        return self._add(self.lb_of(pool_id), "members", node)

    def add_monitor(self, pool_id: str, **values: Any) -> str:
        node = {
            "healthmonitor_id": self.new_id("monitor"),
            "pool_id": pool_id,
            "type": "HTTP",
            "delay": 5,
            "timeout": 3,
            "max_retries": 3,
            "admin_state_up": True,
        } | values
        return self._add(self.lb_of(pool_id), "healthmonitors", node)

    def add_policy(self, listener_id: str, **values: Any) -> str:
        node = {
            "l7policy_id": self.new_id("policy"),
            "listener_id": listener_id,
            "action": "REJECT",
            "position": 1,
            "admin_state_up": True,
            "rules": [],
        } | values
        return self._add(self.lb_of(listener_id), "l7policies", node)

    def add_rule(self, policy_id: str, **values: Any) -> str:
        node = {
            "l7rule_id": self.new_id("rule"),
            "l7policy_id": policy_id,
            "type": "PATH",
            "compare_type": "STARTS_WITH",
            "value": "/admin",
            "admin_state_up": True,
        } | values
        return self._add(self.lb_of(policy_id), "l7rules", node)

    def update(self, object_id: str, *, after_reads: int = 0, **values: Any) -> None:
        lb_id = self.lb_of(object_id)
        changed = copy.deepcopy(self.agent.trees[lb_id])
        kind, node = api.find(changed, object_id)
        old = api.model(kind, node)
        node.update(values)
        new = api.model(kind, {api.KEYS[kind]: object_id} | values)
        getattr(self.driver, f"{api.VERBS[kind]}_update")(old, new)
        self._pend(changed, kind, node, "UPDATE")
        self.agent.commit(changed, after_reads=after_reads)

    def batch(self, pool_id: str, members: list[api.Node]) -> None:
        """Make these the members of a pool, as the batch update of the API does."""
        lb_id = self.lb_of(pool_id)
        changed = copy.deepcopy(self.agent.trees[lb_id])
        _, pool = api.find(changed, pool_id)
        self.driver.member_batch_update(pool_id, [api.model("members", m) for m in members])
        kept = {m["member_id"] for m in members}
        gone = [m for m in pool["members"] if m["member_id"] not in kept]
        pool["members"] = [*copy.deepcopy(members), *gone]
        for member in pool["members"]:
            self._pend(changed, "members", member, "UPDATE")
        self.agent.commit(changed)

    def delete(self, object_id: str) -> None:
        shown = self.agent.trees[self.lb_of(object_id)]
        kind, node = api.find(shown, object_id)
        getattr(self.driver, f"{api.VERBS[kind]}_delete")(api.model(kind, node))
        self._pend(shown, kind, node, "DELETE")

    def failover(self, lb_id: str) -> None:
        self.driver.loadbalancer_failover(lb_id)
        api.set_pending(self.agent, "loadbalancers", lb_id, "UPDATE")

    def delete_load_balancer(self, lb_id: str, *, cascade: bool = True) -> None:
        node = self.agent.trees.get(lb_id) or {"loadbalancer_id": lb_id}
        self.driver.loadbalancer_delete(api.model("loadbalancers", node), cascade)
        api.set_pending(self.agent, "loadbalancers", lb_id, "DELETE")

    def lb_of(self, object_id: str) -> str:
        """The load balancer whose tree holds an object."""
        for lb_id, node in self.agent.trees.items():
            if any(child[api.KEYS[kind]] == object_id for kind, child in api.walk(node)):
                return lb_id
        raise KeyError(object_id)

    def _add(self, lb_id: str, kind: str, node: api.Node) -> str:
        changed = copy.deepcopy(self.agent.trees[lb_id])
        if kind in ("listeners", "pools"):
            changed[kind].append(node)
        elif kind == "members":
            api.find(changed, node["pool_id"])[1]["members"].append(node)
        elif kind == "healthmonitors":
            api.find(changed, node["pool_id"])[1]["healthmonitor"] = node
        elif kind == "l7policies":
            api.find(changed, node["listener_id"])[1]["l7policies"].append(node)
        else:
            api.find(changed, node["l7policy_id"])[1]["rules"].append(node)
        getattr(self.driver, f"{api.VERBS[kind]}_create")(api.model(kind, node))
        self._pend(changed, kind, node, "CREATE")
        self.agent.commit(changed)
        return str(node[api.KEYS[kind]])

    def _pend(self, shown: api.Node, kind: str, node: api.Node, status: str) -> None:
        for parent in api.above(shown, kind, node):
            api.set_pending(self.agent, *parent, "UPDATE")
        api.set_pending(self.agent, kind, node[api.KEYS[kind]], status)

    # What the worker does
    def run_all(self) -> list[Job]:
        """Run jobs until there is none left, delivering statuses as the worker does.

        :returns: the attempts that were run
        """
        done: list[Job] = []
        while job := self.claim():
            done.append(job)
            assert len(done) < 50, "jobs without end"
            with contextlib.suppress(Killed):
                self.run(job)
            if self.sessions.dead:
                return done
            self._outbox.deliver_pending()
        self._outbox.deliver_pending()
        return done

    def deliver(self) -> None:
        """Tell Octavia what it has not heard yet."""
        self._outbox.deliver_pending()

    def claim(self) -> Job | None:
        return jobs.claim(self.sessions, "worker", 60, now=utcnow() + self.skew + self.passed)

    def later(self, seconds: float) -> list[Job]:
        """As :meth:`run_all`, after this time."""
        self.passed += datetime.timedelta(seconds=seconds)
        return self.run_all()

    def run(self, job: Job) -> None:
        try:
            self.runner.run(job)
        except ProviderError as error:
            if error.reason.code is not Code.LEASE_LOST:
                raise

    # What can be seen
    def inventory(self, lb_id: str) -> Inventory:
        return self.sessions.read(lambda session: inventory_db.read(session, lb_id))

    def only_amphora(self, lb_id: str) -> AmphoraRecord:
        (found,) = self.inventory(lb_id).amphorae
        return found

    def inside(self, lb_id: str) -> AmphoraRow:
        """What the load balancer's amphora was told."""
        return self.amphora.of(self.only_amphora(lb_id).id)

    def served(self, lb_id: str) -> tree.LoadBalancer:
        found = self.inside(lb_id).served
        assert found is not None
        return found

    def served_members(self, lb_id: str) -> set[str]:
        return {m.id for m in self.served(lb_id).members()}

    def reasons(self, lb_id: str) -> tuple[ReasonRecord, ...]:
        return self.sessions.read(lambda session: reasons.of_load_balancer(session, lb_id))

    def codes(self, object_id: str, lb_id: str) -> list[str]:
        """Reason codes on record for one object."""
        return [r.code for r in self.reasons(lb_id) if r.object_id == object_id]

    def pending(self) -> list[tuple[str, str]]:
        return api.pending(self.agent)

    def undelivered(self) -> int:
        return self.sessions.read(outbox.undelivered)

    @contextlib.contextmanager
    def counted(self) -> Iterator[Calls]:
        """The calls that are made while this is open."""
        self.calls.forget()
        yield self.calls


def with_attempts(attempts: int) -> config.Settings:
    """The test settings with another ``max_attempts``."""
    worker = dataclasses.replace(SETTINGS.worker, max_attempts=attempts)
    return dataclasses.replace(SETTINGS, worker=worker)
