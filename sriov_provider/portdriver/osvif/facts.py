"""What os-vif's objects need of a bound port; from Neutron's JSON. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sriov_provider import cloud_errors
from sriov_provider.errors import Code

# Names of network devices have one byte less than the kernel's 16 with the closing zero; os-vif
# and Nova leave one more unused.
NAME_LENGTH = 14
# Where Open vSwitch hosts connect ports, unless the port's binding names another bridge.
INTEGRATION_BRIDGE = "br-int"
OVS_TYPES = frozenset({"ovs", "agilio_ovs"})


@dataclasses.dataclass(frozen=True)
class SubnetFacts:
    """One of the port's subnets.

    :ivar addresses: those of the port's fixed addresses that are of this subnet
    :ivar routes: destination and next hop
    """

    cidr: str
    gateway: str | None
    dns: tuple[str, ...]
    addresses: tuple[str, ...]
    routes: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class BoundPort:
    """A port that Neutron has bound to a host.

    :ivar details: ``binding:vif_details``
    :ivar device: PCI address of its VF; None for one without
    """

    id: str
    mac: str
    vif_type: str
    vnic_type: str
    active: bool
    network_id: str
    label: str | None
    mtu: int | None
    subnets: tuple[SubnetFacts, ...]
    details: Mapping[str, Any]
    device: str | None = None

    @property
    def name(self) -> str:
        """The host's end of its link: ``tap`` and the beginning of its id."""
        return device_name("tap", self.id)

    @property
    def bridge(self) -> str | None:
        """The bridge that the binding names, for the types that have one."""
        ovs = self.vif_type in OVS_TYPES or self.flag("vhostuser_ovs_plug")
        if not ovs:
            return None
        return str(self.details.get("bridge_name", INTEGRATION_BRIDGE))[:NAME_LENGTH]

    def flag(self, name: str) -> bool:
        """Whether a detail of the binding is set."""
        return bool(self.details.get(name, False))


def device_name(prefix: str, port_id: str) -> str:
    """A device's name that tells the port."""
    return (prefix + port_id)[:NAME_LENGTH]


def bound_port(
    port: Mapping[str, Any],
    network: Mapping[str, Any] | None,
    subnets: Iterable[Mapping[str, Any]],
    device: str | None = None,
) -> BoundPort:
    """Neutron's three objects as one.

    :param network: None when the caller has none: without a label and MTU then
    :param device: PCI address of the VF; by default the one in the port's profile
    """
    network = network or {}
    profile = port.get("binding:profile") or {}
    return BoundPort(
        id=port["id"],
        mac=port["mac_address"],
        vif_type=port.get("binding:vif_type") or "unbound",
        vnic_type=port.get("binding:vnic_type") or "normal",
        # A port that is switched off becomes active never: nobody waits for it.
        active=port.get("admin_state_up") is False or port.get("status") == "ACTIVE",
        network_id=port["network_id"],
        label=network.get("name"),
        mtu=network.get("mtu"),
        subnets=_subnets(port.get("fixed_ips") or (), tuple(subnets)),
        details=port.get("binding:vif_details") or {},
        device=device or profile.get("pci_slot"),
    )


def _subnets(
    fixed_ips: Sequence[Mapping[str, str]], subnets: Sequence[Mapping[str, Any]]
) -> tuple[SubnetFacts, ...]:
    wanted = {fixed["subnet_id"] for fixed in fixed_ips}
    missing = wanted - {subnet["id"] for subnet in subnets}
    if missing:
        raise cloud_errors.not_found(f"subnets of the port are not told: {sorted(missing)}")
    return tuple(_subnet(s, fixed_ips) for s in subnets if s["id"] in wanted)


def _subnet(subnet: Mapping[str, Any], fixed_ips: Sequence[Mapping[str, str]]) -> SubnetFacts:
    own = tuple(f["ip_address"] for f in fixed_ips if f["subnet_id"] == subnet["id"])
    routes = tuple((r["destination"], r["nexthop"]) for r in subnet.get("host_routes") or ())
    dns = tuple(subnet.get("dns_nameservers") or ())
    return SubnetFacts(subnet["cidr"], subnet.get("gateway_ip"), dns, own, routes)


def not_plugged(port: BoundPort) -> None:
    """Refuse a port that Neutron has not bound.

    :raises ProviderError: BINDING_FAILED
    """
    if port.vif_type in ("binding_failed", "unbound"):
        message = f"port {port.id}: its binding is '{port.vif_type}', so there is nothing to plug"
        raise cloud_errors.failure(Code.BINDING_FAILED, message, retriable=True)
