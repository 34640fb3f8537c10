"""What can be told before anything is built: the rules of the preflight. Pure.

Each rule raises octavia-lib's ``UnsupportedOptionError``. Unknown values (None) break no rule.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping

from sriov_provider import vnic
from sriov_provider.api.refusal import unsupported
from sriov_provider.network.base import Network
from sriov_provider.records import Inventory, LoadBalancerRecord, PortRole, PortState

AMPHORAE = {"SINGLE": 1, "ACTIVE_STANDBY": 2}
_SWITCHED = frozenset({"flat", "vlan"})
_LIVE = frozenset({PortState.WANTED, PortState.ATTACHED})


@dataclasses.dataclass(frozen=True)
class Attached:
    """Where the amphorae of a load balancer have, or will have, ports.

    :ivar kinds: network id -> vnic_type of the port there
    :ivar subnets: those the ports have an address of
    :ivar networks: subnet id -> network id, as far as our tables tell
    """

    kinds: Mapping[str, str]
    subnets: frozenset[str]
    networks: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Need:
    """Addresses a subnet must have free.

    :ivar what: that needs them, for the sentence
    """

    count: int
    what: str


def of_new(record: LoadBalancerRecord) -> Attached:
    """A load balancer that is about to be built."""
    vip = vip_subnets(record)
    return Attached({record.vip_network_id: record.vnic_type}, frozenset(vip), vip)


def of_inventory(inventory: Inventory, record: LoadBalancerRecord) -> Attached:
    """A load balancer that is there."""
    ports = [p for p in inventory.ports if p.state in _LIVE]
    vip = vip_subnets(record)
    here = {m.subnet_id: m.network_id for m in inventory.members if m.subnet_id and m.network_id}
    kinds = {p.network_id: p.vnic_type for p in ports if p.role is PortRole.MEMBER}
    return Attached(
        kinds={record.vip_network_id: record.vnic_type} | kinds,
        subnets=frozenset(vip) | {subnet for p in ports for subnet, _ in p.addresses},
        networks=here | vip,
    )


def vip_subnets(record: LoadBalancerRecord) -> dict[str, str]:
    """Subnets the base ports get an address of, each with the network of the VIP."""
    further = (vip["subnet_id"] for vip in record.additional_vips)
    subnets = (record.vip_subnet_id, *further)
    return {subnet: record.vip_network_id for subnet in subnets if subnet}


def vip_needs(record: LoadBalancerRecord) -> dict[str, Need]:
    """By subnet id: an address of each for the base port of every amphora, and those of the VIP
    port where Octavia has not made it yet. An address that the user chose may be outside the
    allocation pools, so it is not counted."""
    chosen = {record.vip_subnet_id: [record.vip_address]}
    for vip in record.additional_vips:
        chosen.setdefault(vip["subnet_id"], []).append(vip["address"])
    made = bool(record.vip_port_id)
    return {
        subnet: Need(
            AMPHORAE[record.topology] + (0 if made else chosen[subnet].count("")),
            "the VIP with the load balancer's own ports",
        )
        for subnet in vip_subnets(record)
    }


def member_need(record: LoadBalancerRecord, address: str) -> Need:
    """An address for the port of every amphora."""
    return Need(AMPHORAE[record.topology], f"the load balancer's port for member {address}")


def needs_physical_network(kind: str, tunnels: bool) -> bool:
    """:param tunnels: hosts have offloaded VFs, which reach tunnelled networks too"""
    path = vnic.KINDS[kind].path
    return path is vnic.Path.SWITCH or (path is vnic.Path.HOST and not tunnels)


def reaches(kind: str, network: Network | None, what: str) -> None:
    """A VF of a kind that needs a physical network has to reach the network.

    :param what: that gets the port, for the sentence
    """
    # Without the type nothing is shown to us, or the network has several segments.
    if network is None or network.network_type is None:
        return
    if network.network_type in _SWITCHED and network.physical_network:
        return
    hosts = vnic.KINDS[kind].path is vnic.Path.HOST
    hint = " See [sriov_provider] allow_tunnel_networks." if hosts else ""
    raise unsupported(
        f"Network {network.id} has no physical network, which the SR-IOV port ({kind}) of {what} "
        "needs. Allowed: networks of type flat or vlan with a physical network.",
        f"Network {network.id} is of type {network.network_type}, physical network "
        f"{network.physical_network}; {what} gets a port of type {kind}.{hint}",
    )


def has_room(subnet_id: str, free: int | None, need: Need) -> None:
    if free is None or free >= need.count:
        return
    raise unsupported(
        f"Subnet {subnet_id} has {max(free, 0)} free IP addresses, but {need.what} needs "
        f"{need.count} more. Free addresses of the subnet or choose another one."
    )


def routes(record: LoadBalancerRecord) -> None:
    """The stock agent sets IPv4 routes on the VIP interface when it is plugged; of two amphorae
    each has addresses of the first VIP's IP version only by then."""
    if AMPHORAE[record.topology] == 1 or _version(record.vip_address) != 6:
        return
    for vip in record.additional_vips:
        if _version(vip["address"]) == 4:
            raise unsupported(
                f"Additional VIP {vip['address']} is IPv4 and VIP {record.vip_address} is IPv6, "
                f"which topology {record.topology} cannot have. Allowed: the IPv4 address as VIP "
                "and the IPv6 one as additional VIP, or a flavor of topology SINGLE."
            )


def _version(address: str) -> int | None:
    return ipaddress.ip_address(address).version if address else None


def exists(key: str, value: str, found: bool | None, setting: str) -> None:
    """A compute flavor or an image.

    :param key: of the flavor; empty when octavia.conf names the value
    :param setting: in octavia.conf
    """
    if found is not False:
        return
    if key:
        raise unsupported(
            f"Flavor key '{key}' is '{value}', but the cloud has none such. Allowed: what the "
            "load balancer service finds in the cloud."
        )
    raise unsupported(
        "The load balancer service cannot boot instances without a flavor that names a "
        "compute_flavor: the one it is set up with does not exist. Choose such a flavor, or tell "
        "whoever runs the cloud.",
        f"[controller_worker] {setting} is '{value}', which the cloud does not have.",
    )
