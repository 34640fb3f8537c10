"""Where amphorae come to be, and what becomes of a load balancer for which no VF is free.

Nova's PCI weigher lets a server that asks for no device come to a host without free VFs, if it may
choose: an amphora whose VFs are to be hot-plugged is easily on the wrong host.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.demo import trouble
from tests.demo.report import wait_for
from tests.integration.ground import Ground, address

ATTACH = pytest.mark.parametrize("attach", ["hotplug", "boot"])
# The way that needs more of the provider; Nova's scheduler finds the place of the other one.
FIRST = pytest.mark.parametrize(
    "attach", [pytest.param("hotplug", marks=pytest.mark.essential), "boot"]
)
PLUG = r"/servers/[^/]+/os-interface$"


def serves(ground: Ground, vip: str, members: Any) -> None:
    """A client on the VIP's network gets the page of the member."""
    member, client = ground.host(members, 20), ground.host(ground.public, 10)
    member.serve(80)
    page = wait_for("an answer", lambda: client.get(f"http://{vip}/"), seconds=20)
    assert page == member.name


@ATTACH
@pytest.mark.parametrize("kind", ["direct", "macvtap"])
def test_a_load_balancer_on_vfs(ground: Ground, attach: str, kind: str) -> None:
    """VIP and member network on VFs, created in one call; traffic passes."""
    ground.vfs(compute1=2, compute2=2)
    members = ground.network()
    flavor = ground.flavor(
        vip_attach=attach, allow_member_sriov=True, vip_vnic_type=kind, member_vnic_type=kind
    )
    member = {
        "address": address(members, 20),
        "protocol_port": 80,
        "subnet_id": members.subnet,
        "request_sriov": True,
    }
    pool = {"name": "pool", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [member]}
    listener = {"name": "http", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
    with trouble.fault("nova", "POST", PLUG, server=ground.compute_flavor.id) as plugs:
        balancer = ground.create(flavor, listeners=[listener])
        balancer.settled()
    assert len(plugs.hits) == (2 if attach == "hotplug" else 0)
    for role in ("vip", "member"):
        port = balancer.port(role)
        assert port.binding_vnic_type == kind
        assert (port.binding_vif_type, port.binding_host_id) == ("hw_veb", balancer.host())
        assert port.binding_profile["pci_slot"]
        assert balancer.filters(role) == "amphora"
    assert balancer.page()["vnic_type"] == kind
    serves(ground, balancer.vip, members)


@FIRST
@pytest.mark.parametrize("host", ["compute1", "compute2"])
def test_a_host_without_vfs_is_no_obstacle(ground: Ground, attach: str, host: str) -> None:
    """One of the two hosts has none: the amphora comes to be on the other one."""
    ground.vfs(**{host: 1})
    balancer = ground.create(ground.flavor(vip_attach=attach))
    balancer.settled()
    assert balancer.host() == host
    assert balancer.port().binding_host_id == host
    assert not balancer.reasons()
    assert len(ground.servers()) == 1
    assert len(ground.ports()) == 1


@FIRST
def test_no_vf_anywhere(ground: Ground, attach: str) -> None:
    """ERROR, a reason with network, physical network and hosts, and nothing is held."""
    balancer = ground.create(ground.flavor(vip_attach=attach))
    balancer.settled("ERROR")
    reason = balancer.reason("no-vf")
    assert ground.public.id in reason.operator
    assert ground.pf.physnet in reason.operator
    if attach == "hotplug":
        assert re.search(r"hosts tried before: compute[12]", reason.operator)
    assert "Virtual Function" in reason.user
    assert "compute" not in reason.user
    ground.empty()


def test_a_failover_after_vfs_have_come_back(ground: Ground) -> None:
    """What a failed create left can be had by a failover once there are VFs."""
    balancer = ground.create()
    balancer.settled("ERROR")
    ground.vfs(compute1=1)
    balancer.failover()
    balancer.settled()
    assert not balancer.reasons()
    assert len(ground.servers()) == 1


def test_only_the_member_without_a_vf_fails(ground: Ground) -> None:
    """On a running load balancer a member for which there is no VF is in ERROR, nothing else."""
    plenty, scarce = ground.network("physnet1"), ground.public
    balancer = ground.create(ground.flavor(allow_member_sriov=True), plenty)
    balancer.settled()
    listener = balancer.listener()
    pool = balancer.pool(listener_id=listener.id)
    near = balancer.member(pool, plenty.subnet, address(plenty, 20), request_sriov=True)
    far = balancer.member(pool, scarce.subnet, address(scarce, 21), request_sriov=True)
    assert (near.provisioning_status, far.provisioning_status) == ("ACTIVE", "ERROR")
    reason = balancer.reason("no-vf", far.id)
    assert scarce.id in reason.operator
    assert ground.pf.physnet in reason.operator
    assert balancer.host() in reason.operator
    assert not ground.ports(scarce)
    api = ground.api.load_balancer
    assert api.get_listener(listener.id).provisioning_status == "ACTIVE"
    assert api.get_pool(pool.id).provisioning_status == "ACTIVE"
    # what the guide says: VFs have become free, the member is set again
    ground.vfs(compute1=1, compute2=1)
    api.update_member(far.id, pool, weight=2)
    balancer.settled()
    assert api.get_member(far.id, pool).provisioning_status == "ACTIVE"
    assert not balancer.reasons()
    assert len(ground.ports(scarce)) == 1


def test_a_failover_without_a_spare_vf_keeps_what_serves(ground: Ground) -> None:
    """build_first finds no second VF: the old amphora stays, and a reason says why."""
    ground.vfs(compute1=1)
    balancer = ground.create()
    balancer.settled()
    old = balancer.port().id
    balancer.failover()
    balancer.settled("ERROR")
    assert balancer.port().id == old
    balancer.reason("no-vf")
    assert len(ground.servers()) == 1


def test_a_failover_that_gives_the_vf_up_first(ground: Ground) -> None:
    """release_first needs no spare VF."""
    ground.vfs(compute1=1)
    balancer = ground.create(ground.flavor(failover_strategy="release_first"))
    balancer.settled()
    old = balancer.port().id
    balancer.failover()
    balancer.settled()
    assert balancer.port().id != old
    assert len(ground.servers()) == 1
    assert len(ground.ports()) == 1
