"""Contract of the network side: what the worker asks of Neutron."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol


@dataclasses.dataclass(frozen=True)
class Route:
    destination: str
    nexthop: str


@dataclasses.dataclass(frozen=True)
class Subnet:
    id: str
    network_id: str
    cidr: str
    gateway: str | None = None
    ip_version: int = 4
    host_routes: tuple[Route, ...] = ()
    dhcp: bool = False
    slaac: bool = False


@dataclasses.dataclass(frozen=True)
class Network:
    """:ivar mtu: bytes
    :ivar physical_network: None when it has none or we may not see it
    """

    id: str
    name: str = ""
    mtu: int = 1500
    port_security: bool = True
    physical_network: str | None = None
    network_type: str | None = None


@dataclasses.dataclass(frozen=True)
class FixedIp:
    subnet_id: str
    address: str


@dataclasses.dataclass(frozen=True)
class PortSpec:
    """What to create.

    :ivar name: deterministic, so that it is found again after a crash
    :ivar owner: tag by which all ports of one load balancer are found (kept in the port's
        description: settable and filterable in one call)
    :ivar subnet_ids: one address is taken from each; empty lets Neutron choose
    :ivar vnic_type: ``binding:profile`` is never sent (service role only, Nova fills it)
    """

    name: str
    owner: str
    network_id: str
    subnet_ids: tuple[str, ...]
    vnic_type: str
    security_groups: tuple[str, ...] = ()
    allowed_addresses: tuple[str, ...] = ()
    qos_policy_id: str | None = None


@dataclasses.dataclass(frozen=True)
class Port:
    """:ivar host: ``binding:host_id``, empty when unbound
    :ivar port_filter: ``binding:vif_details.port_filter``; None when Neutron does not tell
    :ivar pci_slot: PCI address of the VF, from the binding profile Nova wrote
    """

    id: str
    name: str
    network_id: str
    mac: str
    fixed_ips: tuple[FixedIp, ...]
    vnic_type: str = "normal"
    status: str = "DOWN"
    device_id: str = ""
    host: str = ""
    vif_type: str = ""
    port_filter: bool | None = None
    port_security: bool = True
    pci_slot: str | None = None
    security_groups: tuple[str, ...] = ()
    allowed_addresses: tuple[str, ...] = ()
    qos_policy_id: str | None = None


@dataclasses.dataclass(frozen=True)
class GroupRule:
    """One ingress rule of a security group.

    :ivar protocol: ``tcp``, ``udp``, ``sctp`` or an IP protocol number as text (``112``)
    :ivar cidr: remote prefix; None for any
    """

    ethertype: str
    protocol: str
    port: int | None = None
    cidr: str | None = None


class NetworkClient(Protocol):
    """All verbs raise :class:`~sriov_provider.errors.ProviderError`; deletes of what is gone
    already are no error."""

    def network(self, network_id: str) -> Network:
        """NOT_FOUND when gone."""

    def subnet(self, subnet_id: str) -> Subnet:
        """NOT_FOUND when gone."""

    def list_networks(self, network_ids: tuple[str, ...]) -> tuple[Network, ...]:
        """Those of them that are there, in one call."""

    def list_subnets(self, subnet_ids: tuple[str, ...]) -> tuple[Subnet, ...]:
        """Those of them that are there, in one call."""

    def free_addresses(self, network_ids: tuple[str, ...]) -> Mapping[str, int]:
        """Subnet id -> how many addresses are free at least, in one call. Addresses outside the
        allocation pools, such as a router's, are taken for used ones of a pool."""

    def free_in_pools(self, subnet_id: str) -> int:
        """How many addresses of the allocation pools are free, counted port by port."""

    def ports(self, owner: str) -> tuple[Port, ...]:
        """All ports with this owner tag, in one call."""

    def port(self, port_id: str) -> Port | None: ...

    def list_ports(self, port_ids: tuple[str, ...]) -> tuple[Port, ...]:
        """Those of them that are there, in one call."""

    def create_port(self, spec: PortSpec) -> Port:
        """QUOTA, NO_ADDRESS (subnet exhausted), NOT_FOUND (network, subnet), else CLOUD_ERROR."""

    def add_port_addresses(self, port: Port, subnet_ids: tuple[str, ...]) -> Port:
        """One more fixed address from each of the subnets."""

    def update_port(
        self,
        port_id: str,
        *,
        allowed_addresses: tuple[str, ...] | None = None,
        security_groups: tuple[str, ...] | None = None,
        qos_policy_id: str | None = "",
    ) -> Port:
        """Change what is given; ``qos_policy_id=None`` removes the policy, "" leaves it."""

    def delete_port(self, port_id: str) -> None: ...

    def ensure_security_group(self, name: str, owner: str, sure: Callable[[], None]) -> str:
        """Id of the security group of this name; made when there is none.

        :param sure: called right before one is made, as the look may have taken long: raises when
            somebody else may be making it. Neutron takes several of one name
        """

    def set_group_rules(self, group_id: str, rules: tuple[GroupRule, ...]) -> None:
        """Make the ingress rules of the group exactly these: missing ones are added before
        surplus ones are deleted. Egress rules are left alone."""

    def find_security_group(self, name: str) -> str | None: ...

    def delete_security_group(self, group_id: str) -> None:
        """Retried (bounded) while Neutron still counts a port as using it."""
