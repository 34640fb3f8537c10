"""What a port needs, from Neutron's objects."""

from __future__ import annotations

from typing import Any

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.wish import Wish, wish
from tests.unit.portdriver.stage import FLAT, MAC, PORT, TUNNEL, VLAN


def test_a_port_of_a_vlan_network() -> None:
    assert wish(PORT, VLAN) == Wish(
        PORT["id"], MAC, "physnet1", vlan=101, segment="physnet1 101", mtu=1400
    )


def test_a_port_of_a_flat_network_has_no_tag() -> None:
    found = wish(PORT, FLAT)
    assert (found.physnet, found.vlan, found.segment) == ("physnet1", 0, "physnet1 0")


def test_a_port_of_a_tunnel_has_no_physical_network() -> None:
    found = wish(PORT, TUNNEL)
    assert (found.physnet, found.vlan, found.segment) == (None, 0, "vxlan 5")


def test_without_a_network_the_binding_is_asked() -> None:
    port = PORT | {
        "binding:vif_details": {"vlan": "7"},
        "binding:profile": {"physical_network": "physnet2", "pci_slot": "0000:01:10.1"},
    }
    found = wish(port, None)
    assert (found.physnet, found.vlan, found.pci_slot) == ("physnet2", 7, "0000:01:10.1")
    assert (found.segment, found.mtu) == ("network n1", None)


@pytest.mark.parametrize(
    ("network", "details"),
    [
        (None, {}),
        (None, {"port_filter": False}),
        (None, {"vlan": None}),
        ({"id": "n1", "mtu": 1400}, {}),
        ({"provider:physical_network": "physnet1"}, {}),
        (VLAN | {"provider:segmentation_id": None}, {}),
        (VLAN | {"provider:segmentation_id": 0}, {}),
    ],
    ids=str,
)
def test_a_physical_network_without_a_vlan_is_not_taken_for_untagged(
    network: dict[str, Any] | None, details: dict[str, Any]
) -> None:
    port = PORT | {
        "binding:vif_details": details,
        "binding:profile": {"physical_network": "physnet1"},
    }
    with pytest.raises(ProviderError, match="physnet1 and nobody tells its VLAN") as caught:
        wish(port, network)
    assert caught.value.reason.code is Code.CONFIGURATION


def test_a_binding_that_says_untagged_is_believed() -> None:
    binding = {"physical_network": "physnet1"}
    port = PORT | {"binding:vif_details": {"vlan": "0"}, "binding:profile": binding}
    assert (wish(port, None).physnet, wish(port, None).vlan) == ("physnet1", 0)


def test_a_binding_does_not_put_a_tunnel_on_a_physical_network() -> None:
    found = wish(PORT | {"binding:profile": {"physical_network": "physnet1"}}, TUNNEL)
    assert (found.physnet, found.vlan, found.segment) == (None, 0, "vxlan 5")


def test_the_outer_tag_of_two_has_another_ethertype() -> None:
    assert wish(PORT, VLAN | {"qinq": True}).proto == 0x88A8
    assert wish(PORT, FLAT | {"qinq": True}).proto == 0x8100


def test_what_is_no_vlan_is_refused() -> None:
    with pytest.raises(ProviderError) as caught:
        wish(PORT, VLAN | {"provider:segmentation_id": 4095})
    assert caught.value.reason.code is Code.CONFIGURATION
    assert "4095 is no VLAN" in caught.value.reason.operator


@pytest.mark.parametrize(
    ("rules", "rate"),
    [
        ([], 0),
        ([{"type": "bandwidth_limit", "max_kbps": 100, "direction": "egress"}], 1),
        ([{"type": "bandwidth_limit", "max_kbps": 10_400}], 10),
        ([{"type": "bandwidth_limit", "max_kbps": 9_000, "direction": "ingress"}], 0),
        ([{"type": "dscp_marking", "dscp_mark": 10}], 0),
    ],
)
def test_the_rate_is_that_of_the_policy(rules: list[dict[str, Any]], rate: int) -> None:
    assert wish(PORT | {"qos_policy": {"rules": rules}}, VLAN).rate == rate


def test_a_port_that_is_off_is_off() -> None:
    assert wish(PORT, VLAN).up
    assert not wish(PORT | {"admin_state_up": False}, VLAN).up
