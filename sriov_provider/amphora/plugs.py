"""Bodies of the agent's plug calls (pure)."""

from __future__ import annotations

from typing import Any

from sriov_provider.amphora.base import NetworkPlug, VipPlug
from sriov_provider.network.base import Subnet

# The agent's own SR-IOV switch installs a table of its own, which is stateful (conntrack) and
# knows nothing of members, peers or IPv6. It would sit beside ours and drop what ours lets in,
# so that no interface is ever announced as SR-IOV: our rule document covers all of them.
IS_SRIOV = False


def vip(plug: VipPlug) -> dict[str, Any]:
    """For ``POST plug/vip/<address>``."""
    return {
        "subnet_cidr": plug.subnet.cidr,
        "gateway": plug.subnet.gateway,
        "mac_address": plug.mac,
        "vrrp_ip": plug.vrrp_ip,
        "mtu": plug.mtu,
        "host_routes": _routes(plug.subnet),
        "additional_vips": [_address(a, s) for a, s in plug.additional],
        "is_sriov": IS_SRIOV,
    }


def network(plug: NetworkPlug) -> dict[str, Any]:
    """For ``POST plug/network``."""
    return {
        "mac_address": plug.mac,
        "fixed_ips": [_address(a, s) for a, s in plug.addresses],
        "mtu": plug.mtu,
        "is_sriov": IS_SRIOV,
    }


def network_on_vip(vip_plug: VipPlug, plug: NetworkPlug) -> dict[str, Any]:
    """For ``POST plug/network`` about the VIP interface: the agent rewrites the whole interface,
    so that it needs the VIP addresses (the additional ones too) along with the member's."""
    return {**network(plug), "vip_net_info": {**vip(vip_plug), "vip": vip_plug.vip_address}}


def _address(address: str, subnet: Subnet) -> dict[str, Any]:
    return {
        "ip_address": address,
        "subnet_cidr": subnet.cidr,
        "gateway": subnet.gateway,
        "host_routes": _routes(subnet),
    }


def _routes(subnet: Subnet) -> list[dict[str, str]]:
    return [{"destination": r.destination, "nexthop": r.nexthop} for r in subnet.host_routes]
