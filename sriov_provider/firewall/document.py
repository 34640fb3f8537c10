"""Tree, interfaces and peers to the rule document of one amphora. Pure.

The document names everything an amphora may let in; its agent drops the rest. It is complete: an
agent needs no other knowledge, and two equal situations give two equal documents.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sriov_provider import tree
from sriov_provider.firewall import cidrs
from sriov_provider.firewall.closing import closing
from sriov_provider.firewall.group import group_rules
from sriov_provider.firewall.model import (
    VERSION,
    Document,
    deny_all,
    l4,
    listeners,
    peer_port,
)
from sriov_provider.vnic import Filter

__all__ = [
    "Document",
    "Interface",
    "closing",
    "deny_all",
    "document",
    "group_rules",
    "peer_port",
]

_MONITOR_L4 = {"UDP-CONNECT": "udp", "SCTP": "sctp"}
_FILTERS = {Filter.AMPHORA: "amphora", Filter.NEUTRON: "neutron", Filter.UNKNOWN: "drop"}


@dataclasses.dataclass(frozen=True)
class Interface:
    """One port of the amphora but the management port.

    :ivar mac: by which the agent finds the interface
    :ivar filter: as decided from the binding; UNKNOWN lets nothing through
    :ivar vips: VIP addresses served on it; empty on a member interface
    :ivar addresses: its own addresses
    """

    mac: str
    filter: Filter
    vips: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    dhcp: bool = False
    slaac: bool = False


def document(
    load_balancer: tree.LoadBalancer,
    interfaces: Sequence[Interface],
    peers: Sequence[str] = (),
    peer_port: int | None = None,
    echo: bool = False,
) -> dict[str, Any]:
    """Everything this amphora lets in.

    :param load_balancer: holds only what shall be served: no objects that are being deleted, no
        members that failed
    :param interfaces: all attached ports but the management port
    :param peers: base addresses of the load balancer's other amphorae
    :param peer_port: TCP port of haproxy's peers protocol; not opened without ``peers``
    :param echo: answer ICMP echo requests
    :returns: JSON-ready, sorted
    """
    members = [m for pool in _pools(load_balancer) for m in _replies(pool)]
    pings = [a for pool in _pools(load_balancer) for a in _pinged(pool)]
    return {
        "version": VERSION,
        "interfaces": sorted((_interface(i) for i in interfaces), key=_mac),
        "listeners": sorted((_listener(i) for i in listeners(load_balancer)), key=_by_port),
        "members": [_member(m) for m in sorted(set(members))],
        "ping": _addresses(pings),
        "peers": _addresses(peers),
        "peer_port": peer_port if peers else None,
        "echo": echo,
    }


def _pools(load_balancer: tree.LoadBalancer) -> Iterator[tree.Pool]:
    if load_balancer.enabled:
        yield from (pool for pool in load_balancer.pools if pool.enabled)


def _replies(pool: tree.Pool) -> Iterator[tuple[str, str, int]]:
    """(address, protocol, port) that answers of the pool's members and monitors come from."""
    monitor = pool.healthmonitor
    # Disabled members too: haproxy lets their open connections end.
    for member in pool.members:
        yield _address(member.address), l4(pool.protocol), member.port
        if monitor and monitor.enabled and monitor.type != "PING":
            yield (
                _address(member.monitor_address or member.address),
                _MONITOR_L4.get(monitor.type, "tcp"),
                member.monitor_port or member.port,
            )


def _pinged(pool: tree.Pool) -> Iterator[str]:
    monitor = pool.healthmonitor
    if monitor and monitor.enabled and monitor.type == "PING":
        yield from (m.monitor_address or m.address for m in pool.members if m.enabled)


def _interface(interface: Interface) -> dict[str, Any]:
    return {
        "mac": interface.mac.lower(),
        "filter": _FILTERS[interface.filter],
        "vips": _addresses(interface.vips),
        "addresses": _addresses(interface.addresses),
        "dhcp": interface.dhcp,
        "slaac": interface.slaac,
    }


def _listener(listener: tree.Listener) -> dict[str, Any]:
    return {
        "id": listener.id,
        "protocol": l4(listener.protocol),
        "port": listener.port,
        "allowed_cidrs": list(cidrs.normalise(listener.allowed_cidrs)),
    }


def _member(member: tuple[str, str, int]) -> dict[str, Any]:
    address, protocol, port = member
    return {"address": address, "protocol": protocol, "port": port}


def _mac(interface: Mapping[str, Any]) -> str:
    return str(interface["mac"])


def _by_port(listener: Mapping[str, Any]) -> tuple[str, int, str]:
    return listener["protocol"], listener["port"], listener["id"]


def _address(address: str) -> str:
    return str(ipaddress.ip_address(address))


def _addresses(addresses: Iterable[str]) -> list[str]:
    return sorted({_address(a) for a in addresses})
