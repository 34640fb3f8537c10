"""Neutron's JSON of a port and our dataclasses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sriov_provider.network.base import FixedIp, Port, PortSpec


def request(spec: PortSpec) -> dict[str, Any]:
    """The body of a create. ``binding:profile`` is never sent: the service role alone may set
    it, and Nova fills it in."""
    port: dict[str, Any] = {
        "name": spec.name,
        "description": spec.owner,
        "network_id": spec.network_id,
        "admin_state_up": True,
        "binding:vnic_type": spec.vnic_type,
        # Always sent: without it Neutron would add the project's default group.
        "security_groups": list(spec.security_groups),
    }
    if spec.subnet_ids:
        port["fixed_ips"] = [{"subnet_id": subnet} for subnet in spec.subnet_ids]
    if spec.allowed_addresses:
        port["allowed_address_pairs"] = pairs(spec.allowed_addresses)
    if spec.qos_policy_id:
        port["qos_policy_id"] = spec.qos_policy_id
    return port


def pairs(addresses: Iterable[str]) -> list[dict[str, str]]:
    """Allowed address pairs; Neutron fills in the port's own MAC."""
    return [{"ip_address": address} for address in addresses]


def more_addresses(port: Port, subnet_ids: tuple[str, ...]) -> list[dict[str, str]]:
    """The addresses the port has and one more from each subnet."""
    kept = [{"subnet_id": ip.subnet_id, "ip_address": ip.address} for ip in port.fixed_ips]
    return kept + [{"subnet_id": subnet} for subnet in subnet_ids]


def parse(port: Mapping[str, Any]) -> Port:
    """:param port: as Neutron shows it; without the admin's view the binding is missing"""
    details = port.get("binding:vif_details") or {}
    profile = port.get("binding:profile") or {}
    return Port(
        id=port["id"],
        name=port["name"],
        network_id=port["network_id"],
        mac=port["mac_address"],
        fixed_ips=tuple(FixedIp(ip["subnet_id"], ip["ip_address"]) for ip in port["fixed_ips"]),
        vnic_type=port.get("binding:vnic_type") or "normal",
        status=port["status"],
        device_id=port.get("device_id") or "",
        host=port.get("binding:host_id") or "",
        vif_type=port.get("binding:vif_type") or "",
        port_filter=details.get("port_filter"),
        port_security=port.get("port_security_enabled", True),
        pci_slot=profile.get("pci_slot"),
        security_groups=tuple(port.get("security_groups") or ()),
        allowed_addresses=tuple(p["ip_address"] for p in port.get("allowed_address_pairs") or ()),
        qos_policy_id=port.get("qos_policy_id"),
    )
