from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from octavia_lib.api.drivers.exceptions import UnsupportedOptionError

from sriov_provider import vnic
from sriov_provider.api import preflight_rules as rules
from sriov_provider.network.base import Network
from sriov_provider.records import (
    Inventory,
    LoadBalancerRecord,
    MemberRecord,
    PortRecord,
    PortRole,
    PortState,
)

LB = LoadBalancerRecord(
    "lb",
    "project",
    "192.0.2.5",
    "vip-port",
    "vip-sub",
    "vip-net",
    "direct",
    additional_vips=({"address": "2001:db8::5", "subnet_id": "vip-sub6"},),
)


@pytest.mark.parametrize("kind", sorted(vnic.KINDS))
@pytest.mark.parametrize("tunnels", [True, False])
def test_which_kinds_need_a_physical_network(kind: str, tunnels: bool) -> None:
    expected = kind == "macvtap" or (kind == "direct" and not tunnels)
    assert rules.needs_physical_network(kind, tunnels) is expected


@pytest.mark.parametrize(
    ("network_type", "physical", "reached"),
    [
        ("flat", "physnet1", True),
        ("vlan", "physnet1", True),
        ("vxlan", None, False),
        ("geneve", None, False),
        ("gre", None, False),
        ("local", None, False),
        ("vlan", None, False),
        # not shown to us, or several segments
        (None, None, True),
        (None, "physnet1", True),
    ],
)
def test_which_networks_a_vf_reaches(
    network_type: str | None, physical: str | None, reached: bool
) -> None:
    network = Network("net", physical_network=physical, network_type=network_type)
    if reached:
        rules.reaches("direct", network, "the VIP")
        return
    with pytest.raises(UnsupportedOptionError) as caught:
        rules.reaches("direct", network, "the VIP")
    # The type of a network is not for tenants to see.
    assert str(network_type) not in caught.value.user_fault_string.replace("flat or vlan", "")
    assert f"type {network_type}" in caught.value.operator_fault_string


def test_a_network_nobody_knows() -> None:
    rules.reaches("direct", None, "the VIP")


@pytest.mark.parametrize(("free", "needed"), [(None, 9), (2, 2), (3, 2)])
def test_room_enough(free: int | None, needed: int) -> None:
    rules.has_room("sub", free, rules.Need(needed, "the VIP"))


def test_a_number_below_zero_is_not_shown() -> None:
    with pytest.raises(UnsupportedOptionError, match=r"has 0 free IP addresses.*needs 2 more"):
        rules.has_room("sub", -3, rules.Need(2, "the VIP"))


@pytest.mark.parametrize(("topology", "amphorae"), [("SINGLE", 1), ("ACTIVE_STANDBY", 2)])
def test_every_amphora_needs_addresses(topology: str, amphorae: int) -> None:
    record = dataclasses.replace(LB, topology=topology)
    assert rules.member_need(record, "192.0.2.7").count == amphorae
    counts = {subnet: need.count for subnet, need in rules.vip_needs(record).items()}
    assert counts == {"vip-sub": amphorae, "vip-sub6": amphorae}
    unmade = dataclasses.replace(record, vip_port_id="", vip_address="")
    counts = {subnet: need.count for subnet, need in rules.vip_needs(unmade).items()}
    assert counts == {"vip-sub": amphorae + 1, "vip-sub6": amphorae}


@pytest.mark.parametrize("found", [True, None])
def test_what_may_exist(found: bool | None) -> None:
    rules.exists("compute_flavor", "7", found, "amp_flavor_id")


def test_a_new_load_balancer_has_its_vip_network_only() -> None:
    found = rules.of_new(LB)
    assert found.kinds == {"vip-net": "direct"}
    assert found.networks == {"vip-sub": "vip-net", "vip-sub6": "vip-net"}
    assert found.subnets == {"vip-sub", "vip-sub6"}


def test_an_inventory_tells_kinds_subnets_and_networks() -> None:
    ports = (
        _port("1", "vip-net", role=PortRole.VIP, addresses=(("vip-sub", "192.0.2.6"),)),
        _port("2", "net", vnic_type="normal", addresses=(("sub", "198.51.100.2"),)),
        _port("3", "gone", state=PortState.RELEASING, addresses=(("gone-sub", "203.0.113.2"),)),
        _port("4", "leaked", state=PortState.LEAKED),
        _port("5", "wanted", state=PortState.WANTED),
    )
    members = (
        MemberRecord("m1", "lb", "pool", "198.51.100.9", "sub", network_id="net"),
        MemberRecord("m2", "lb", "pool", "203.0.113.9", "far", network_id="far-net", failed=True),
        MemberRecord("m3", "lb", "pool", "203.0.113.8", None),
    )
    found = rules.of_inventory(Inventory(LB, (), ports, members), LB)
    assert found.kinds == {"vip-net": "direct", "net": "normal", "wanted": "direct"}
    assert found.subnets == {"vip-sub", "vip-sub6", "sub"}
    assert found.networks == {
        "vip-sub": "vip-net",
        "vip-sub6": "vip-net",
        "sub": "net",
        "far": "far-net",
    }


def _port(row: str, network: str, role: PortRole = PortRole.MEMBER, **values: Any) -> PortRecord:
    given = {"vnic_type": "direct", "state": PortState.ATTACHED} | values
    return PortRecord(row, "lb", "amphora", network, role, **given)


@pytest.mark.parametrize(
    ("topology", "vip", "further", "taken"),
    [
        ("ACTIVE_STANDBY", "2001:db8::5", "192.0.2.5", False),
        ("ACTIVE_STANDBY", "192.0.2.5", "2001:db8::5", True),
        ("ACTIVE_STANDBY", "2001:db8::5", "2001:db8:1::5", True),
        ("SINGLE", "2001:db8::5", "192.0.2.5", True),
        # not chosen yet
        ("ACTIVE_STANDBY", "", "192.0.2.5", True),
        ("ACTIVE_STANDBY", "2001:db8::5", "", True),
    ],
)
def test_vips_that_a_pair_can_have(topology: str, vip: str, further: str, taken: bool) -> None:
    record = dataclasses.replace(
        LB,
        topology=topology,
        vip_address=vip,
        additional_vips=({"address": further, "subnet_id": "sub"},),
    )
    if taken:
        rules.routes(record)
        return
    with pytest.raises(UnsupportedOptionError) as refused:
        rules.routes(record)
    for word in (vip, further, topology):
        assert word in refused.value.user_fault_string
