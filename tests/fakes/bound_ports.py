"""Ports as Neutron shows them, for every row of the table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

PORT_ID = "7d9b2c1e-4f0a-4c1d-9a55-2f6e3b8a1c44"
NETWORK_ID = "0c9e8d7f-1a2b-4c3d-8e4f-5a6b7c8d9e0f"
PCI = "0000:5e:02.3"
SOCKET = "/run/vhostuser/vhu7d9b2c1e-4f"

NETWORK: Mapping[str, Any] = {
    "id": NETWORK_ID,
    "name": "vip-net",
    "mtu": 1442,
    "tenant_id": "b6f0f1a8c3d24f60a8e4e4bb0f5a7d11",
    "provider:physical_network": "physnet1",
    "provider:network_type": "vlan",
    "provider:segmentation_id": 107,
}
SUBNETS: tuple[Mapping[str, Any], ...] = (
    {
        "id": "subnet-4",
        "network_id": NETWORK_ID,
        "cidr": "192.0.2.0/24",
        "ip_version": 4,
        "gateway_ip": "192.0.2.1",
        "enable_dhcp": True,
        "dns_nameservers": ["198.51.100.53"],
        "host_routes": [{"destination": "203.0.113.0/24", "nexthop": "192.0.2.254"}],
    },
    {
        "id": "subnet-6",
        "network_id": NETWORK_ID,
        "cidr": "2001:db8:1::/64",
        "ip_version": 6,
        "gateway_ip": None,
        "enable_dhcp": False,
        "dns_nameservers": [],
        "host_routes": [],
    },
    {
        "id": "subnet-other",
        "network_id": NETWORK_ID,
        "cidr": "198.51.100.0/24",
        "ip_version": 4,
        "gateway_ip": "198.51.100.1",
        "enable_dhcp": False,
        "dns_nameservers": [],
        "host_routes": [],
    },
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A bound port.

    :ivar osvif: class and plugin of the os-vif object; None for none
    """

    name: str
    vif_type: str
    vnic_type: str
    details: Mapping[str, Any]
    osvif: tuple[str, str] | None
    status: str = "DOWN"

    def port(self) -> dict[str, Any]:
        """As ``GET /v2.0/ports/ID`` shows it."""
        profile = {} if self.vnic_type == "normal" else {"pci_slot": PCI}
        return {
            "id": PORT_ID,
            "network_id": NETWORK_ID,
            "tenant_id": NETWORK["tenant_id"],
            "mac_address": "fa:16:3e:12:34:56",
            "admin_state_up": True,
            "status": self.status,
            "fixed_ips": [
                {"subnet_id": "subnet-4", "ip_address": "192.0.2.10"},
                {"subnet_id": "subnet-6", "ip_address": "2001:db8:1::10"},
            ],
            "binding:vif_type": self.vif_type,
            "binding:vnic_type": self.vnic_type,
            "binding:vif_details": dict(self.details),
            "binding:profile": profile,
        }


_SOCKET = {"vhostuser_socket": SOCKET}
CASES = (
    Case("ovs", "ovs", "normal", {"port_filter": True}, ("VIFOpenVSwitch", "ovs"), "ACTIVE"),
    Case(
        "ovs-options",
        "ovs",
        "normal",
        {
            "bridge_name": "br-trunk-0123456789",
            "datapath_type": "netdev",
            "ovs_create_tap": True,
            "ovs_hybrid_plug": False,
        },
        ("VIFOpenVSwitch", "ovs"),
    ),
    Case("ovs-hybrid", "ovs", "normal", {"ovs_hybrid_plug": True}, ("VIFBridge", "ovs")),
    Case("ovs-direct", "ovs", "direct", {"port_filter": True}, ("VIFHostDevice", "ovs")),
    Case("ovs-vdpa", "ovs", "vdpa", {"bridge_name": "br-ex"}, ("VIFHostDevice", "ovs")),
    Case("ovs-remote-managed", "ovs", "remote-managed", {}, ("VIFHostDevice", "noop")),
    Case("agilio", "agilio_ovs", "normal", {}, ("VIFOpenVSwitch", "ovs")),
    Case("agilio-direct", "agilio_ovs", "direct", {}, ("VIFHostDevice", "agilio_ovs")),
    Case(
        "agilio-forwarder",
        "agilio_ovs",
        "virtio-forwarder",
        _SOCKET | {"vhostuser_mode": "client"},
        ("VIFVHostUser", "agilio_ovs"),
    ),
    Case(
        "vhostuser-vrouter",
        "vhostuser",
        "normal",
        _SOCKET | {"vhostuser_vrouter_plug": True},
        ("VIFVHostUser", "contrail_vrouter"),
    ),
    Case(
        "vhostuser-ovs",
        "vhostuser",
        "normal",
        _SOCKET | {"vhostuser_ovs_plug": True, "vhostuser_mode": "server"},
        ("VIFVHostUser", "ovs"),
    ),
    Case("vhostuser", "vhostuser", "normal", _SOCKET, ("VIFVHostUser", "noop")),
    Case("vrouter", "vrouter", "normal", {"port_filter": True}, ("VIFGeneric", "vrouter")),
    Case("vrouter-direct", "vrouter", "direct", {}, ("VIFHostDevice", "vrouter")),
    Case(
        "vrouter-forwarder",
        "vrouter",
        "virtio-forwarder",
        _SOCKET | {"vhostuser_mode": "client"},
        ("VIFVHostUser", "vrouter"),
    ),
    Case("hw_veb", "hw_veb", "direct", {"vlan": "107"}, None),
    Case("hw_veb-macvtap", "hw_veb", "macvtap", {"vlan": "107"}, None),
)


def fields(vif: Any) -> Any:
    """All that an os-vif object says."""
    return settled(vif.obj_to_primitive())


def settled(value: Any) -> Any:
    """A primitive without the order in which its fields were set."""
    if isinstance(value, list):
        return [settled(item) for item in value]
    if not isinstance(value, dict):
        return value
    changes = "versioned_object.changes"
    return {k: sorted(v) if k == changes else settled(v) for k, v in value.items()}
