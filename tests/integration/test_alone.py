"""What concerns the whole cloud: dead agents, quotas. One test at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.demo import trouble
from tests.integration.ground import Ground, address

pytestmark = pytest.mark.alone
NIC_AGENT = "NIC Switch agent"


@pytest.mark.parametrize("attach", ["hotplug", "boot"])
def test_the_sriov_agent_is_dead(ground: Ground, attach: str) -> None:
    """Neutron cannot bind the VF: ERROR and nothing left; with the agent back it works."""
    ground.vfs(compute1=1)
    flavor = ground.flavor(vip_attach=attach)
    with trouble.dead_agent(ground.api, "compute1", NIC_AGENT):
        balancer = ground.create(flavor)
        balancer.settled("ERROR")
        assert "compute1" in balancer.reason("binding-failed").operator
        ground.empty()
    balancer.failover()
    balancer.settled()
    assert not balancer.reasons()


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
    ground.vfs(compute1=1)
    with no_more_ports(ground.api):
        balancer = ground.create()
        balancer.settled("ERROR")
        balancer.reason("quota")
        ground.empty()
    balancer.failover()
    balancer.settled()


def test_the_quota_is_used_up_by_a_member(ground: Ground) -> None:
    """Only the member is in ERROR."""
    ground.vfs(compute1=2)
    members = ground.network()
    balancer = ground.create(ground.flavor(allow_member_sriov=True))
    balancer.settled()
    pool = balancer.pool()
    with no_more_ports(ground.api):
        member = balancer.member(pool, members.subnet, address(members, 20), request_sriov=True)
    assert member.provisioning_status == "ERROR"
    balancer.reason("quota", member.id)
