"""Who filters a port, and kinds of port that do not go together."""

from __future__ import annotations

import time

import pytest
from openstack import exceptions

from tests.integration.ground import Ground, address

# nobody who is there
ALLOWED = "198.18.79.0/24"


@pytest.mark.essential
def test_neutron_filters_an_offloaded_port(ground: Ground) -> None:
    """``direct`` on a host whose card is in switchdev mode: Neutron filters, the amphora lets
    through; after a failover to a legacy host it is the other way round.
    """
    ground.vfs(compute2=1, switchdev=True)
    balancer = ground.create()
    balancer.settled()
    port = balancer.port()
    assert (port.binding_vif_type, port.binding_host_id) == ("ovs", "compute2")
    assert port.binding_vif_details["port_filter"] is True
    assert port.binding_profile["capabilities"] == ["switchdev"]
    assert balancer.filters() == "neutron"
    balancer.listener(allowed_cidrs=[ALLOWED])
    rules = [r for r in balancer.group_rules() if r.port_range_min == 80]
    assert [r.remote_ip_prefix for r in rules] == [ALLOWED]
    assert port.security_group_ids == [rules[0].security_group_id]

    ground.vfs(compute1=1)
    balancer.failover()
    balancer.settled()
    assert balancer.port().binding_vif_type == "hw_veb"
    assert balancer.filters() == "amphora"


def test_the_amphora_lets_pass_what_neutron_filters(ground: Ground) -> None:
    """Nobody enforces Neutron's groups here, so a client that is not allowed gets an answer from
    an offloaded VIP: the amphora's own rules do not stop it. ``amphora_firewall: always`` does.
    """
    ground.vfs(compute2=2, switchdev=True)
    stranger = ground.host(ground.public, 10)
    for flavor, answered in ((ground.flavor(), True), (always(ground), False)):
        balancer = ground.create(flavor)
        balancer.settled()
        balancer.listener(allowed_cidrs=[ALLOWED])
        counts = stranger.knock(balancer.vip, 80)
        assert counts["syn"] >= 1
        assert bool(counts["syn_ack"]) is answered


def always(ground: Ground) -> str:
    """A flavor with which the amphora filters whatever Neutron does."""
    return ground.flavor(amphora_firewall="always")


def test_mixed_kinds_on_one_network_are_refused(ground: Ground) -> None:
    """The API says so at once, and nothing is changed."""
    ground.vfs(compute1=2, compute2=2)
    members = ground.network()
    balancer = ground.create(ground.flavor(allow_member_sriov=True))
    balancer.settled()
    pool = balancer.pool(listener_id=balancer.listener().id)
    first = balancer.member(pool, members.subnet, address(members, 20), request_sriov=True)
    assert first.provisioning_status == "ACTIVE"
    began = time.monotonic()
    with pytest.raises(exceptions.HttpException) as refused:
        balancer.member(pool, members.subnet, address(members, 21))
    assert time.monotonic() - began < 1
    assert "network" in str(refused.value)
    assert "SR-IOV" in str(refused.value)
    balancer.settled()
    assert [m.id for m in ground.api.load_balancer.members(pool)] == [first.id]


@pytest.mark.parametrize("policy", ["strict", "soft", "off"])
def test_anti_affinity_is_accepted(ground: Ground, policy: str) -> None:
    """A load balancer of one amphora has nobody to be apart from; the key does no harm."""
    if policy != "strict":
        ground.flavor(anti_affinity=policy)
        return
    ground.vfs(compute1=1, compute2=1)
    balancer = ground.create(ground.flavor(anti_affinity=policy))
    balancer.settled()
