"""Interfaces that no agent sets up: addresses and routes as DHCP would give them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sriov_provider.compute.local import interfaces
from sriov_provider.compute.local.records import Nic
from sriov_provider.errors import Code, ProviderError
from tests.functional import netns

pytestmark = pytest.mark.root
SUBNETS = (
    {
        "id": "s4",
        "cidr": "192.0.2.0/24",
        "gateway_ip": "192.0.2.1",
        "host_routes": [{"destination": "198.51.100.0/24", "nexthop": "192.0.2.2"}],
    },
    {"id": "s6", "cidr": "2001:db8::/64", "gateway_ip": "2001:db8::1", "host_routes": []},
)
FIXED = (("s4", "192.0.2.7"), ("s6", "2001:db8::7"))
PORT = {
    "id": "p",
    "mac_address": "fa:16:3e:00:00:01",
    "fixed_ips": [{"subnet_id": s, "ip_address": a} for s, a in FIXED],
}
NAME = "amphora-of-a-test"


def told(*words: str) -> Any:
    return json.loads(netns.run("ip", "-n", NAME, "-j", *words))


def test_addresses_and_routes() -> None:
    nic = Nic(0, PORT, {"id": "n"}, SUBNETS)
    interfaces.make_namespace(NAME)
    try:
        assert told("link", "show", "lo")[0]["flags"][:2] == ["LOOPBACK", "UP"]
        netns.run("ip", "-n", NAME, "link", "add", "eth0", "type", "veth", "peer", "other")
        netns.run("ip", "-n", NAME, "link", "set", "other", "up")
        for _ in range(2):
            interfaces.configure(nic, NAME, "eth0")
        found = told("addr", "show", "eth0")[0]["addr_info"]
        have = {(a["local"], a["prefixlen"]) for a in found if a["scope"] == "global"}
        assert have == {("192.0.2.7", 24), ("2001:db8::7", 64)}
        assert not any(a.get("tentative") for a in found if a["scope"] == "global")
        four = {r["dst"]: r.get("gateway") for r in told("route")}
        assert four["default"] == "192.0.2.1" and four["198.51.100.0/24"] == "192.0.2.2"
        six = {r["dst"]: r.get("gateway") for r in told("-6", "route")}
        assert six["default"] == "2001:db8::1"
        wrong = Nic(0, PORT, {}, ({**SUBNETS[0], "gateway_ip": "203.0.113.1"}, SUBNETS[1]))
        with pytest.raises(ProviderError) as caught:
            interfaces.configure(wrong, NAME, "eth0")
        assert caught.value.reason.code is Code.BOOT_FAILED
        with pytest.raises(ProviderError, match="eth7 of port p is not there any more"):
            interfaces.configure(nic, NAME, "eth7")
    finally:
        interfaces.remove_namespace(NAME)
    interfaces.remove_namespace(NAME)
    with pytest.raises(ProviderError, match=f"cannot be set up: .*{NAME}"):
        interfaces.configure(nic, NAME, "eth0")
