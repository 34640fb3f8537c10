"""What concerns the whole cloud: dead agents, quotas. One test at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.demo import trouble
from tests.integration.ground import Ground, address

pytestmark = pytest.mark.alone
NIC_AGENT = "NIC Switch agent"


@contextmanager
def dead(ground: Ground) -> Iterator[None]:
    """The SR-IOV agents of all hosts are dead, and Neutron knows."""
    with ExitStack() as agents:
        for host in ground.settings.compute_hosts:
            agents.enter_context(trouble.dead_agent(ground.api, host, NIC_AGENT))
        yield


@pytest.mark.essential
def test_hot_plug_while_the_sriov_agents_are_dead(ground: Ground) -> None:
    """Neutron cannot bind the VF: ERROR and nothing left; with the agents back it works."""
    ground.vfs(compute1=1, compute2=1)
    with dead(ground):
        balancer = ground.create()
        balancer.settled("ERROR")
        assert re.search("compute[12]", balancer.reason("binding-failed").operator)
        ground.empty()
    balancer.failover()
    balancer.settled()
    assert not balancer.reasons()


def test_boot_while_the_sriov_agents_are_dead(ground: Ground) -> None:
    """Nova tries each host and says no more than that: its words are in the reason."""
    ground.vfs(compute1=1, compute2=1)
    with dead(ground):
        balancer = ground.create(ground.flavor(vip_attach="boot"))
        balancer.settled("ERROR")
        assert "Exhausted all hosts" in balancer.reason("boot-failed").operator
        ground.empty()


def test_a_member_while_the_sriov_agents_are_dead(ground: Ground) -> None:
    """Only the member is in ERROR."""
    ground.vfs(compute1=2, compute2=2)
    members = ground.network()
    balancer = ground.create(ground.flavor(allow_member_sriov=True))
    balancer.settled()
    pool = balancer.pool()
    with dead(ground):
        member = balancer.member(pool, members.subnet, address(members, 20), request_sriov=True)
    assert member.provisioning_status == "ERROR"
    balancer.reason("binding-failed", member.id)
    assert not ground.ports(members)


@contextmanager
def no_more_ports(api: Any) -> Iterator[None]:
    """The service project has used up its quota of ports."""
    project = api.identity.find_project("service").id
    api.network.update_quota(project, port=len(list(api.network.ports(project_id=project))))
    try:
        yield
    finally:
        api.network.delete_quota(project)


def test_the_quota_of_ports_is_used_up(ground: Ground) -> None:
    """ERROR and nothing left; with a larger quota it works."""
    ground.vfs(compute1=1, compute2=1)
    with no_more_ports(ground.api):
        balancer = ground.create()
        balancer.settled("ERROR")
        balancer.reason("quota")
        ground.empty()
    balancer.failover()
    balancer.settled()


def test_the_quota_is_used_up_by_a_member(ground: Ground) -> None:
    """Only the member is in ERROR."""
    ground.vfs(compute1=2, compute2=2)
    members = ground.network()
    balancer = ground.create(ground.flavor(allow_member_sriov=True))
    balancer.settled()
    pool = balancer.pool()
    with no_more_ports(ground.api):
        member = balancer.member(pool, members.subnet, address(members, 20), request_sriov=True)
    assert member.provisioning_status == "ERROR"
    balancer.reason("quota", member.id)
