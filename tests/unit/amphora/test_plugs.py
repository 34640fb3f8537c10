"""Bodies of the plug calls, against what the stock driver sends."""

from __future__ import annotations

from typing import Any

import pytest

from sriov_provider.amphora import plugs
from sriov_provider.amphora.base import NetworkPlug, VipPlug
from sriov_provider.network.base import Route, Subnet

ROUTES = (Route("203.0.113.0/24", "198.18.16.254"),)
SUBNET = Subnet("s", "n", "198.18.16.0/20", "198.18.16.1", host_routes=ROUTES)
SIX = Subnet("s6", "n", "2001:db8::/64", None, ip_version=6)
VIP = VipPlug(
    "198.18.16.5", SUBNET, "fa:16:3e:00:00:01", 9000, "198.18.16.9", (("2001:db8::5", SIX),)
)
NETWORK = NetworkPlug("fa:16:3e:00:00:02", 1450, (("198.18.16.20", SUBNET), ("2001:db8::20", SIX)))
WIRE_ROUTES = [{"destination": "203.0.113.0/24", "nexthop": "198.18.16.254"}]
WIRE_VIP = {
    "subnet_cidr": "198.18.16.0/20",
    "gateway": "198.18.16.1",
    "mac_address": "fa:16:3e:00:00:01",
    "vrrp_ip": "198.18.16.9",
    "mtu": 9000,
    "host_routes": WIRE_ROUTES,
    "additional_vips": [
        {
            "ip_address": "2001:db8::5",
            "subnet_cidr": "2001:db8::/64",
            "gateway": None,
            "host_routes": [],
        }
    ],
    "is_sriov": False,
}
WIRE_NETWORK = {
    "mac_address": "fa:16:3e:00:00:02",
    "fixed_ips": [
        {
            "ip_address": "198.18.16.20",
            "subnet_cidr": "198.18.16.0/20",
            "gateway": "198.18.16.1",
            "host_routes": WIRE_ROUTES,
        },
        {
            "ip_address": "2001:db8::20",
            "subnet_cidr": "2001:db8::/64",
            "gateway": None,
            "host_routes": [],
        },
    ],
    "mtu": 1450,
    "is_sriov": False,
}


def test_vip() -> None:
    assert plugs.vip(VIP) == WIRE_VIP


def test_network() -> None:
    assert plugs.network(NETWORK) == WIRE_NETWORK


def test_network_on_vip_repeats_the_vip() -> None:
    body = plugs.network_on_vip(VIP, NETWORK)
    assert body == {**WIRE_NETWORK, "vip_net_info": {**WIRE_VIP, "vip": "198.18.16.5"}}


@pytest.mark.parametrize(
    "body", [plugs.vip(VIP), plugs.network(NETWORK), plugs.network_on_vip(VIP, NETWORK)]
)
def test_never_announced_as_sriov(body: dict[str, Any]) -> None:
    assert body["is_sriov"] is False
