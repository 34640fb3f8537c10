"""A driver with its real store on SQLite."""

from __future__ import annotations

from typing import Any

from octavia_lib.api.drivers import data_models as dm

from sriov_provider import config
from sriov_provider.api import services
from sriov_provider.api.cloud_reads import CloudReads
from sriov_provider.api.driver import SriovProviderDriver
from sriov_provider.api.store import DatabaseStore
from sriov_provider.api.vip_port import VipPorts
from sriov_provider.db import children, inventory, jobs, models
from sriov_provider.db.engine import Sessions
from sriov_provider.deadline import Deadline
from sriov_provider.records import Job, LoadBalancerRecord
from tests.fakes.cloud import FakeCloud


class World:
    """:ivar woken: the ids of the jobs a worker was told of
    :ivar cloud: what the preflight asks
    """

    def __init__(
        self, topology: str = "SINGLE", amphora_flavor: str = "", **preflight: Any
    ) -> None:
        """:param preflight: of :class:`config.Preflight`"""
        self.sessions = Sessions("sqlite://")
        models.Base.metadata.create_all(self.sessions.engine)
        self.woken: list[str] = []
        self.cloud = FakeCloud()
        amphora = config.Amphora(topology=topology, flavor=amphora_flavor)
        deadline = Deadline()
        self.services = services.Services(
            DatabaseStore(self.sessions, self.wake),
            CloudReads(self.cloud, self.cloud, deadline),
            VipPorts(self.cloud, deadline),
            config.Settings(amphora=amphora, preflight=config.Preflight(**preflight)),
        )

    @property
    def driver(self) -> SriovProviderDriver:
        """A new one, as for every request."""
        return SriovProviderDriver(lambda: self.services)

    def wake(self, job_id: str) -> None:
        # The row must be there before anybody is told.
        assert self.sessions.read(lambda s: jobs.get(s, job_id)) is not None
        self.woken.append(job_id)

    def jobs(self, load_balancer_id: str = "lb") -> tuple[Job, ...]:
        return self.sessions.read(lambda s: jobs.unfinished(s, load_balancer_id))

    def last(self, load_balancer_id: str = "lb") -> Job:
        found = self.jobs(load_balancer_id)[-1]
        assert self.woken[-1] == found.id
        return found

    def children(self, *ids: str) -> list[Any]:
        return [self.sessions.read(lambda s, i=i: children.get(s, i)) for i in ids]

    def record(self, load_balancer_id: str = "lb") -> LoadBalancerRecord | None:
        return self.sessions.read(lambda s: inventory.read(s, load_balancer_id)).load_balancer


def load_balancer(**values: Any) -> dm.LoadBalancer:
    given = {
        "loadbalancer_id": "lb",
        "project_id": "project",
        "vip_address": "192.0.2.5",
        "vip_port_id": "vip-port",
        "vip_subnet_id": "subnet",
        "vip_network_id": "network",
        "admin_state_up": True,
        "flavor": {"sriov_vip": True},
        "availability_zone": {},
    }
    return dm.LoadBalancer(**(given | values))


def member(member_id: str, pool: str = "http-pool", address: str = "198.51.100.1") -> dm.Member:
    return dm.Member(member_id=member_id, pool_id=pool, address=address, protocol_port=80)
