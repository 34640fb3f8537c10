"""Two amphorae on two compute hosts: where they are, who serves, and what replaces one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.demo.amphorae import Amphora
from tests.demo.report import wait_for
from tests.demo.session import Session
from tests.demo.settings import HEARTBEAT_TIMEOUT
from tests.integration.balancer import Balancer
from tests.integration.ground import Ground, address

# Seconds of silence: VRRP's three advertisements, and a machine that does much else.
TAKEOVER = 8.0
HOSTS = {"compute1", "compute2"}


class Pair:
    """A load balancer of two amphorae with a listener and a member, and a client on its network."""

    def __init__(self, ground: Ground, **flavor: Any) -> None:
        members = ground.network("physnet1")
        self.member, self.client = ground.host(members, 20), ground.host(ground.public, 10)
        self.member.serve(80)
        member = {
            "address": address(members, 20),
            "protocol_port": 80,
            "subnet_id": members.subnet,
        }
        pool = {"name": "pool", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        listener = {"name": "http", "protocol": "HTTP", "protocol_port": 80}
        wanted = {"loadbalancer_topology": "ACTIVE_STANDBY", "anti_affinity": "strict", **flavor}
        self.ground = ground
        self.balancer: Balancer = ground.create(
            ground.flavor(**wanted),
            listeners=[{**listener, "default_pool": {**pool, "members": [member]}}],
        )
        self.balancer.settled()
        self.url = f"http://{self.balancer.vip}/"
        wait_for("an answer", lambda: self.client.get(self.url), seconds=30)

    def amphorae(self) -> list[Amphora]:
        """Those that run, as Nova knows them."""
        return [Amphora(server, ()) for server in self.ground.servers()]

    def hosts(self) -> set[str]:
        """The compute hosts they are on."""
        servers = [self.ground.api.compute.get_server(s.id) for s in self.ground.servers()]
        return {str(server.compute_host) for server in servers}

    def runs(self, amphora: Amphora) -> bool:
        """Nova has its server."""
        return amphora.server.id in {server.id for server in self.ground.servers()}

    def parts(self) -> tuple[Amphora, Amphora]:
        """The one with the VIP, and the other one."""
        found = sorted(self.amphorae(), key=lambda a: a.has(self.balancer.vip))
        assert [a.has(self.balancer.vip) for a in found] == [False, True]
        return found[1], found[0]

    def whole(self) -> bool:
        """Two in service, both heard."""
        rows = self.balancer.page()["amphorae"]
        return len(rows) == 2 and all(row["state"] == "ready" for row in rows)

    @contextmanager
    def served(self) -> Iterator[Session]:
        """All the time but for a takeover, by the member."""
        with Session(self.client, self.url) as session:
            yield session
        assert session.members == {self.member.name}
        assert session.longest < TAKEOVER


@pytest.mark.essential
def test_the_other_host_takes_over(ground: Ground) -> None:
    """One VF on each host: each has an amphora. One dies, and the other one answers."""
    ground.vfs(compute1=1, compute2=1)
    pair = Pair(ground)
    assert pair.hosts() == HOSTS
    assert not pair.balancer.page()["warnings"]
    dead, survivor = pair.parts()
    with pair.served() as session:
        session.answered_after(dead.kill())
    assert survivor.has(pair.balancer.vip)


def test_the_health_manager_replaces_what_is_dead(ground: Ground) -> None:
    """On the host of the dead one, as there is no VF elsewhere; the survivor keeps the VIP."""
    ground.vfs(compute1=1, compute2=1)
    pair = Pair(ground)
    dead, survivor = pair.parts()
    with pair.served():
        dead.kill()
        wait_for("the dead one gone", lambda: not pair.runs(dead), HEARTBEAT_TIMEOUT + 60, 1)
        wait_for("two amphorae", pair.whole, 120, 1)
    assert pair.hosts() == HOSTS
    assert pair.parts()[0].server.id == survivor.server.id
    assert pair.balancer.settled().operating_status == "ONLINE"
    assert not pair.balancer.reasons()
    assert len(ground.ports()) == 2


def test_both_are_replaced_while_clients_are_served(ground: Ground) -> None:
    """``openstack loadbalancer failover`` with a spare VF on each host."""
    ground.vfs(compute1=2, compute2=2)
    pair = Pair(ground, anti_affinity="soft")
    old = {server.id for server in ground.servers()}
    with pair.served():
        pair.balancer.failover()
        pair.balancer.settled()
    assert not old & {server.id for server in ground.servers()}
    pair.parts()
    assert len(ground.servers()) == len(ground.ports()) == 2


def test_a_failover_of_a_pair_needs_no_spare_vf(ground: Ground) -> None:
    """Strict anti-affinity on two hosts with one VF each: given up before it is built."""
    ground.vfs(compute1=1, compute2=1)
    pair = Pair(ground)
    old = {server.id for server in ground.servers()}
    with pair.served():
        pair.balancer.failover()
        pair.balancer.settled()
    assert not old & {server.id for server in ground.servers()}
    assert pair.hosts() == HOSTS
