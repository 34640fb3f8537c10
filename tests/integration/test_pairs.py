"""Two amphorae on two compute hosts: where they are, who serves, and what replaces one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.demo.amphorae import Amphora
from tests.demo.report import wait_for
from tests.demo.settings import HEARTBEAT_TIMEOUT
from tests.integration.ground import Ground
from tests.integration.serving import Serving

HOSTS = {"compute1", "compute2"}


class Pair(Serving):
    """Of two amphorae, on two hosts if nothing else is wanted."""

    def __init__(self, ground: Ground, **flavor: Any) -> None:
        pair = {"loadbalancer_topology": "ACTIVE_STANDBY", "anti_affinity": "strict"}
        super().__init__(ground, **(pair | flavor))

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
